import Essentials
import Evaluation
import Foundation
import Interpolation
import MapStorage
import MessagePassing
import Models
import Reconstruction
import Records
import Runs
import Tensors
import Testing

extension MultiRank {
  /// Draws, means, deviations and the protocol, by all ranks and by one: the same.
  @Suite(.serialized) struct Reconstruction {
    private let runs: TrainingRuns
    private let world: Communicator
    /// Each rank alone.
    private let single: Communicator
    private let data: String
    private let trained: any TrainedModel

    init() throws {
      runs = try TrainingRuns()
      world = runs.world
      single = try #require(try world.split(color: world.rank))
      data = try runs.makeData()
      var configuration = runs.configuration()
      configuration.own.diffusion.prediction = .velocity
      configuration.own.diffusion.zeroTerminalSNR = true
      configuration.own.diffusion.start = .noise
      configuration.own.diffusion.startTimestep = nil
      configuration.training.steps = 3
      _ = try runs.train(configuration, "run", data: data, on: world)
      trained = try TrainedRun<CGDMFamily>.load(
        run: runs.folder + "/run", communicator: world, console: Console(isEnabled: false))
    }

    private func file(_ name: String) -> String { "\(runs.folder)/\(name)" }

    @discardableResult
    private func reconstruct(
      _ name: String, on ranks: Communicator, _ method: ReconstructionMethod? = nil,
      _ change: (inout ReconstructionRequest) -> Void = { _ in }
    ) throws -> MapSetReader {
      var request = ReconstructionRequest(input: .dataSet(path: data, split: .all), output: file(name))
      if method == nil { (request.sampling.sampler, request.sampling.steps) = (.dpmSolver, 4) }
      change(&request)
      #expect(
        try Reconstructor.run(
          request, method ?? .model(trained), communicator: ranks, engine: Engine(threads: 1), progress: .silent) == 18)
      return try MapSetReader(path: file(name))
    }

    /// Any ranks and batches: the same draws. Their mean is the map, and the deviation theirs.
    @Test func drawsBelongToTheirSamples() throws {
      func several(_ batch: Int) -> (inout ReconstructionRequest) -> Void {
        { request in
          (request.sampling.draws, request.sampling.keepsDraws, request.sampling.eta) = (3, true, 0.5)
          request.batch = batch
        }
      }
      let together = try reconstruct("together.h5", on: world, nil, several(4))
      let alone = try reconstruct("alone-\(world.rank).h5", on: single, nil, several(7))
      #expect(together.description == alone.description)
      #expect(together.description.draws == 3 && together.description.reconstruction?.draws == 3)
      #expect(together.description.reconstruction?.estimate == "mean")
      #expect(together.description.layers.map(\.units) == ["dB"])
      let all = Array(0..<18)
      #expect(try together.sampleIndices(indices: all) == all)
      let maps = try together.read(indices: all)
      let deviations = try together.read(layer: "deviation", indices: all)
      for sample in all {
        let draws = try together.draws(of: sample), own = try alone.draws(of: sample)
        for (a, b) in zip(draws, own) {
          // Products of other batches are cut into other blocks: rounding of values about -100.
          #expect(zip(a.values, b.values).allSatisfy { abs($0 - $1) < 1e-3 })
        }
        #expect(draws[0] != draws[1] && draws[1] != draws[2])
        let values = draws.map { Double($0.values[100]) }
        let mean = values.reduce(0, +) / 3
        let variance = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 2
        let deviation = (variance * 4 / 3).squareRoot()
        #expect(abs(mean - Double(maps[sample].values[100])) < 1e-4)
        #expect(abs(Double(deviations[sample].values[100]) / deviation - 1) < 1e-3)
      }
      // The first of several draws is the only one of one.
      let one = try reconstruct("one.h5", on: world) { $0.sampling.eta = 0.5 }
      #expect(try one.read(indices: [5])[0] == together.draws(of: 5)[0])
      #expect(one.description.layers.isEmpty && one.description.reconstruction?.estimate == "draw")
      try runs.clear()
    }

    /// One evaluation: whatever the seed, since it starts from nothing.
    @Test func directEstimatesDependOnNoNoise() throws {
      let direct = try reconstruct("direct.h5", on: world) { $0.sampling.estimate = .direct }
      let other = try reconstruct("seed.h5", on: single.size == world.size ? single : world) { request in
        (request.sampling.estimate, request.sampling.seed, request.sampling.draws) = (.direct, 99, 3)
      }
      let record = try #require(direct.description.reconstruction)
      #expect(record.sampler == "direct" && record.steps == 1 && record.draws == 0)
      #expect(direct.description.layers.isEmpty && other.description.layers.count == 1)
      for sample in 0..<18 { #expect(try direct.read(indices: [sample]) == other.read(indices: [sample])) }
      #expect(throws: Fault.self) {
        try reconstruct("none.h5", on: world) { ($0.sampling.estimate, $0.sampling.keepsDraws) = (.direct, true) }
      }
      #expect(throws: Fault.self) {
        try reconstruct("none.h5", on: world) { ($0.sampling.estimate, $0.sampling.draws) = (.draw, 2) }
      }
      #expect(!FileManager.default.fileExists(atPath: file("none.h5")))
      try runs.clear()
    }

    @Test(arguments: InterpolationMethod.allCases)
    func interpolationsAreReconstructions(_ method: InterpolationMethod) throws {
      let made = try reconstruct("fine.h5", on: world, .interpolation(method))
      let grid = try SamplingGrid(rows: 16, columns: 16, magnification: 4)
      let interpolator = try method.make(grid: grid)
      let truth = try MapSetReader(path: data)
      for sample in [0, 17] {
        let coarse = grid.decimate(try truth.read(indices: [sample])[0].values)
        let want = try interpolator.interpolate(
          StationMap(ChannelFingerprint(rows: 4, columns: 4, values: coarse)))
        #expect(try made.read(indices: [sample])[0] == want.map)
        #expect((want.deviation != nil) == (made.description.layers.count == 1))
        if let deviation = want.deviation {
          #expect(try made.read(layer: "deviation", indices: [sample])[0] == deviation)
        }
      }
      #expect(throws: Fault.self) {
        try reconstruct("none.h5", on: world, .interpolation(method)) { $0.sampling.draws = 2 }
      }
      #expect(throws: Fault.self) {
        try reconstruct("none.h5", on: world, .interpolation(method)) {
          $0.input = .dataSet(path: data, split: .test)
        }
      }
      try runs.clear()
    }

    @Test func theProtocolDoesNotDependOnTheNumberOfRanks() throws {
      func run(_ name: String, _ ranks: Communicator) throws -> ProtocolReport {
        var request = ProtocolRequest(
          data: [.init(name: "all", path: data), .init(name: "layer", path: data, layer: "maps")],
          models: [("direct", trained)], outputDirectory: file(name))
        request.magnifications = [2, 4]
        request.sampling.sampling.estimate = .direct
        // Map by map the network's products are the same on any number of ranks, to the last bit.
        request.sampling.batch = 1
        return try ProtocolEvaluation.run(
          request, communicator: ranks, engine: Engine(threads: 1), console: Console(isEnabled: false),
          progress: .silent)
      }
      let together = try run("together", world), alone = try run("alone-\(world.rank)", single)
      #expect(together.cells.map(\.folder) == ["all-x2", "all-x4", "layer-x2", "layer-x4"])
      for (a, b) in zip(together.cells, alone.cells) {
        #expect(a.report.methods == b.report.methods && a.report.gains == b.report.gains)
      }
      // The layer is the maps themselves.
      #expect(together.cells[0].report.methods == together.cells[2].report.methods)
      for name in ["protocol.md", "protocol.json", "all-x2/report.md", "layer-x4/median.png", "all-x4/direct.h5"] {
        #expect(FileManager.default.fileExists(atPath: file("together/\(name)")), "\(name)")
      }
      #expect(throws: Fault.self) {
        let request = ProtocolRequest(
          data: [.init(name: "a/b", path: data)], outputDirectory: file("bad"))
        try ProtocolEvaluation.run(
          request, communicator: world, engine: Engine(threads: 1), console: Console(isEnabled: false),
          progress: .silent)
      }
      try runs.clear()
    }
  }
}
