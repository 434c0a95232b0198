import Conditioning
import Diffusion
import Essentials
import MapStorage
import Metrics
import Runs
import Tensors

/// Draws maps with a trained network.
final class CGDMEstimator: Estimator {
  /// Making room for transformed weights takes as long as they save in about so many evaluations.
  private static let fewestEvaluationsWithKeptWeights = 8

  let name = CGDMFamily.title
  var hasDeviation: Bool { request.drawCount > 1 }
  var keptDraws: Int { request.keepsDraws ? request.drawCount : 0 }
  private let request: SamplingRequest
  private let model: CGDM
  private let path: String
  private let magnification: Int
  private let conditioner: MapConditioner
  private let engine: Engine
  private let ranksOnNode: Int
  /// How the network is shown each map: direct estimates are averaged over all, draws take turns.
  private let views: [GridSymmetry]
  /// Places on a side of the windows that the network is asked in; nil: about the whole map.
  private let window: Int?
  private var prepared: PreparedWeights?
  /// Draws maps.
  private let driver: SamplingDriver
  /// The network's own estimate of their mean, where that is asked for.
  private let direct: SamplingDriver?

  /// - Parameters:
  ///   - run: the trained run.
  ///   - geometry: what is observed, and where.
  ///   - request: how.
  ///   - engine: this rank's threads and buffers.
  ///   - ranksOnNode: the ranks that share this machine's memory.
  /// - Throws: `Fault` when the maps do not fit the network, or what is asked for does not fit the run's diffusion.
  init(
    _ run: TrainedRun<CGDMFamily>, _ geometry: ObservationGeometry, _ request: SamplingRequest, _ engine: Engine,
    ranksOnNode: Int
  ) throws {
    try request.validate()
    try request.require(only: Set(SamplingRequest.Option.allCases).subtracting([.zeroShot]), by: CGDMFamily.title)
    let section = run.configuration.own
    let grid = try geometry.requireGrid(by: CGDMFamily.title)
    self.request = request
    self.engine = engine
    self.ranksOnNode = ranksOnNode
    model = run.model
    path = run.path
    magnification = grid.magnification
    window = try Self.window(request.tiling, section)
    guard min(grid.rows, grid.columns) >= section.model.patch else {
      throw Fault(
        "the fine map is too small for the network", at: geometry.place,
        expected: "\(section.model.patch) rows and columns at least", found: "\(grid.rows)x\(grid.columns)")
    }
    conditioner = try MapConditioner(
      section.data, layout: section.layout(rows: grid.rows, columns: grid.columns),
      magnifications: [grid.magnification], normaliser: run.state.normaliser(), area: geometry.area,
      conditions: run.state.conditions())
    views = request.usesSymmetries ? GridSymmetry.allCases : [.identity]
    guard !request.usesSymmetries || section.data.symmetries else {
      throw Fault(
        "the network has not seen turned maps in training", at: "`symmetries`",
        expected: "a run with data.symmetries", found: run.path)
    }
    (driver, direct) = try Self.drivers(request, run)
  }

  /// Places on a side of the windows; nil: the whole map.
  ///
  /// In training each window has its own range where the coarse map's is normalised: of a larger map's range it would see a
  /// part only. Measured, the whole map is then the lesser evil.
  private static func window(_ tiling: SamplingRequest.Tiling?, _ section: CGDMSection) throws -> Int? {
    let model = section.model
    switch tiling {
    case nil: return section.data.normalisation == .dataset ? model.networkSize : nil
    case .whole: return nil
    case .windows(let side):
      let factor = model.patch * model.coarsestStep
      guard side % factor == 0 else {
        throw Fault(
          "the network cannot be asked in such windows", at: "`tile`", expected: "a multiple of \(factor)",
          found: "\(side)")
      }
      return side / model.patch
    }
  }

  /// How a grid of places is divided.
  private func plan(_ layout: NetworkLayout) -> TilePlan {
    TilePlan(
      rows: layout.placeRows, columns: layout.placeColumns, size: window, step: model.configuration.coarsestStep)
  }

  var windowBorders: (rows: [Int], columns: [Int]) {
    let plan = plan(conditioner.layout), patch = model.configuration.patch
    func borders(_ starts: [Int], _ side: Int, _ extent: Int) -> [Int] {
      Set(starts + starts.map { $0 + side }).filter { $0 > 0 && $0 < extent }.map { $0 * patch }.sorted()
    }
    return (
      borders(plan.tiles.map(\.row), plan.tileRows, plan.rows),
      borders(plan.tiles.map(\.column), plan.tileColumns, plan.columns)
    )
  }

  func describe(_ record: inout ReconstructionRecord) {
    let isDrawn = request.drawCount > 0
    let plan = plan(conditioner.layout)
    record.tile = plan.tiles.count > 1 ? plan.tileRows * model.configuration.patch : nil
    record.model = path
    record.sampler = isDrawn ? Self.sampler(request).rawValue : "direct"
    record.steps = isDrawn ? driver.sampler.timesteps.count : 1
    record.estimate = request.chosenEstimate.rawValue
    record.draws = request.drawCount > 1 ? request.drawCount : 0
    record.views = views.count
  }

  private static func sampler(_ request: SamplingRequest) -> SamplingRequest.SamplerKind { request.sampler ?? .ddim }

  private static func drivers(
    _ request: SamplingRequest, _ trained: TrainedRun<CGDMFamily>
  ) throws -> (draws: SamplingDriver, direct: SamplingDriver?) {
    let section = trained.configuration.own.diffusion, normaliser = try trained.state.normaliser()
    let schedule = try section.makeSchedule()
    let margin = normaliser.normalisation == .fine ? 0 : Double(normaliser.margin)
    // Residuals have no range.
    let isBounded = section.clamp && trained.configuration.own.data.form == .map
    let clamp: EstimateClamp = isBounded ? .range(margin: margin) : .none
    // From plain noise there is nothing to refine: all the way down.
    let first = section.start == .coarse ? request.startTimestep ?? section.startTimestep : nil
    if let first, first > schedule.count {
      throw Fault(
        "sampling starts at a timestep that there is not", at: "`start_timestep`",
        expected: "1 to \(schedule.count)", found: "\(first)")
    }
    let sampler = try request.makeSampler(
      schedule, from: first, usualSteps: 20, parametrisation: section.prediction, clamp: clamp)
    func driver(_ sampler: any Sampler) -> SamplingDriver {
      SamplingDriver(
        schedule: schedule, sampler: sampler, start: section.start,
        seed: request.seed ?? trained.configuration.seed)
    }
    let direct =
      request.chosenEstimate == .direct
      ? driver(try LinearSampler.direct(schedule, parametrisation: section.prediction, clamp: clamp)) : nil
    return (driver(sampler), direct)
  }

  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]] {
    let conditioned = try observations.map { try conditioner.condition($0, magnification: magnification) }
    let grid = conditioner.layout
    var moments = keys.map { _ in DrawMoments(rows: grid.rows, columns: grid.columns) }
    var kept = keys.map { _ in [ChannelFingerprint]() }
    for draw in 0..<request.drawCount {
      let seen = conditioned.map { $0.seen(as: views[draw % views.count]) }
      for (place, map) in try maps(of: keys, seen, driver, draw: draw).enumerated() {
        moments[place].add(map)
        if keptDraws > 0 { kept[place].append(map) }
      }
    }
    let estimates = try direct.map { try directMaps(of: keys, conditioned, $0) }
    let isMean = request.chosenEstimate == .mean
    return keys.indices.map { place in
      [
        Estimate(
          map: estimates?[place] ?? moments[place].average,
          deviation: hasDeviation ? moments[place].deviation(aboutMean: isMean) : nil, draws: kept[place])
      ]
    }
  }

  /// The network's own estimate of each sample, in dB, the mean over all views.
  private func directMaps(
    of samples: [Int], _ conditioned: [ConditionedMap], _ driver: SamplingDriver
  ) throws -> [ChannelFingerprint] {
    let grid = conditioner.layout
    var moments = samples.map { _ in DrawMoments(rows: grid.rows, columns: grid.columns) }
    for view in views {
      let seen = conditioned.map { $0.seen(as: view) }
      for (place, map) in try maps(of: samples, seen, driver, draw: 0).enumerated() { moments[place].add(map) }
    }
    return moments.map(\.average)
  }

  /// One draw of each sample, in dB; all are seen the same way.
  private func maps(
    of samples: [Int], _ conditioned: [ConditionedMap], _ driver: SamplingDriver, draw: Int
  ) throws -> [ChannelFingerprint] {
    let layout = conditioned[0].layout, width = model.configuration.mapWidth
    let size = [layout.placeRows, layout.placeColumns]
    let start = engine.tensor([samples.count] + size + [width], conditioned.flatMap(\.start))
    let state = engine.tensor(start.shape)
    let schedule = driver.schedule, plan = plan(layout)
    try driver.sample(
      samples, draw: draw, coarse: UnsafeBufferPointer(start: start.base, count: start.count),
      into: UnsafeMutableBufferPointer(start: state.base, count: state.count), threads: engine.threads
    ) { noisy, timestep, output in
      let isInformative = schedule.alphaBar[timestep] > 0
      try ask(conditioned, noisy, timestep, plan, isInformative: isInformative, into: output)
      // Every step of every map asks the same network. How much room there is for its transformed weights shows when
      // all other memory is taken: after one evaluation.
      let evaluations = driver.sampler.timesteps.count * max(request.drawCount, views.count)
      if prepared == nil, evaluations >= Self.fewestEvaluationsWithKeptWeights {
        prepared = PreparedWeights(ranksOnNode: ranksOnNode)
      }
    }
    return conditioned.enumerated().map { place, map in
      map.decibels(UnsafeBufferPointer(start: state.sample(place), count: layout.places * width))
    }
  }

  /// The network's answer to the states of some maps, window by window.
  ///
  /// - Parameters:
  ///   - conditioned: the maps.
  ///   - states: theirs, `[map, places, mapWidth]`.
  ///   - timestep: of all.
  ///   - plan: how the places are divided.
  ///   - isInformative: whether anything of a map is left in its state.
  ///   - output: receives `[map, places, mapWidth]`.
  private func ask(
    _ conditioned: [ConditionedMap], _ states: UnsafeBufferPointer<Float>, _ timestep: Int, _ plan: TilePlan,
    isInformative: Bool, into output: UnsafeMutableBufferPointer<Float>
  ) throws {
    let width = model.configuration.mapWidth, before = model.configuration.conditionWidth
    let each = plan.rows * plan.columns * width
    // Windows of all maps, as many at a time as there are maps: memory does not grow with a map's size.
    let windows = conditioned.indices.flatMap { map in plan.tiles.map { (map: map, tile: $0) } }
    if !plan.isWhole { output.update(repeating: 0) }
    for first in stride(from: 0, to: windows.count, by: max(1, conditioned.count)) {
      let some = windows[first..<min(windows.count, first + max(1, conditioned.count))]
      let tape = Tape(engine: engine, prepared: prepared)
      let input = engine.tensor([some.count, plan.tileRows, plan.tileColumns, before + width])
      engine.threads.run(some.count) { n, _ in
        let (map, tile) = windows[first + n]
        let own = UnsafeBufferPointer(rebasing: states[map * each..<(map + 1) * each])
        let target = input.sample(n)
        conditioned[map].condition.withUnsafeBufferPointer {
          plan.gather(tile, $0, width: before, into: target, stride: before + width)
        }
        if isInformative {
          plan.gather(tile, own, width: width, into: target + before, stride: before + width)
        } else {
          // As in training: noise of which nothing is the map's would only have to be ignored.
          for place in 0..<plan.tileRows * plan.tileColumns {
            (target + place * (before + width) + before).update(repeating: 0, count: width)
          }
        }
      }
      let timesteps = [Float](repeating: Float(timestep), count: some.count)
      let answer = model(tape.constant(input), timesteps: timesteps, tape).value
      guard !plan.isWhole else {
        (output.baseAddress! + first * each).update(from: answer.base, count: some.count * each)
        continue
      }
      // In order, whatever the threads: sums of floats depend on it.
      for (n, window) in some.enumerated() {
        let own = UnsafeMutableBufferPointer(rebasing: output[window.map * each..<(window.map + 1) * each])
        plan.add(window.tile, answer.sample(n), width: width, to: own)
      }
    }
    guard !plan.isWhole else { return }
    let scale = plan.scale
    for map in conditioned.indices {
      for place in scale.indices {
        for index in 0..<width { output[map * each + place * width + index] *= scale[place] }
      }
    }
  }
}
