import Essentials
import Interpolation
import MapStorage
import MessagePassing
import Records
import Tensors

/// Fine maps out of coarse ones, by a trained CGDM or by interpolation, the work shared out over the ranks.
public enum Reconstructor {
  /// Collective. Reconstructs all maps of the input into one file; results are in dB.
  ///
  /// The random numbers of a draw are keyed by seed, sample, draw and timestep: neither the number of ranks nor the batch
  /// changes what comes out.
  ///
  /// - Parameters:
  ///   - request: what to do.
  ///   - method: what makes the maps, on every rank.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - progress: told on every rank; silent where it is.
  /// - Returns: how many maps were reconstructed.
  /// - Throws: `Fault` on all ranks; no file of the result's name is then left behind.
  @discardableResult
  public static func run(
    _ request: ReconstructionRequest, _ method: ReconstructionMethod, communicator: Communicator, engine: Engine,
    progress style: ProgressDisplay.Style
  ) throws -> Int {
    let (source, maker) = try communicator.agree("prepare the reconstruction") {
      () -> (ReconstructionSource, any MapMaker) in
      switch method {
      case .model(let trained):
        let source = try ReconstructionSource(request.input, trained, magnification: request.magnification)
        return (source, try ModelMaker(trained, request, source, engine, ranksOnNode: communicator.localSize))
      case .interpolation(let method):
        let source = try ReconstructionSource(request.input, nil, magnification: request.magnification)
        return (source, try InterpolationMaker(method, request, source))
      case .ensembleKriging(let ensemble):
        let source = try ReconstructionSource(request.input, nil, magnification: request.magnification)
        let kriging = try EnsembleKriging(grid: source.grid, ensemble: ensemble, geometry: source.area)
        return (source, try InterpolationMaker(kriging, request, hasDeviation: true))
      }
    }
    var description = source.description(
      maker.record, hasDeviation: maker.hasDeviation, draws: maker.keptDraws)
    description.softwareVersion = request.softwareVersion
    if case .model(let trained) = method { description.seed = request.seed ?? trained.configuration.seed }
    let writer = try MapSetWriter.create(
      path: request.output, description: description, count: source.samples.count, communicator: communicator,
      overwrite: request.overwrite)
    do {
      try fill(writer, source, maker, batch: request.batch, communicator, style)
    } catch {
      try writer.abandon()
      throw error
    }
    try writer.close()
    return source.samples.count
  }

  private static func fill(
    _ writer: MapSetWriter, _ source: ReconstructionSource, _ maker: any MapMaker, batch: Int,
    _ communicator: Communicator, _ style: ProgressDisplay.Style
  ) throws {
    let share = Share.range(of: source.samples.count, rank: communicator.rank, size: communicator.size)
    let largest = Share.range(of: source.samples.count, rank: 0, size: communicator.size).count
    let progress = ProgressDisplay("reconstruct", total: largest, unit: "maps a rank", style: style)
    for round in 0..<(largest + batch - 1) / batch {
      let first = min(share.lowerBound + round * batch, share.upperBound)
      let places = first..<min(first + batch, share.upperBound)
      let block = try communicator.agree("reconstruct maps") {
        try places.isEmpty ? nil : makeBlock(places, source, maker)
      }
      try writer.write(block)
      progress.update(step: min(largest, (round + 1) * batch))
    }
    progress.finish()
  }

  private static func makeBlock(
    _ places: Range<Int>, _ source: ReconstructionSource, _ maker: any MapMaker
  ) throws -> MapBlock {
    let samples = places.map { source.samples[$0] }
    let made = try maker.maps(of: samples, in: source)
    let companions = try source.companions(samples)
    return MapBlock(
      first: places.lowerBound, maps: made.map(\.map), stations: companions.stations, valid: companions.valid,
      layers: maker.hasDeviation ? [ReconstructionRecord.deviationName: made.compactMap(\.deviation)] : [:],
      sampleIndices: samples.map { Int32($0) }, draws: maker.keptDraws > 0 ? made.map(\.draws) : [])
  }
}
