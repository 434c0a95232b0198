import Conditioning
import Records
import Runs
import Tensors

/// Maps as networks see them that refine in one pass: what is [-1, 1] elsewhere is [0, 1].
struct RefinementBatch {
  /// The interpolated coarse maps, `[N, H, W, 1]`.
  let condition: Tensor
  /// The fine maps, the same shape.
  let target: Tensor
  /// Their places in the global batch.
  let positions: [Int]

  /// Rows of a map.
  var rows: Int { condition.shape[1] }
  /// Columns of a map.
  var columns: Int { condition.shape[2] }

  /// From the units of a run's range.
  static func unit(_ value: Float) -> Float { (value + 1) / 2 }
  /// To the units of a run's range.
  static func signed(_ value: Float) -> Float { 2 * value - 1 }
}

extension RefinementBatch {
  /// - Parameters:
  ///   - samples: maps with their places in the global batch.
  ///   - size: rows and columns of each.
  ///   - engine: this rank's threads and buffers.
  init(_ samples: [TrainingSample<ConditionedMap>], size: Int, _ engine: Engine) {
    func tensor(_ values: (ConditionedMap) -> [Float]) -> Tensor {
      engine.tensor([samples.count, size, size, 1], samples.flatMap { values($0.value).map(Self.unit) })
    }
    condition = tensor(\.condition)
    target = tensor { $0.target ?? $0.condition }
    positions = samples.map(\.position)
  }
}

/// What networks are asked to make small that refine in one pass, and how they refine.
protocol RefinementObjective {
  /// Names of the terms of each player's loss.
  var termNames: [[String]] { get }
  /// See `TrainingTask.couplesSamples`.
  var couplesSamples: Bool { get }
  /// What a request may ask for.
  var options: Set<SamplingRequest.Option> { get }

  /// A player's losses of some maps.
  func evaluate(_ player: Int, _ batch: RefinementBatch, step: Int, _ tape: Tape) -> ObjectiveValue

  /// Throws unless maps of a magnification can be refined as asked.
  func require(_ magnification: Int, _ request: SamplingRequest) throws

  /// The fine maps, `[N, H, W, 1]`.
  ///
  /// - Parameters:
  ///   - condition: the interpolated coarse maps, `[N, H, W, 1]`.
  ///   - magnification: fine pixels from one coarse sample to the next.
  ///   - request: how.
  ///   - tape: where it is recorded.
  func refine(_ condition: Tensor, magnification: Int, _ request: SamplingRequest, _ tape: Tape) -> Variable

  /// One draw of each fine map; only where `options` has draws.
  ///
  /// - Parameters:
  ///   - condition: the interpolated coarse maps, `[N, H, W, 1]`.
  ///   - keys: a number for each map, which keys its random numbers.
  ///   - draw: which draw.
  ///   - seed: keys all random numbers.
  ///   - tape: where it is recorded.
  func draw(_ condition: Tensor, keys: [Int], draw: Int, seed: UInt64, _ tape: Tape) -> Variable
}

extension RefinementObjective {
  var couplesSamples: Bool { false }
  var options: Set<SamplingRequest.Option> { [.estimate] }
  func require(_ magnification: Int, _ request: SamplingRequest) throws {}
  func draw(_ condition: Tensor, keys: [Int], draw: Int, seed: UInt64, _ tape: Tape) -> Variable {
    preconditionFailure("nothing is drawn")
  }
}

extension SamplingRequest {
  /// As networks of one magnification see every map in training.
  static var asTrained: SamplingRequest {
    var request = SamplingRequest()
    request.zeroShot = .resample
    return request
  }
}

/// What networks learn that refine in one pass.
struct RefinementTask<Objective: RefinementObjective>: TrainingTask {
  let source: GridSamples
  let objective: Objective
  private let engine: Engine

  /// Collective.
  init<Structure>(_ section: RefinementSection<Structure>, _ objective: Objective, _ context: TaskContext) throws {
    try context.data.requireWindows(of: section.model.imageSize, step: section.model.step, key: "model.image_size")
    source = try GridSamples(
      context.data, section.data, layout: section.layout(), communicator: context.communicator)
    (self.objective, engine) = (objective, context.engine)
  }

  func termNames(of player: Int) -> [String] { objective.termNames[player] }
  var couplesSamples: Bool { objective.couplesSamples }

  private func batch(_ samples: [Sample]) -> RefinementBatch {
    RefinementBatch(samples, size: source.conditioner.layout.rows, engine)
  }

  func evaluate(_ player: Int, _ samples: [Sample], step: Int, _ tape: Tape) -> ObjectiveValue {
    objective.evaluate(player, batch(samples), step: step, tape)
  }

  /// The mean squared error of the refined map, of a range of 1.
  func validationLoss(_ sample: Sample, _ tape: Tape) -> Double {
    let batch = batch([sample]), magnification = source.magnifications[0]
    let refined = objective.refine(batch.condition, magnification: magnification, .asTrained, tape)
    return Double(tape.meanSquaredError(refined, target: batch.target).value.base[0])
  }

  func resume(from state: TrainingState) throws { try source.require(state) }

  var notes: JSONValue {
    get throws { try source.notes }
  }

  var summary: [String] { [source.summary] }
}
