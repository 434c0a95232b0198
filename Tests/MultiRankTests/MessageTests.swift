import Essentials
import MessagePassing
import Testing

extension MultiRank {
  @Suite(.serialized) struct Messages {
    let world: Communicator
    init() throws { world = try Communicator.world() }

    // With one rank there is nobody to write to.
    private var isAlone: Bool { world.size == 1 }

    @Test(arguments: [Communicator.elementsPerCall, 64])
    func numbersGoRoundARing(elementsPerCall: Int) throws {
      Communicator.splitCalls(above: elementsPerCall)
      defer { Communicator.splitCalls(above: Communicator.elementsPerCall) }
      guard !isAlone else { return }
      let next = (world.rank + 1) % world.size
      let previous = (world.rank + world.size - 1) % world.size
      // 400 kB is beyond what is sent before the receiver asks for it, so rank 0 begins and the others pass on.
      let count = 100_001
      var received: [Float] = []
      func receive() throws { received = try world.receive(Float.self, from: previous, tag: 7).values }
      if !world.isRoot { try receive() }
      try world.send((0..<count).map { Float($0 % 977 + world.rank) }, to: next, tag: 7)
      if world.isRoot { try receive() }
      #expect(received == (0..<count).map { Float($0 % 977 + previous) })
    }

    @Test func rootTakesWorkFromAnyone() throws {
      if world.isRoot {
        var seen = Set<Int>()
        for _ in 1..<max(world.size, 1) {
          let envelope = try world.probe(tag: 3)
          #expect(envelope.byteCount == 8 * envelope.source)
          let (values, from) = try world.receive(Int64.self, from: envelope.source, tag: envelope.tag)
          #expect(from == envelope && values == [Int64](repeating: 5, count: envelope.source))
          seen.insert(envelope.source)
          try world.send(value: ["for": envelope.source], to: envelope.source, tag: 4)
        }
        #expect(seen == Set(1..<max(world.size, 1)))
      } else {
        try world.send([Int64](repeating: 5, count: world.rank), to: 0, tag: 3)
        #expect(try world.receive(value: [String: Int].self, from: 0).value == ["for": world.rank])
      }
    }

    @Test func tagsKeepMessagesApart() throws {
      guard !isAlone else { return }
      if world.rank == 1 {
        try world.send([1.0], to: 0, tag: 1)
        try world.send([2.0], to: 0, tag: 2)
      } else if world.isRoot {
        #expect(try world.receive(Double.self, from: 1, tag: 2).values == [2])
        #expect(try world.receive(Double.self, from: 1, tag: 1).values == [1])
        #expect(try world.peek(from: 1) == nil)
      }
      try world.barrier()  // no message of the next test may be there already
    }

    @Test func unexpectedLengthsAreFaultsAndLoseNothing() throws {
      guard !isAlone else { return }
      if world.rank == 1 {
        try world.send([1, 2, 3] as [UInt8], to: 0)
      } else if world.isRoot {
        let whole = #expect(throws: Fault.self) { try world.receive(Float.self, from: 1) }
        #expect(whole?.found == "3 bytes")
        var four = [UInt8](repeating: 0, count: 4)
        let exact = #expect(throws: Fault.self) {
          try four.withUnsafeMutableBufferPointer { try world.receive(into: $0, from: 1) }
        }
        #expect(exact?.expected == "4 UInt8, 4 bytes")
        var three = [UInt8](repeating: 0, count: 3)
        _ = try three.withUnsafeMutableBufferPointer { try world.receive(into: $0, from: 1) }
        #expect(three == [1, 2, 3])
      }
      try world.barrier()
    }

    @Test func peersAndTagsThatDoNotExistAreFaults() {
      #expect(throws: Fault.self) { try world.send([1.0], to: world.size) }
      #expect(throws: Fault.self) { try world.send([1.0], to: -1) }
      #expect(throws: Fault.self) { try world.send([1.0], to: 0, tag: Communicator.highestTag + 1) }
      #expect(throws: Fault.self) { try world.peek(from: world.size) }
    }
  }
}
