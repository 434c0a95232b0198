import Conditioning
import Essentials
import MapStorage
import Metrics
import Runs
import Tensors

/// Infers maps with networks that refine the interpolated coarse map in one pass, as a whole whatever its size.
final class RefinementEstimator<Family: RefinementFamily>: Estimator {
  let name = Family.title
  var hasDeviation: Bool { request.draws > 1 }
  var keptDraws: Int { request.keepsDraws ? request.draws : 0 }
  private let objective: Family.Objective
  private let request: SamplingRequest
  private let path: String
  private let seed: UInt64
  private let conditioner: MapConditioner
  private let magnification: Int
  private let plan: TilePlan
  private let engine: Engine
  private let prepared: PreparedWeights

  /// - Parameters:
  ///   - run: the trained run.
  ///   - objective: how its networks refine.
  ///   - geometry: what is observed, and where.
  ///   - request: how.
  ///   - engine: this rank's threads and buffers.
  ///   - ranksOnNode: the ranks that share this machine's memory.
  /// - Throws: `Fault` where what is asked for does not fit the networks.
  init(
    _ run: TrainedRun<Family>, _ objective: Family.Objective, _ geometry: ObservationGeometry,
    _ request: SamplingRequest, _ engine: Engine, ranksOnNode: Int
  ) throws {
    try request.validate()
    try request.require(only: objective.options, by: Family.title)
    guard objective.options.contains(.draws) || request.estimate ?? .direct == .direct else {
      throw Fault(
        "\(Family.title) draws nothing", at: "`estimate`", expected: "direct", found: request.chosenEstimate.rawValue)
    }
    let grid = try geometry.requireGrid(by: Family.title), section = run.configuration.own
    try objective.require(grid.magnification, request)
    conditioner = try MapConditioner(
      section.data, layout: section.layout(rows: grid.rows, columns: grid.columns),
      magnifications: [grid.magnification], normaliser: run.state.normaliser(), area: geometry.area)
    plan = TilePlan(rows: grid.rows, columns: grid.columns, size: nil, step: section.model.step)
    (self.objective, self.request, path, seed) = (objective, request, run.path, request.seed ?? run.seed)
    (magnification, self.engine, prepared) = (grid.magnification, engine, PreparedWeights(ranksOnNode: ranksOnNode))
  }

  /// What the maps are of the draws: the networks' own estimate where nobody asks for anything else.
  private var kind: SamplingRequest.Kind { request.estimate ?? (request.draws > 1 ? .mean : .direct) }
  /// Whether the maps themselves are of draws.
  private var isDrawn: Bool { kind != .direct }

  func describe(_ record: inout ReconstructionRecord) {
    record.model = path
    guard objective.options.contains(.draws) else { return }
    record.steps = 1
    record.sampler = isDrawn ? "prior" : "direct"
    record.estimate = kind.rawValue
    record.draws = hasDeviation ? request.draws : 0
  }

  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]] {
    let maps = try observations.map { try conditioner.condition($0, magnification: magnification) }
    let condition = engine.tensor([maps.count, plan.tileRows, plan.tileColumns, 1])
    engine.threads.run(maps.count) { n, _ in
      maps[n].condition.map(RefinementBatch.unit).withUnsafeBufferPointer {
        plan.gather(plan.tiles[0], $0, width: 1, into: condition.sample(n), stride: 1)
      }
    }
    var moments = maps.map { _ in DrawMoments(rows: plan.rows, columns: plan.columns) }
    var kept = maps.map { _ in [ChannelFingerprint]() }
    for draw in 0..<(hasDeviation || isDrawn ? request.draws : keptDraws) {
      let tape = Tape(engine: engine, prepared: prepared)
      let drawn = objective.draw(condition, keys: keys, draw: draw, seed: seed, tape).value
      for (place, map) in decibels(drawn, maps).enumerated() {
        moments[place].add(map)
        if keptDraws > 0 { kept[place].append(map) }
      }
    }
    let refined = isDrawn ? moments.map(\.average) : decibels(refine(condition), maps)
    return maps.indices.map { place in
      let deviation = hasDeviation ? moments[place].deviation(aboutMean: isDrawn) : nil
      return [Estimate(map: refined[place], deviation: deviation, draws: kept[place])]
    }
  }

  private func refine(_ condition: Tensor) -> Tensor {
    objective.refine(condition, magnification: magnification, request, Tape(engine: engine, prepared: prepared)).value
  }

  /// What networks answered about some maps, without what lies beyond their borders.
  private func decibels(_ answer: Tensor, _ maps: [ConditionedMap]) -> [ChannelFingerprint] {
    maps.indices.map { n in
      let values = (0..<plan.rows * plan.columns).map { place in
        let (row, column) = place.quotientAndRemainder(dividingBy: plan.columns)
        return RefinementBatch.signed(answer.sample(n)[(row * plan.tileColumns + column) * answer.stride])
      }
      return values.withUnsafeBufferPointer(maps[n].decibels)
    }
  }
}
