import Essentials
import Interpolation
import MessagePassing
import Metrics
import Tensors

/// Holds reconstructions against the truth, beside plain interpolation of the same coarse maps.
public enum Evaluator {
  /// Collective. Compares all maps of the reconstructions, shared out over the ranks one map at a time, and writes
  /// `report.md`, `report.json`, the calibration curve and the pictures of the best, the median and the worst map.
  ///
  /// Pixels that the data mark as not valid are left out of everything, and out of the coarse maps that the interpolations
  /// start from.
  ///
  /// - Parameters:
  ///   - dataPath: the data set with the true maps.
  ///   - reconstructionPaths: files that `ckm reconstruct` wrote of the same maps at one magnification; none for the
  ///     interpolations alone.
  ///   - magnification: needed where nothing was reconstructed.
  ///   - scale: what is 0 and what is 255 of the scale that errors are counted on.
  ///   - perceptual: the weights of a perceptual distance; nil: none is taken.
  ///   - outputDirectory: where the report goes; it is made where it is missing, files of the same names are replaced.
  ///   - communicator: the ranks that share the work.
  /// - Returns: the report, on every rank.
  /// - Throws: `Fault` on every rank when a file cannot be read, they do not belong together, a true map is constant on a
  ///   scale of its own, or the report cannot be written.
  @discardableResult
  public static func run(
    dataPath: String, reconstructionPaths: [String], magnification: Int? = nil, scale: MetricScale = .own,
    perceptual: String? = nil, outputDirectory: String, communicator: Communicator
  ) throws -> EvaluationReport {
    // Before the work, so that a directory that cannot be written shows at once.
    try communicator.onRoot("make the report's directory") { try ReportDirectory.make(outputDirectory) }
    try communicator.requireSameFiles([dataPath] + reconstructionPaths)
    let (source, interpolations) = try communicator.agree("open the maps") {
      let source = try EvaluationSource(
        dataPath: dataPath, reconstructionPaths: reconstructionPaths, magnification: magnification)
      let interpolations = try source.grid.map { grid in
        try InterpolationMethod.allCases.map { try $0.make(grid: grid, area: source.area) }
      }
      return (source, interpolations ?? [])
    }
    let distance = try communicator.agree("read the weights of the perceptual distance") {
      try perceptual.map { try PerceptualDistance(path: $0, engine: Engine(threads: 1)) }
    }
    let share = Share.range(of: source.samples.count, rank: communicator.rank, size: communicator.size)
    let own = try communicator.agree("compare the maps") {
      try share.map { try row($0, source, interpolations, scale, distance) }
    }
    let gathered = try communicator.gather(value: own)
    return try communicator.onRoot("write the report") {
      let report = EvaluationReport(
        source, scale: scale, interpolations: interpolations.count, names: source.names(interpolations),
        rows: (gathered ?? [own]).flatMap { $0 }, perceptualTitle: distance?.title)
      try report.writePictures(source, interpolations, to: outputDirectory)
      try report.write(to: outputDirectory)
      return report
    }
  }

  private static func row(
    _ position: Int, _ source: EvaluationSource, _ interpolations: [any Interpolator], _ scale: MetricScale,
    _ distance: PerceptualDistance?
  ) throws -> EvaluationRow {
    let pair = try source.pair(position), sample = source.samples[position]
    do {
      let interpolated = try pair.coarse.map { coarse in
        try interpolations.map { ComparedMap(try $0.interpolate(coarse)) }
      }
      let estimates = (interpolated ?? []) + pair.reconstructions
      let truth = pair.truth
      let grey = try GreyScale(of: truth.map, mask: truth.mask, scale: scale)
      let predicted = unmeasured(pair, source.grid)
      // A frame as wide as the coarse spacing: at the far sides it holds all that lies beyond the last sample.
      let margin = source.grid?.magnification
      func parts(_ region: (Int) -> MapRegion) -> [MapMetrics?] {
        estimates.map { estimate in margin.flatMap { regional(estimate, truth, region($0), scale) } }
      }
      return EvaluationRow(
        sample: sample, position: position,
        metrics: try estimates.map { try MapMetrics(comparing: $0.map, to: truth.map, mask: truth.mask, scale: scale) },
        interior: parts { .interior(margin: $0) }, border: parts { .border(margin: $0) },
        calibration: try estimates.map {
          guard !predicted.isEmpty, let prediction = $0.predicted else { return nil }
          return try CalibrationMetrics(prediction, truth: truth.map, counted: predicted, scale: grey)
        },
        perceptual: try distance.map { try distances($0, estimates.map(\.map), truth, grey) })
    } catch let fault as Fault {
      let origin = source.reconstructions.first.map { " (\($0.path), map \(position))" } ?? ""
      throw fault.within("\(source.dataPath), sample \(sample)\(origin)")
    }
  }

  /// How different estimates look from the truth, all as grey pictures.
  private static func distances(
    _ distance: PerceptualDistance, _ maps: [ChannelFingerprint], _ truth: StationMap, _ scale: GreyScale
  ) throws -> [Double] {
    func features(_ map: ChannelFingerprint) throws -> PerceptualDistance.Features {
      let levels = map.values.enumerated().map { place, value in
        truth.mask?[place] == false ? 0 : Float(min(max(scale.grey(value) / 255, 0), 1))
      }
      return try distance.features(levels, rows: map.rows, columns: map.columns, at: truth.place)
    }
    let real = try features(truth.map)
    return try maps.map { distance.distance(try features($0), real) }
  }

  /// Nil where the region holds no valid pixel, or none above the minimum: the faults of the whole map have shown before.
  private static func regional(
    _ estimate: ComparedMap, _ truth: StationMap, _ region: MapRegion, _ scale: MetricScale
  ) -> MapMetrics? {
    try? MapMetrics(
      comparing: estimate.map, to: truth.map, mask: truth.mask, region: region, scale: scale, similarity: false)
  }

  /// The valid pixels that are not samples: what is measured is known, and tells nothing of a prediction.
  private static func unmeasured(_ pair: EvaluationSource.Pair, _ grid: SamplingGrid?) -> Mask {
    var counted = pair.truth.mask?.flags ?? [Bool](repeating: true, count: pair.truth.map.values.count)
    for pixel in grid?.samplePixels ?? [] { counted[pixel] = false }
    return Mask(counted)
  }
}
