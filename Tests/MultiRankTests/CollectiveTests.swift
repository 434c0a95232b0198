import Essentials
import MessagePassing
import Testing

extension MultiRank {
  @Suite(.serialized) struct Collectives {
    let world: Communicator
    init() throws { world = try Communicator.world() }

    /// The sum over ranks of `f(rank)`.
    private func total<Number: AdditiveArithmetic>(_ f: (Int) -> Number) -> Number {
      (0..<world.size).reduce(.zero) { $0 + f($1) }
    }

    @Test func placesOfRanksAreConsistent() throws {
      let ranks = try world.allGather([world.rank])
      #expect(ranks == (0..<world.size).map { [$0] })
      #expect(world.isRoot == (world.rank == 0))
      #expect((0..<world.localSize).contains(world.localRank))
      #expect(world.localSize <= world.size)
    }

    // Small whole numbers: sums are exact in every type, so the results are compared for equality.
    @Test(arguments: [Communicator.elementsPerCall, 7, 1])
    func allReduceSumsMinimaAndMaxima(elementsPerCall: Int) throws {
      Communicator.splitCalls(above: elementsPerCall)
      defer { Communicator.splitCalls(above: Communicator.elementsPerCall) }
      let floats = try world.allReduce((0..<23).map { Float($0 * (world.rank + 1)) })
      #expect(floats == (0..<23).map { i in total { Float(i * ($0 + 1)) } })
      let doubles = try world.allReduce((0..<23).map { Double($0 - world.rank) }, .minimum)
      #expect(doubles == (0..<23).map { Double($0 - world.size + 1) })
      let integers = try world.allReduce((0..<23).map { Int64($0 + world.rank) }, .maximum)
      #expect(integers == (0..<23).map { Int64($0 + world.size - 1) })
      #expect(try world.allReduce(1 << 40) == world.size << 40)
      #expect(try world.allReduce([Float]()) == [])
    }

    @Test(arguments: [Communicator.elementsPerCall, 5])
    func broadcastComesFromEveryRoot(elementsPerCall: Int) throws {
      Communicator.splitCalls(above: elementsPerCall)
      defer { Communicator.splitCalls(above: Communicator.elementsPerCall) }
      for root in 0..<world.size {
        let wanted = (0..<(11 + root)).map { Double($0) / 3 + Double(root) }
        let got = try world.broadcast(world.rank == root ? wanted : [1, 2, 3], from: root)
        #expect(got == wanted)
        var inPlace = [Float](repeating: Float(world.rank), count: 13)
        try inPlace.withUnsafeMutableBufferPointer { try world.broadcast($0, from: root) }
        #expect(inPlace == [Float](repeating: Float(root), count: 13))
        #expect(try world.broadcast([UInt8](), from: root) == [])
      }
    }

    @Test func valuesAreBroadcastAndGathered() throws {
      struct Report: Codable, Equatable { var name: String, loss: Float, notes: [String: Double?] }
      func report(_ rank: Int) -> Report {
        Report(
          name: "rank \(rank), Übertragung", loss: 0.1 + Float(rank), notes: ["a": nil, "b": .infinity])
      }
      for root in 0..<world.size {
        let got = try world.broadcast(value: world.rank == root ? report(root) : nil, from: root)
        #expect(got == report(root))
        let gathered = try world.gather(value: report(world.rank), to: root)
        #expect(gathered == (world.rank == root ? (0..<world.size).map(report) : nil))
      }
      #expect(try world.allGather(value: report(world.rank)) == (0..<world.size).map(report))
      #expect(try world.broadcast(value: world.isRoot ? "text" : nil) == "text")
    }

    /// Ranks give 0, 5, 10 … numbers: an empty part, and uneven ones.
    @Test(arguments: [Communicator.elementsPerCall, 16])
    func unevenAndEmptyPartsAreGathered(elementsPerCall: Int) throws {
      Communicator.splitCalls(above: elementsPerCall)
      defer { Communicator.splitCalls(above: Communicator.elementsPerCall) }
      func part(_ rank: Int) -> [Float] { (0..<(5 * rank)).map { Float($0 + 100 * rank) } }
      let parts = (0..<world.size).map(part)
      for root in 0..<world.size {
        let gathered = try world.gather(part(world.rank), to: root)
        #expect(gathered == (world.rank == root ? parts : nil))
      }
      #expect(try world.allGather(part(world.rank)) == parts)
      // The same in place, where each rank knows its own part only.
      var ranges: [Range<Int>] = []
      for part in parts { ranges.append((ranges.last?.upperBound ?? 0)..<(ranges.last?.upperBound ?? 0) + part.count) }
      var whole = [Float](repeating: -1, count: ranges.last?.upperBound ?? 0)
      whole.replaceSubrange(ranges[world.rank], with: parts[world.rank])
      try whole.withUnsafeMutableBufferPointer { try world.allGather($0, counts: parts.map(\.count)) }
      #expect(whole == parts.flatMap(\.self))
      #expect(throws: Fault.self) {
        try whole.withUnsafeMutableBufferPointer { try world.allGather($0, counts: parts.map(\.count) + [0]) }
      }
    }

    @Test func splitMakesGroupsInKeyOrder() throws {
      let group = try #require(try world.split(color: world.rank % 2, key: -world.rank))
      let members = try group.allGather([world.rank]).map { $0[0] }
      #expect(members == (0..<world.size).filter { $0 % 2 == world.rank % 2 }.reversed())
      #expect(members[group.rank] == world.rank)
      let rootOnly = try world.split(color: world.isRoot ? 0 : nil)
      #expect((rootOnly != nil) == world.isRoot)
      #expect(rootOnly?.size ?? 1 == 1)
    }

    @Test func equalAndUnequalHashesAreTold() throws {
      #expect(try world.allEqual(0xdead_beef_0000_0001))
      #expect(try world.allEqual(.max))
      #expect(try world.allEqual(UInt64(world.rank)) == (world.size == 1))
    }

    @Test func duplicateHasTheSameRanks() throws {
      let copy = try world.duplicate()
      #expect(copy.rank == world.rank && copy.size == world.size)
      #expect(try copy.allReduce(1) == world.size)
    }
  }
}
