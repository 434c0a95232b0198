import Computing
import Conditioning
import Essentials
import MapStorage
import Metrics
import Runs
import Tensors

/// The generator's maps: one, or the mean of several with their deviation.
struct TrialEstimator: Estimator {
  let name = TrialFamily.title
  var hasDeviation: Bool { request.draws > 1 }
  var keptDraws: Int { request.keepsDraws ? request.draws : 0 }
  private let run: TrainedRun<TrialFamily>
  private let request: SamplingRequest
  private let conditioner: MapConditioner
  private let magnification: Int
  private let engine: Engine

  init(
    _ run: TrainedRun<TrialFamily>, _ geometry: ObservationGeometry, _ request: SamplingRequest, _ engine: Engine
  ) throws {
    try request.validate()
    try request.require(only: [.draws, .keepDraws, .seed], by: TrialFamily.title)
    let grid = try geometry.requireGrid(by: TrialFamily.title)
    conditioner = try MapConditioner(
      run.configuration.own.data,
      layout: NetworkLayout(rows: grid.rows, columns: grid.columns, patch: 1, channels: 1),
      magnifications: [grid.magnification], normaliser: run.state.normaliser(),
      area: geometry.area)
    (self.run, self.request, self.engine) = (run, request, engine)
    magnification = grid.magnification
  }

  func describe(_ record: inout ReconstructionRecord) {
    record.model = run.path
    record.sampler = "generator"
    record.steps = 1
    record.estimate = request.chosenEstimate.rawValue
    record.draws = hasDeviation ? request.draws : 0
  }

  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]] {
    try zip(observations, keys).map { observation, key in
      let map = try conditioner.condition(observation, magnification: magnification)
      let shape = [1, conditioner.layout.rows, conditioner.layout.columns, 1]
      let condition = engine.tensor(shape, map.condition)
      let stream = RandomStream(seed: request.seed ?? run.seed, purpose: .samplerNoise)
      var moments = DrawMoments(rows: shape[1], columns: shape[2]), draws: [ChannelFingerprint] = []
      for draw in 0..<request.draws {
        let noise = engine.tensor(shape, stream.gaussian(shape[1] * shape[2], sample: key, step: draw))
        let made = run.model.generator(condition, noise, Tape(engine: engine, isRecording: false)).value
        let drawn = map.decibels(UnsafeBufferPointer(start: made.base, count: made.count))
        moments.add(drawn)
        if keptDraws > 0 { draws.append(drawn) }
      }
      return [
        Estimate(
          map: moments.average, deviation: hasDeviation ? moments.deviation(aboutMean: true) : nil, draws: draws)
      ]
    }
  }
}
