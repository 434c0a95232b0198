import Essentials
import Foundation
import MessagePassing
import Synchronization
import Testing
import TestSupport

extension MultiRank {
  @Suite(.serialized) struct WorkSharing {
    let world: Communicator
    private let pieces = PieceSize(least: 2, most: 7, seconds: 5)

    init() throws { world = try Communicator.world() }

    @Test func everyJobIsDoneOnce() throws {
      let own = Mutex<[Int]>([])
      var progress: [Int] = []
      let finished = try world.handOut(
        [3..<5, 7..<7, 10..<60, 99..<100], pieces: pieces, progress: { progress.append($0) }
      ) { piece in
        usleep(1000)
        own.withLock { $0 += piece }
      }
      #expect(finished)
      let all = try world.allGather(own.withLock(\.self))
      #expect(all.flatMap(\.self).sorted() == Array(3..<5) + Array(10..<60) + [99])
      if world.isRoot {
        #expect(progress == progress.sorted() && progress.last == 53)
      } else {
        #expect(progress.isEmpty)
      }
    }

    @Test func piecesGrowWithinTheirLimits() throws {
      let lengths = Mutex<[Int]>([])
      _ = try world.handOut([0..<200], pieces: PieceSize(least: 2, most: 7, seconds: 0.001)) { piece in
        usleep(4000)
        lengths.withLock { $0.append(piece.count) }
      }
      // A round takes longer than a piece should: never more than one round.
      #expect(lengths.withLock { $0.allSatisfy { $0 <= 2 } })
      let quick = Mutex<[Int]>([])
      _ = try world.handOut([0..<1000], pieces: pieces) { piece in quick.withLock { $0.append(piece.count) } }
      #expect(quick.withLock { $0.allSatisfy { $0 <= 7 } })
    }

    @Test func nothingToDo() throws {
      #expect(try world.handOut([], pieces: pieces) { _ in Issue.record("there is no job") })
    }

    /// What the pieces left behind is released before the call returns, not some time later on another thread.
    @Test func nothingIsHeldAfterwards() throws {
      final class Left: Sendable {}
      for _ in 0..<300 {
        weak var left: Left?
        do {
          let held = Left()
          left = held
          _ = try world.handOut([0..<3], pieces: pieces) { _ in withExtendedLifetime(held) {} }
        }
        #expect(left == nil)
      }
    }

    /// One rank is slow, others do its part.
    @Test func freeRanksTakeMore() throws {
      let rank = world.rank
      let done = Mutex(0)
      _ = try world.handOut([0..<60], pieces: PieceSize(least: 1, most: 1, seconds: 1)) { piece in
        usleep(rank == 0 ? 30_000 : 1000)
        done.withLock { $0 += piece.count }
      }
      let counts = try world.allGather([done.withLock(\.self)]).flatMap(\.self)
      #expect(counts.reduce(0, +) == 60)
      if world.size > 1 { #expect(counts[0] < 20) }
    }

    @Test func faultOfOneRankIsRaisedOnAll() throws {
      let last = world.rank == world.size - 1
      let done = Mutex(0)
      var fault: Fault?
      do {
        _ = try world.handOut([0..<10_000], pieces: PieceSize(least: 1, most: 1, seconds: 1)) { piece in
          usleep(1000)
          let count = done.withLock { done in
            done += 1
            return done
          }
          if last, count == 5 { throw Fault("broken", at: "the fifth piece") }
        }
      } catch let thrown as Fault {
        fault = thrown
      }
      #expect(fault?.what == "broken")
      #expect(done.withLock(\.self) < 5000)
      try world.barrier()
    }

    @Test func stopOfOneRankStopsAll() throws {
      let last = world.rank == world.size - 1
      let done = Mutex(0)
      let finished = try world.handOut(
        [0..<10_000], pieces: PieceSize(least: 1, most: 1, seconds: 1),
        isStopped: { last && done.withLock { $0 >= 5 } }
      ) { _ in
        usleep(1000)
        done.withLock { $0 += 1 }
      }
      #expect(!finished)
      #expect(done.withLock(\.self) < 5000)
    }
  }
}
