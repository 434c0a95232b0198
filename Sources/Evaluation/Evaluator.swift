import Essentials
import Interpolation
import MessagePassing
import Metrics
import TestSupport

/// Holds reconstructions against the truth, beside plain interpolation of the same coarse maps.
public enum Evaluator {
  /// Collective. Compares all maps of the reconstructions, shared out over the ranks one map at a time, and writes
  /// `report.md`, `report.json`, the calibration curve and the pictures of the best, the median and the worst map.
  ///
  /// Each map is compared on the scale of its own true range. Pixels that the data mark as not valid are left out of
  /// everything, and out of the coarse maps that the interpolations start from.
  ///
  /// - Parameters:
  ///   - dataPath: the data set with the true maps.
  ///   - reconstructionPaths: files that `ckm reconstruct` wrote of the same maps at one magnification; none for the
  ///     interpolations alone.
  ///   - magnification: needed where nothing was reconstructed.
  ///   - outputDirectory: where the report goes; it is made where it is missing, files of the same names are replaced.
  ///   - communicator: the ranks that share the work.
  /// - Returns: the report, on every rank.
  /// - Throws: `Fault` on every rank when a file cannot be read, they do not belong together, a true map is constant or
  ///   the report cannot be written.
  @discardableResult
  public static func run(
    dataPath: String, reconstructionPaths: [String], magnification: Int? = nil, outputDirectory: String,
    communicator: Communicator
  ) throws -> EvaluationReport {
    // Before the work, so that a directory that cannot be written shows at once.
    try communicator.onRoot("make the report's directory") { try ReportDirectory.make(outputDirectory) }
    let (source, interpolations) = try communicator.agree("open the maps") {
      let source = try EvaluationSource(
        dataPath: dataPath, reconstructionPaths: reconstructionPaths, magnification: magnification)
      return (
        source, try InterpolationMethod.allCases.map { try $0.make(grid: source.grid, geometry: source.geometry) }
      )
    }
    let share = Share.range(of: source.samples.count, rank: communicator.rank, size: communicator.size)
    let own = try communicator.agree("compare the maps") {
      try share.map { try row($0, source, interpolations) }
    }
    let gathered = try communicator.gather(value: own)
    return try communicator.onRoot("write the report") {
      let report = EvaluationReport(
        source, interpolations: interpolations.count, names: source.names(interpolations),
        rows: (gathered ?? [own]).flatMap { $0 })
      try report.writePictures(source, interpolations, to: outputDirectory)
      try report.write(to: outputDirectory)
      return report
    }
  }

  private static func row(
    _ position: Int, _ source: EvaluationSource, _ interpolations: [any Interpolator]
  ) throws -> EvaluationRow {
    let pair = try source.pair(position), sample = source.samples[position]
    do {
      let estimates = try interpolations.map { Estimate(try $0.interpolate(pair.coarse)) } + pair.reconstructions
      let scale = try GreyScale(of: pair.truth, valid: pair.valid)
      let predicted = unmeasured(pair, source.grid)
      // A frame as wide as the coarse spacing: at the far sides it holds all that lies beyond the last sample.
      let margin = source.grid.magnification
      return EvaluationRow(
        sample: sample, position: position,
        metrics: try estimates.map { try MapMetrics(comparing: $0.map, to: pair.truth, valid: pair.valid) },
        interior: estimates.map { regional($0, pair, .interior(margin: margin)) },
        border: estimates.map { regional($0, pair, .border(margin: margin)) },
        calibration: try estimates.map {
          guard predicted.contains(true), let prediction = $0.predicted else { return nil }
          return try CalibrationMetrics(prediction, truth: pair.truth, counted: predicted, scale: scale)
        })
    } catch let fault as Fault {
      let origin = source.reconstructions.first.map { " (\($0.path), map \(position))" } ?? ""
      throw fault.within("\(source.dataPath), sample \(sample)\(origin)")
    }
  }

  /// Nil where the region holds no valid pixel, or none above the minimum: the faults of the whole map have shown before.
  private static func regional(_ estimate: Estimate, _ pair: EvaluationSource.Pair, _ region: MapRegion) -> MapMetrics?
  {
    try? MapMetrics(
      comparing: estimate.map, to: pair.truth, valid: pair.valid, region: region, similarity: false)
  }

  /// The valid pixels that are not samples: what is measured is known, and tells nothing of a prediction.
  private static func unmeasured(_ pair: EvaluationSource.Pair, _ grid: SamplingGrid) -> [Bool] {
    var counted = pair.valid ?? [Bool](repeating: true, count: grid.pixels)
    for pixel in grid.samplePixels { counted[pixel] = false }
    return counted
  }
}
