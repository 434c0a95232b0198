import Checkpoints
import Diffusion
import Essentials
import FingerprintModels
import MapStorage
import MessagePassing
import RunRecords
import Tensors

/// What a reconstruction is asked to do.
public struct ReconstructionRequest: Sendable {
  /// The way from noise to a map.
  public enum SamplerKind: String, CaseIterable, Sendable {
    /// Eq. (34): all T steps.
    case ancestral
    /// Song, Meng and Ermon 2021: any number of steps.
    case ddim
  }
  /// Where the coarse maps come from.
  public var input: ReconstructionInput
  /// The result's file.
  public var output: String
  /// Fine pixels from one coarse sample to the next.
  public var magnification = 4
  /// The way from noise to a map.
  public var sampler = SamplerKind.ddim
  /// Network evaluations of DDIM.
  public var steps = 20
  /// Where a coarse start begins; nil for the run's own.
  public var startTimestep: Int?
  /// DDIM's share of the posterior's noise, 0...1.
  public var eta = 0.0
  /// Maps that a rank has in the network at a time.
  public var batch = 4
  /// Keys the noise; nil for the run's own seed.
  public var seed: UInt64?
  /// Whether an existing file may be replaced.
  public var overwrite = false
  /// What the file says it was written by.
  public var softwareVersion = ""

  /// - Parameters:
  ///   - input: where the coarse maps come from.
  ///   - output: the result's file.
  public init(input: ReconstructionInput, output: String) {
    self.input = input
    self.output = output
  }
}

/// Making room for transformed weights takes as long as they save in about so many evaluations.
private let fewestStepsWithKeptWeights = 8

/// Fine maps out of coarse ones by a trained CGDM, the work shared out over the ranks.
public enum Reconstructor {
  /// Collective. Reconstructs all maps of the input into one file; results are in dB.
  ///
  /// - Parameters:
  ///   - request: what to do.
  ///   - trained: the model, on every rank.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - progress: told on every rank; silent where it is.
  /// - Returns: how many maps were reconstructed.
  /// - Throws: `Fault` on all ranks; no file of the result's name is then left behind.
  @discardableResult
  public static func run(
    _ request: ReconstructionRequest, _ trained: TrainedModel, communicator: Communicator, engine: Engine,
    progress style: ProgressDisplay.Style
  ) throws -> Int {
    let (source, driver) = try communicator.agree("prepare the reconstruction") {
      let source = try ReconstructionSource(request.input, trained, magnification: request.magnification)
      return (source, try makeDriver(request, trained))
    }
    let record = ReconstructionRecord(
      magnification: request.magnification, data: request.input.path, model: trained.path,
      sampler: request.sampler.rawValue, steps: driver.sampler.timesteps.count, method: "CGDM")
    let writer = try MapSetWriter.create(
      path: request.output,
      description: source.description(record, trained, version: request.softwareVersion),
      count: source.samples.count, communicator: communicator, overwrite: request.overwrite)
    do {
      try copy(
        source, driver, trained.model, to: writer, request, communicator: communicator, engine: engine, style)
    } catch {
      try writer.abandon()
      throw error
    }
    try writer.close()
    return source.samples.count
  }

  private static func makeDriver(
    _ request: ReconstructionRequest, _ trained: TrainedModel
  ) throws -> SamplingDriver {
    let section = trained.configuration.diffusion, normaliser = trained.state.normaliser
    let schedule = try section.makeSchedule()
    let margin = normaliser.normalisation == .fine ? 0 : Double(normaliser.margin)
    // Residuals have no range.
    let isBounded = section.clamp && trained.configuration.data.form == .map
    let clamp: EstimateClamp = isBounded ? .range(margin: margin) : .none
    // From plain noise there is nothing to refine: all the way down.
    let first = section.start == .coarse ? request.startTimestep ?? section.startTimestep : nil
    if let first, first > schedule.count {
      throw Fault(
        "sampling starts at a timestep that there is not", at: "--start-timestep",
        expected: "1 to \(schedule.count)", found: "\(first)")
    }
    let sampler: any Sampler =
      switch request.sampler {
      case .ancestral:
        try LinearSampler.ancestral(schedule, from: first, parametrisation: section.prediction, clamp: clamp)
      case .ddim:
        try LinearSampler.ddim(
          schedule, steps: request.steps, from: first, eta: request.eta, parametrisation: section.prediction,
          clamp: clamp)
      }
    return SamplingDriver(
      schedule: schedule, sampler: sampler, start: section.start,
      seed: request.seed ?? trained.configuration.seed)
  }

  private static func copy(
    _ source: ReconstructionSource, _ driver: SamplingDriver, _ model: CGDM, to writer: MapSetWriter,
    _ request: ReconstructionRequest, communicator: Communicator, engine: Engine,
    _ style: ProgressDisplay.Style
  ) throws {
    let share = Share.range(of: source.samples.count, rank: communicator.rank, size: communicator.size)
    let largest = Share.range(of: source.samples.count, rank: 0, size: communicator.size).count
    var prepared: PreparedWeights?
    let progress = ProgressDisplay("reconstruct", total: largest, unit: "maps a rank", style: style)
    for round in 0..<(largest + request.batch - 1) / request.batch {
      let first = min(share.lowerBound + round * request.batch, share.upperBound)
      let places = first..<min(first + request.batch, share.upperBound)
      let block = try communicator.agree("reconstruct maps") {
        try places.isEmpty
          ? nil : reconstruct(places, source, driver, model, engine, &prepared, ranksOnNode: communicator.localSize)
      }
      try writer.write(block)
      progress.update(step: min(largest, (round + 1) * request.batch))
    }
    progress.finish()
  }

  private static func reconstruct(
    _ places: Range<Int>, _ source: ReconstructionSource, _ driver: SamplingDriver, _ model: CGDM,
    _ engine: Engine, _ prepared: inout PreparedWeights?, ranksOnNode: Int
  ) throws -> MapBlock {
    let samples = places.map { source.samples[$0] }
    let conditioned = try samples.map(source.conditioned)
    let layout = source.conditioner.layout, width = model.configuration.mapWidth
    let size = [layout.rows / layout.patch, layout.columns / layout.patch]
    let start = engine.tensor([samples.count] + size + [width], conditioned.flatMap(\.start))
    let state = engine.tensor(start.shape)
    let schedule = driver.schedule
    try driver.sample(
      samples, coarse: UnsafeBufferPointer(start: start.base, count: start.count),
      into: UnsafeMutableBufferPointer(start: state.base, count: state.count), threads: engine.threads
    ) { noisy, timestep, output in
      let tape = Tape(engine: engine, prepared: prepared)
      let input = engine.tensor([samples.count] + size + [model.configuration.conditionWidth + width])
      let each = layout.places * width
      engine.threads.run(samples.count) { n, _ in
        NetworkInput.fill(
          input.sample(n), condition: conditioned[n].condition,
          state: UnsafeBufferPointer(rebasing: noisy[n * each..<(n + 1) * each]),
          isInformative: schedule.alphaBar[timestep] > 0, places: layout.places)
      }
      let timesteps = [Float](repeating: Float(timestep), count: samples.count)
      let estimate = model(tape.constant(input), timesteps: timesteps, tape)
      output.baseAddress?.update(from: estimate.value.base, count: output.count)
      // Every step of every map asks the same network. How much room there is for its transformed weights shows when
      // all other memory is taken: after one evaluation.
      if prepared == nil, driver.sampler.timesteps.count >= fewestStepsWithKeptWeights {
        prepared = PreparedWeights(ranksOnNode: ranksOnNode)
      }
    }
    let maps = conditioned.enumerated().map { place, map in
      map.decibels(UnsafeBufferPointer(start: state.sample(place), count: layout.places * width))
    }
    let companions = try source.companions(samples)
    return MapBlock(
      first: places.lowerBound,
      maps: maps,
      stations: companions.stations, valid: companions.valid, sampleIndices: samples.map { Int32($0) })
  }
}
