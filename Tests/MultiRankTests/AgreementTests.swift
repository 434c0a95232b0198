import Essentials
import MessagePassing
import Testing
import TestSupport

extension MultiRank {
  @Suite(.serialized) struct Agreement {
    let world: Communicator
    init() throws { world = try Communicator.world() }

    private let fault = Fault(
      "cannot read", at: "maps.h5", expected: "a file", found: "nothing", hint: "make one")

    /// What `body` throws; nil when it does not throw a `Fault`.
    private func thrown(_ body: () throws -> Void) -> Fault? {
      do { try body() } catch { return error as? Fault }
      return nil
    }

    @Test func agreeGivesEachRankItsOwnResult() throws {
      #expect(try world.agree { world.rank * 2 } == world.rank * 2)
    }

    @Test func failureOfOneRankIsRaisedOnAll() throws {
      for failing in 0..<world.size {
        let raised = thrown {
          try world.agree("read") { if world.rank == failing { throw fault } }
        }
        var wanted = fault
        if world.size > 1 { wanted.place = "maps.h5 (rank \(failing))" }
        #expect(raised == wanted)
      }
      #expect(try world.allReduce(1) == world.size)
    }

    @Test func failureOfAllRanksAlikeNamesNoRank() {
      #expect(thrown { try world.agree { throw fault } } == fault)
    }

    @Test func lowestOfDifferentFailuresWins() {
      let raised = thrown {
        try world.agree { if world.rank >= world.size / 2 { throw Fault("\(world.rank)", at: "here") } }
      }
      #expect(raised?.what == "\(world.size / 2)")
    }

    @Test func otherErrorsAreWrapped() {
      struct Odd: Error {}
      let raised = thrown { try world.agree("count sheep") { throw Odd() } }
      #expect(raised?.what.contains("count sheep") == true)
      #expect(raised?.found?.contains("Odd") == true)
    }

    @Test func rootAloneWorks() throws {
      var ran = false
      let value = try world.onRoot { () -> [Double] in
        ran = true
        return [.nan, 1.0 / 3, -.infinity]
      }
      #expect(ran == world.isRoot)
      #expect(value[0].isNaN && value[1] == 1.0 / 3 && value[2] == -.infinity)
      #expect(try world.onRoot { () -> Int? in nil } == nil)
    }

    @Test func rootsFailureIsRaisedOnAll() {
      #expect(thrown { try world.onRoot { throw fault } } == fault)
      #expect(thrown { _ = try world.broadcast(value: Int?.none) } != nil)
    }

    @Test func mismatchedCountsAreRaisedOnAll() throws {
      let odd = world.rank == world.size - 1
      let raised = thrown { _ = try world.allReduce([Float](repeating: 1, count: odd ? 6 : 5)) }
      #expect((raised != nil) == (world.size > 1))
      if let raised {
        #expect(raised.found?.contains("5 Float") == true && raised.found?.contains("6 Float") == true)
      }
      #expect(try world.allReduce(1) == world.size)
    }

    @Test func mismatchedTypesAndCallsAreRaisedOnAll() throws {
      let odd = world.rank == world.size - 1
      let types = thrown {
        if odd { _ = try world.allReduce([1.0, 2.0]) } else { _ = try world.allReduce([1, 2] as [Int64]) }
      }
      #expect((types != nil) == (world.size > 1))
      let calls = thrown { if odd { try world.barrier() } else { _ = try world.broadcast([1, 2, 3]) } }
      #expect((calls != nil) == (world.size > 1))
      let roots = thrown { _ = try world.gather([1], to: odd ? 0 : world.size - 1) }
      #expect((roots != nil) == (world.size > 1))
      #expect(try world.allReduce(1) == world.size)
    }

    @Test func negativeColoursAreRaisedOnAll() throws {
      #expect(thrown { _ = try world.split(color: -1) } != nil)
    }
  }
}
