import Conditioning
import Essentials
import Interpolation
import NeuralNetworks
import Runs
import Tensors
import Testing

@testable import Models

/// The UNet across stations and weighting by distance against PyTorch.
@Suite struct CrossUNetTests {
  private let engine = Engine(threads: 2)

  @Test func counts() {
    func count(_ sources: Int) -> Int {
      var configuration = CrossUNetFamily.presets.first { $0.name == "cross-unet-paper" }!.configuration.own.model
      configuration.sources = sources
      return CrossUNet.outline(configuration).total.parameters
    }
    #expect(count(79) == 10_975_451 && count(5) == 10_929_941)
    #expect(
      CrossUNet.outline(CrossUNetConfiguration()).total.parameters
        == CrossUNet(CrossUNetConfiguration(), isTrained: false).arena.parameterCount)
  }

  @Test func agreesWithPyTorch() throws {
    let fixture = try Fixture("cross-unet-small.safetensors")
    var configuration = CrossUNetConfiguration()
    configuration.locationWeight = 0.5
    configuration.down = [5, 6, 7, 8, 9, 10, 11, 12, 14]
    configuration.up = [12, 11, 10, 9, 8, 7, 6, 5, 4, 1]
    let network = CrossUNet(configuration, isTrained: true)
    try fixture.load(network.arena)
    let objective = CrossUNetObjective(network: network, engine: engine)
    let maps = try fixture.values("input.maps"), goals = try fixture.values("input.goal"), size = 64 * 64
    let sources = try fixture.places("input.sources", scenes: 2)
    let targets = try fixture.places("input.target", scenes: 2)
    func cut(_ values: [Float], _ place: Int) -> [Float] { Array(values[place * size..<(place + 1) * size]) }
    func scene(_ n: Int) -> StationScene {
      let known = (0..<5).map { StationView(grey: cut(maps, 5 * n + $0), position: sources[n][$0]) }
      let target = StationView(grey: cut(goals, n), position: targets[n][0])
      return StationScene(rows: 64, columns: 64, sources: known, targets: [target])
    }
    let scenes = [scene(0), scene(1)]
    let input = objective.input(scenes)
    #expect(Fixture.relative(input.values(), try fixture.channelsLast("output.x", batch: 2, channels: 6)) < 1e-6)
    let tape = Tape(engine: engine, isRecording: true)
    let answer = network(tape.constant(input), tape)
    #expect(Fixture.relative(answer.value.values(), try fixture.values("output.y")) < 1e-4)
    let samples = scenes.enumerated().map { TrainingSample(position: $0, value: $1) }
    let trained = Tape(engine: engine, training: network.arena)
    let loss = objective.losses(samples, step: 0, trained)
    #expect(abs(loss.value.values().reduce(0, +) / 2 / (try fixture.values("output.loss")[0]) - 1) < 1e-4)
    trained.backward(from: loss, seed: 0.5)
    #expect(try fixture.greatestError(network.arena, "grad.") { $0.gradient } < 1e-4)
  }

  @Test(arguments: [2.0, 1.5]) func weightingByDistance(power: Double) throws {
    let fixture = try Fixture("cross-unet-small.safetensors"), weighting = DistanceWeighting(power: power)
    let maps = try fixture.values("input.maps"), size = 64 * 64
    let sources = try fixture.places("input.sources", scenes: 2)
    let targets = try fixture.places("input.target", scenes: 2)
    let (weights, expected) = (
      try fixture.values("distance.power\(power).weights"), try fixture.values("distance.power\(power).y")
    )
    for n in 0..<2 {
      let own = weighting.weights(sources[n], at: targets[n][0]).map { Float($0) }
      #expect(Fixture.relative(own, Array(weights[n * 5..<n * 5 + 5])) < 1e-6)
      let known = (0..<5).map { (number: Int) -> StationMap in
        let first = (n * 5 + number) * size
        return StationMap(ChannelFingerprint(rows: 64, columns: 64, values: Array(maps[first..<first + size])))
      }
      let map = weighting.map(of: known, at: sources[n], for: targets[n][0])
      #expect(Fixture.relative(map.values, Array(expected[n * size..<(n + 1) * size])) < 1e-6)
    }
  }
}
