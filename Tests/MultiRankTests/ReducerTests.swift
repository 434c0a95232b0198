import Essentials
import Foundation
import MessagePassing
import Testing
import TestSupport

extension MultiRank {
  @Suite(.serialized) struct GradientReduction {
    let world: Communicator
    init() throws { world = try Communicator.world() }

    /// Parameters of odd sizes, one alone larger than a bucket, one of a single element.
    private static let parameters = [1, 997, 30_011, 17, 64, 4099, 3, 255, 8191, 1]

    /// Gradients that differ between ranks and do not add exactly, so that another order of additions shows.
    private func gradients(_ step: Int) -> [Float] {
      (0..<Self.parameters.reduce(0, +)).map { i in
        Float(sin(Double(i * 7 + 13 * world.rank + step))) * Float(1 + i % 1000)
      }
    }

    private func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

    private enum Kind: CaseIterable { case naive, polled, threaded }

    private func make(
      _ kind: Kind, _ arena: UnsafeMutableBufferPointer<Float>, _ buckets: [Range<Int>], limit: Int = 3
    ) throws -> any GradientReducer {
      switch kind {
      case .naive: try NaiveGradientReducer(world, arena: arena, buckets: buckets, requestLimit: limit)
      case .polled:
        try OverlappedGradientReducer(
          world, arena: arena, buckets: buckets, progress: .polled, requestLimit: limit)
      case .threaded:
        try OverlappedGradientReducer(
          world, arena: arena, buckets: buckets, progress: .thread, requestLimit: limit)
      }
    }

    /// Three reductions in a row; buckets become ready in `order` while `gradients` are still being written elsewhere.
    private func reduce(
      _ kind: Kind, buckets: [Range<Int>], order: [Int], limit: Int = 3
    ) throws -> [[UInt32]] {
      let arena = UnsafeMutableBufferPointer<Float>.allocate(capacity: Self.parameters.reduce(0, +))
      defer { arena.deallocate() }
      let reducer = try make(kind, arena, buckets, limit: limit)
      return try (0..<3).map { step in
        let own = gradients(step)
        arena.initialize(repeating: .nan)
        try reducer.begin()
        for bucket in order {
          for i in buckets[bucket] { arena[i] = own[i] }
          // Ranks come at different times.
          if bucket % 3 == world.rank { usleep(300) }
          try reducer.markReady(bucket: bucket)
          try reducer.poll()
        }
        try reducer.finish()
        return bits(Array(arena))
      }
    }

    @Test(arguments: [1, 4000, 50_000, 1 << 30])
    func allReducersGiveTheSameBits(targetBytes: Int) throws {
      let buckets = GradientBuckets(parameterCounts: Self.parameters, targetBytes: targetBytes).ranges
      let inOrder = Array(buckets.indices)
      let naive = try reduce(.naive, buckets: buckets, order: inOrder)
      for kind in Kind.allCases {
        #expect(try reduce(kind, buckets: buckets, order: inOrder) == naive, "\(kind) in order")
        #expect(try reduce(kind, buckets: buckets, order: inOrder.reversed()) == naive, "\(kind) reversed")
        #expect(try reduce(kind, buckets: buckets, order: inOrder, limit: 1) == naive, "\(kind) one by one")
      }
      for step in naive {
        let hash = step.reduce(UInt64(17)) { $0 &* 31 &+ UInt64($1) }
        #expect(try world.allEqual(hash))
      }
    }

    /// Every order of adding up to 4 float32 numbers is within 3 roundings of the exact sum.
    @Test func sumsAreRight() throws {
      let buckets = GradientBuckets(parameterCounts: Self.parameters, targetBytes: 4000).ranges
      let sums = try reduce(.threaded, buckets: buckets, order: Array(buckets.indices))[0]
      let all = try world.allGather(gradients(0))
      for (i, sum) in sums.enumerated() {
        let exact = all.reduce(0.0) { $0 + Double($1[i]) }
        let magnitude = all.reduce(0.0) { $0 + abs(Double($1[i])) }
        if abs(Double(Float(bitPattern: sum)) - exact) > 3 * magnitude * Double(Float.ulpOfOne) {
          Issue.record("element \(i): \(Float(bitPattern: sum)) instead of \(exact)")
          break
        }
      }
    }

    /// Memory that is shared: the sums in rank order, which up to two ranks are also those of messages, whatever the order
    /// in which buckets become ready, round after round.
    @Test(arguments: [1, 4000, 50_000, 1 << 30]) func sharedMemory(targetBytes: Int) throws {
      let buckets = GradientBuckets(parameterCounts: Self.parameters, targetBytes: targetBytes).ranges
      let reducer = try SharedGradientReducer(world, count: Self.parameters.reduce(0, +), buckets: buckets)
      for step in 0..<4 {
        let own = gradients(step), all = try world.allGather(own)
        let sums = own.indices.map { i in all.dropFirst().reduce(all[0][i]) { $0 + $1[i] } }
        for i in own.indices { reducer.gradients[i] = .nan }
        try reducer.begin()
        // Each rank in an order of its own; in the last round some buckets are left to `finish`.
        let order = world.rank % 2 == 0 ? Array(buckets.indices) : buckets.indices.reversed()
        for bucket in step < 3 ? order : [] {
          for i in buckets[bucket] { reducer.gradients[i] = own[i] }
          if bucket % 3 == world.rank { usleep(300) }
          reducer.markReady(bucket: bucket)
          reducer.poll()
        }
        if step == 3 { for i in own.indices { reducer.gradients[i] = own[i] } }
        try reducer.finish()
        #expect(bits(Array(reducer.gradients)) == bits(sums), "round \(step)")
        #expect(reducer.lastTotalSeconds >= reducer.lastWaitSeconds)
        // Nobody writes the next round's gradients before all have read this one's.
        try world.barrier()
      }
      if world.size <= 2 {
        let naive = try reduce(.naive, buckets: buckets, order: Array(buckets.indices))
        #expect(naive[2] == bits(try world.allReduce(gradients(2), .sum)))
      }
    }

    @Test func sharedMemoryRaisesFailuresOnAll() throws {
      let buckets = GradientBuckets(parameterCounts: Self.parameters, targetBytes: 4000).ranges
      let reducer = try SharedGradientReducer(world, count: Self.parameters.reduce(0, +), buckets: buckets)
      let failing = world.size - 1, fault = Fault("the loss is not finite", at: "step 3")
      try reducer.begin()
      #expect(throws: Fault.self) { try reducer.begin() }
      for bucket in buckets.indices.prefix(world.rank == failing ? 1 : buckets.count) {
        reducer.markReady(bucket: bucket)
      }
      let raised = #expect(throws: Fault.self) {
        try reducer.finish(failure: world.rank == failing ? fault : nil)
      }
      #expect(raised?.what == fault.what)
      try reducer.begin()
      try reducer.finish()
      #expect(throws: Fault.self) { try SharedGradientReducer(world, count: 10, buckets: [0..<5, 4..<10]) }
    }

    @Test func bucketsAboveOneCallsCountAreSplit() throws {
      let buckets = GradientBuckets(parameterCounts: Self.parameters, targetBytes: 50_000).ranges
      let whole = try reduce(.naive, buckets: buckets, order: Array(buckets.indices))
      Communicator.splitCalls(above: 4001)
      defer { Communicator.splitCalls(above: Communicator.elementsPerCall) }
      let naive = try reduce(.naive, buckets: buckets, order: Array(buckets.indices))
      #expect(try reduce(.threaded, buckets: buckets, order: Array(buckets.indices)) == naive)
      // Two numbers have one order: split or whole, the bits are the same.
      if world.size <= 2 { #expect(naive == whole) }
    }

    @Test func failureOfOneRankDuringBackwardIsRaisedOnAll() throws {
      let buckets = GradientBuckets(parameterCounts: Self.parameters, targetBytes: 4000).ranges
      var arena = gradients(0)
      let fault = Fault("the loss is not finite", at: "step 3")
      let failing = world.size - 1
      try arena.withUnsafeMutableBufferPointer { arena in
        for kind in Kind.allCases {
          let reducer = try make(kind, arena, buckets)
          try reducer.begin()
          // The failing rank stops after its first bucket.
          for bucket in buckets.indices.prefix(world.rank == failing ? 1 : buckets.count) {
            try reducer.markReady(bucket: bucket)
          }
          let raised = #expect(throws: Fault.self) {
            try reducer.finish(failure: world.rank == failing ? fault : nil)
          }
          #expect(raised?.what == fault.what)
          try reducer.begin()
          try reducer.finish()
        }
      }
    }

    @Test func unlikeOrMisfittingBucketsAreRaisedOnAll() throws {
      var arena = [Float](repeating: 0, count: 10)
      try arena.withUnsafeMutableBufferPointer { arena in
        let odd = world.rank == world.size - 1
        for wrong in [[0..<5, 4..<10], [0..<11]] {
          #expect(throws: Fault.self) { try NaiveGradientReducer(world, arena: arena, buckets: wrong) }
        }
        if world.size > 1 {
          #expect(throws: Fault.self) {
            try NaiveGradientReducer(world, arena: arena, buckets: odd ? [0..<10] : [5..<10, 0..<5])
          }
        }
        let reducer = try NaiveGradientReducer(world, arena: arena, buckets: [0..<10])
        try reducer.begin()
        if world.size > 1 { #expect(throws: Fault.self) { try reducer.begin() } }
        try reducer.finish()
      }
    }

    @Test func timesAreTold() throws {
      var arena = [Float](repeating: 1, count: 1 << 18)
      try arena.withUnsafeMutableBufferPointer { arena in
        let reducer = try make(.threaded, arena, [(1 << 17)..<(1 << 18), 0..<(1 << 17)])
        try reducer.begin()
        try reducer.markReady(bucket: 0)
        usleep(20_000)
        try reducer.finish()
        if world.size > 1 {
          #expect(reducer.lastWaitSeconds > 0 && reducer.lastTotalSeconds > 0)
        } else {
          #expect(reducer.lastTotalSeconds == 0)
        }
        #expect(arena.allSatisfy { $0 == Float(world.size) })
      }
    }
  }
}
