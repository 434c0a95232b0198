import Computing
import Conditioning
import Essentials
import Foundation
import MapStorage
import MessagePassing
import Models
import NeuralNetworks
import Records
import Runs
import Tensors
import Testing
import TestSupport

@testable import Training

extension MultiRank {
  @Suite struct TrainingRuns {
    let world: Communicator
    let folder: String

    init() throws {
      world = try Communicator.world()
      folder = try world.onRoot {
        let path = NSTemporaryDirectory() + "channeltwin-training-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
      }
    }

    /// Removes the folder when all ranks are done with it.
    func clear() throws {
      try world.barrier()
      if world.isRoot { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// 18 maps of 16 x 16: a trend and waves, different in each.
    func makeData(_ name: String = "maps.h5") throws -> String {
      let path = folder + "/" + name
      let description = MapSetDescription(rows: 16, columns: 16, hasStations: false)
      let writer = try MapSetWriter.create(
        path: path, description: description, count: 18, communicator: world, overwrite: true)
      let share = Share.range(of: 18, rank: world.rank, size: world.size)
      let maps = share.map { sample in
        ChannelFingerprint(
          rows: 16, columns: 16,
          values: (0..<256).map { i in
            let (x, y, s) = (Double(i % 16), Double(i / 16), Double(sample))
            return Float(-90 - x - 0.3 * y * s / 9 + 4 * sin(x / (2 + s / 5)) * cos(y / 3 + s))
          })
      }
      try writer.write(share.isEmpty ? nil : MapBlock(first: share.lowerBound, maps: maps))
      try writer.close()
      return path
    }

    /// Batch 12 over 15 training maps, dropout on: shares uneven at 5 ranks, epochs end within batches.
    func configuration() -> RunConfiguration<CGDMFamily> {
      var run = RunConfiguration<CGDMFamily>()
      run.seed = 7
      run.own.model.imageSize = 16
      run.own.model.baseChannels = 8
      run.own.model.multipliers = [1, 2]
      run.own.model.blocks = 1
      run.own.model.groups = 4
      run.own.model.dropout = 0.2
      run.training.steps = 20
      run.training.batch = 12
      run.training.microbatch = 5
      run.training.warmUp = 3
      run.training.decay = .constant
      run.training.bucketMiB = 0.01
      run.training.reducer = .overlapped
      run.validation.every = 10
      run.validation.maps = 2
      run.checkpoints.every = 10
      return run
    }

    /// What kriging leaves, at two magnifications, from two files, velocities down to pure noise.
    func residualConfiguration() -> RunConfiguration<CGDMFamily> {
      var run = configuration()
      run.own.model.conditionChannels = ResidualForm.channels
      run.own.model.patch = 2
      run.own.data.form = .residual
      run.own.data.normalisation = .dataset
      run.own.diffusion.schedule = .cosine
      run.own.diffusion.prediction = .velocity
      run.own.diffusion.zeroTerminalSNR = true
      run.own.data.magnifications = [2, 4]
      run.training.repeats = [2, 1]
      run.own.diffusion.terminalShare = 0.5
      return run
    }

    func train(
      _ configuration: RunConfiguration<CGDMFamily>, _ name: String, data: String, on communicator: Communicator,
      resume: TrainingRequest.Resume = .never, hasSpareCore: Bool = false
    ) throws -> TrainingOutcome {
      var request = TrainingRequest(
        data: data.split(separator: ",").map(String.init), output: folder + "/" + name)
      request.resume = resume
      request.hasSpareCore = hasSpareCore
      return try Trainer(
        request, configuration, communicator: communicator, engine: Engine(threads: 1),
        console: Console(isEnabled: false)
      ).run()
    }

    func losses(_ name: String) throws -> [Double] {
      try MetricsLog.read(folder + "/\(name)/metrics.jsonl").compactMap { $0["loss"]?.realValue }
    }

    func bytes(_ name: String, _ file: String) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name + "/" + file))
    }

    static let files = [
      "checkpoints/step-20/model.safetensors", "checkpoints/step-20/ema.safetensors",
      "checkpoints/step-20/optimizer.safetensors", "metrics.jsonl",
    ]

    /// N ranks against one: losses within 1e-4; parameters equal over the ranks (the trainer compares them before
    /// every checkpoint). Naive and overlapped reducers: the same bits; shared memory too where two numbers are added, which
    /// have one order.
    @Test func manyRanksTrainAsOne() throws {
      let data = try makeData()
      #expect(try train(configuration(), "many", data: data, on: world) == .finished(step: 20))
      let alone = try world.split(color: world.isRoot ? 0 : nil)
      if let alone { _ = try train(configuration(), "alone", data: data, on: alone) }
      var naive = configuration()
      naive.training.reducer = .naive
      _ = try train(naive, "naive", data: data, on: world)
      _ = try train(configuration(), "threaded", data: data, on: world, hasSpareCore: true)
      var shared = configuration()
      shared.training.reducer = .shared
      _ = try train(shared, "shared", data: data, on: world)
      try world.barrier()
      let many = try losses("many"), one = try losses("alone")
      #expect(zip(try losses("shared"), one).allSatisfy { abs($0 / $1 - 1) < 1e-4 })
      if world.size <= 2 {
        for file in Self.files { #expect(try bytes("many", file) == bytes("shared", file)) }
      }
      #expect(many.count == 20 && one.count == 20)
      #expect(zip(many, one).allSatisfy { abs($0 / $1 - 1) < 1e-4 })
      #expect(many[19] < many[0])
      for file in Self.files {
        #expect(try bytes("many", file) == bytes("naive", file))
        #expect(try bytes("many", file) == bytes("threaded", file))
      }
      try clear()
    }

    /// The same of residuals and Muon: what a sample is does not depend on who computes it.
    @Test func manyRanksTrainResidualsAsOne() throws {
      let data = try makeData()
      let both = try data + "," + makeData("others.h5")
      var configuration = residualConfiguration()
      configuration.training.optimiser = .muon
      _ = try train(configuration, "many", data: both, on: world)
      let alone = try world.split(color: world.isRoot ? 0 : nil)
      if let alone { _ = try train(configuration, "alone", data: both, on: alone) }
      try world.barrier()
      let many = try losses("many"), one = try losses("alone")
      #expect(many.count == 20 && zip(many, one).allSatisfy { abs($0 / $1 - 1) < 1e-4 })
      #expect(many[15...].reduce(0, +) < many[..<5].reduce(0, +))
      try clear()
    }

    @Test func anEpochVisitsADataSetAsOftenAsAsked() throws {
      let paths = [try makeData(), try makeData("others.h5")]
      func data(_ repeats: [Int]) throws -> MapData {
        try MapData(paths: paths, repeats: repeats, seed: 7, communicator: world)
      }
      let plain = try data([]), uneven = try data([3, 1])
      #expect(plain.epoch == plain.split.training)
      for number in 0..<36 {
        let visits = uneven.epoch.count { $0 == number }
        #expect(visits == (plain.epoch.contains(number) ? number < 18 ? 3 : 1 : 0))
      }
      #expect(throws: Fault.self) { try data([3]) }
      try clear()
    }

    /// Ranks that share Muon's work find the bits that one finds alone, also where there are more ranks than matrices.
    @Test(arguments: [[[3, 3, 8, 16], [16], [1, 1, 16, 8], [8, 40], [3]], [[8, 8], [8]]])
    func sharedMuonIsTheSame(shapes: [[Int]]) throws {
      var rule = Optimiser.Rule()
      rule.kind = .muon
      let kinds: [Int: Parameter.Kind] = [2: .matrix, 4: .kernel]
      let arenas = (0..<2).map { _ in
        ParameterArena(
          shapes.enumerated().map { Parameter("p\($0)", $1, kinds[$1.count] ?? .scale) },
          isTrained: true)
      }
      let optimisers = [
        Optimiser(arenas[0], rule: rule, division: Optimiser.Division(world)), Optimiser(arenas[1], rule: rule),
      ]
      let threads = Threads(count: 2), stream = RandomStream(seed: 3, purpose: .test)
      for step in 1...3 {
        for (arena, optimiser) in zip(arenas, optimisers) {
          for range in arena.ranges {
            stream.fillGaussian(
              UnsafeMutableBufferPointer(start: arena.gradients!.base + range.lowerBound, count: range.count),
              sample: range.lowerBound, step: step)
          }
          try optimiser.step(learningRate: 0.01, threads: threads)
        }
      }
      for i in 0..<arenas[0].count {
        #expect(arenas[0].weights.base[i] == arenas[1].weights.base[i])
        #expect(optimisers[0].second.base[i] == optimisers[1].second.base[i])
      }
      #expect(arenas[0].weights.base[0] != 0)
    }

    /// Stopped after ten steps and resumed: everything bit for bit as without the stop.
    @Test(arguments: [TrainingSection.OptimiserChoice.adamw, .muon])
    func resumedEqualsUninterrupted(_ optimiser: TrainingSection.OptimiserChoice) throws {
      let data = try makeData()
      var whole = configuration()
      whole.training.optimiser = optimiser
      _ = try train(whole, "whole", data: data, on: world)
      var half = whole
      half.training.steps = 10
      _ = try train(half, "halves", data: data, on: world)
      _ = try train(whole, "halves", data: data, on: world, resume: .latest)
      try world.barrier()
      for file in Self.files { #expect(try bytes("whole", file) == bytes("halves", file)) }
      try clear()
    }

    /// What one rank begins all can go on with, and the other way round: the same samples, losses within 1e-4.
    @Test func resumesOnAnotherNumberOfRanks() throws {
      let data = try makeData()
      let alone = try world.split(color: world.isRoot ? 0 : nil)
      if let alone { _ = try train(configuration(), "alone", data: data, on: alone) }
      var half = configuration()
      half.training.steps = 10
      if let alone { _ = try train(half, "changed", data: data, on: alone) }
      try world.barrier()
      _ = try train(configuration(), "changed", data: data, on: world, resume: .latest)
      try world.barrier()
      let (changed, one) = (try losses("changed"), try losses("alone"))
      #expect(changed.count == 20 && zip(changed, one).allSatisfy { abs($0 / $1 - 1) < 1e-4 })
      try clear()
    }

    /// Faults reach every rank; what is there stays.
    @Test func refusesWhatDoesNotFit() throws {
      let data = try makeData()
      var short = configuration()
      short.training.steps = 2
      _ = try train(short, "run", data: data, on: world)
      #expect(throws: Fault.self) { try train(short, "run", data: data, on: world) }
      var other = short
      other.own.model.baseChannels = 16
      let fault = #expect(throws: Fault.self) {
        try train(other, "run", data: data, on: world, resume: .latest)
      }
      #expect(fault?.place.contains("model.base_channels") == true)
      other = short
      other.own.model.imageSize = 32
      #expect(throws: Fault.self) { try train(other, "other", data: data, on: world) }
      #expect(!FileManager.default.fileExists(atPath: folder + "/other"))
      #expect(throws: Fault.self) { try train(short, "none", data: folder + "/none.h5", on: world) }
      try world.barrier()
      #expect(try train(short, "run", data: data, on: world, resume: .latest) == .finished(step: 2))
      try clear()
    }
  }
}
