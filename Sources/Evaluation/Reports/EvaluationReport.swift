import MapStorage
import Metrics

/// What one map's reconstructions and its plain interpolations were found to be.
public struct EvaluationRow: Codable, Equatable, Sendable {
  /// The number of the sample in the data.
  public var sample: Int
  /// The place of its reconstruction in the first reconstruction's file.
  public var position: Int
  /// One entry a method, in the order of the report's methods.
  public var metrics: [MapMetrics]
  /// Errors in the interior, without the structural similarity; nil where the map has none, or nothing but its minimum.
  public var interior: [MapMetrics?]
  /// The same in the border.
  public var border: [MapMetrics?]
  /// Of methods that know how far off they may be.
  public var calibration: [CalibrationMetrics?]
  /// Perceptual distances of all methods; nil where nobody was asked.
  public var perceptual: [Double]?
}

/// Errors in a part of the maps, means over maps.
public struct RegionSummary: Codable, Equatable, Sendable {
  /// On the 0...255 scale.
  public var mse: Summary
  /// [dB]
  public var psnr: Summary
  /// [dB of channel power]
  public var rmseDB: Summary

  /// Nil where no map has such a part.
  init?(_ maps: [MapMetrics?]) {
    let found = maps.compactMap(\.self)
    guard !found.isEmpty else { return nil }
    mse = Summary(found.map(\.mse))
    psnr = Summary(found.map(\.psnr))
    rmseDB = Summary(found.map(\.rmseDB))
  }
}

/// How well predicted deviations fit the errors, means over maps.
public struct CalibrationSummary: Codable, Equatable, Sendable {
  /// Continuous ranked probability score [dB of channel power].
  public var crps: Summary
  /// The same on the 0...255 scale.
  public var crpsGrey: Summary
  /// What was predicted [dB of channel power], the root of the mean square of each map.
  public var deviation: Summary
  /// What came of it: the maps' root of the mean squared error [dB of channel power], measured pixels left out.
  public var error: Summary
  /// The share of pixels in the central interval of each of `CalibrationMetrics.levels`.
  public var coverage: [Summary]

  /// As in the reports' files.
  private enum CodingKeys: String, CodingKey {
    case crps = "crps_db"
    case crpsGrey = "crps_grey"
    case deviation = "deviation_db"
    case error = "error_db"
    case coverage
  }

  /// Nil where not all maps have a deviation.
  init?(_ maps: [CalibrationMetrics?]) {
    let found = maps.compactMap(\.self)
    guard !found.isEmpty, found.count == maps.count else { return nil }
    coverage = CalibrationMetrics.levels.indices.map { level in Summary(found.map { $0.coverage[level] }) }
    crps = Summary(found.map(\.crps))
    crpsGrey = Summary(found.map(\.crpsGrey))
    deviation = Summary(found.map(\.deviation))
    error = Summary(found.map(\.error))
  }

  /// The share in the central interval of one of the levels.
  public func coverage(at level: Double) -> Summary {
    coverage[CalibrationMetrics.levels.firstIndex { abs($0 - level) < 1e-9 } ?? 0]
  }
}

/// One method's means over maps.
public struct MethodSummary: Codable, Equatable, Sendable {
  /// As it stands in the table.
  public var name: String
  /// Whether it is a plain interpolation.
  public var interpolation: Bool
  /// Σ e² / Σ x² on the 0...255 scale.
  public var nmse: Summary
  /// On the 0...255 scale.
  public var mse: Summary
  /// [dB], the mean of the maps' own, each at most `MapMetrics.highestPSNR`.
  public var psnr: Summary
  /// Structural similarity; counts the maps that are large enough for it.
  public var ssim: Summary
  /// [dB of channel power], the mean of the maps' own.
  public var rmseDB: Summary
  /// Mean absolute error [dB of channel power].
  public var maeDB: Summary
  /// Maps whose PSNR was held at the ceiling.
  public var cappedMaps: Int
  /// At least a coarse spacing from every side.
  public var interior: RegionSummary?
  /// The rest: all that is extrapolated is in it.
  public var border: RegionSummary?
  /// Of methods that know how far off they may be.
  public var calibration: CalibrationSummary?
  /// Perceptual distance; nil where nobody was asked.
  public var perceptual: Summary?

  init(_ name: String, isInterpolation: Bool, _ method: Int, _ rows: [EvaluationRow]) {
    self.name = name
    interpolation = isInterpolation
    let maps = rows.map { $0.metrics[method] }
    nmse = Summary(maps.map(\.nmse))
    mse = Summary(maps.map(\.mse))
    psnr = Summary(maps.map(\.psnr))
    ssim = Summary(maps.compactMap(\.ssim))
    rmseDB = Summary(maps.map(\.rmseDB))
    maeDB = Summary(maps.map(\.maeDB))
    cappedMaps = maps.count { $0.psnr >= MapMetrics.highestPSNR }
    interior = RegionSummary(rows.map { $0.interior[method] })
    border = RegionSummary(rows.map { $0.border[method] })
    calibration = CalibrationSummary(rows.map { $0.calibration[method] })
    let distances = rows.compactMap { $0.perceptual?[method] }
    perceptual = distances.isEmpty ? nil : Summary(distances)
  }
}

/// What a reconstruction gains over the best plain interpolation, map by map.
public struct PairedGain: Codable, Equatable, Sendable {
  /// The reconstruction's name.
  public var of: String
  /// The interpolation with the highest mean PSNR over these maps.
  public var over: String
  /// PSNR of the reconstruction less that of the interpolation [dB]; more than 0 is better.
  public var psnr: Summary
  /// RMSE of the interpolation less that of the reconstruction [dB of channel power]; more than 0 is better.
  public var rmseDB: Summary
  /// Maps on which the reconstruction has the higher PSNR.
  public var betterMaps: Int
}

/// Reconstructions beside plain interpolation, over all their maps.
public struct EvaluationReport: Codable, Equatable, Sendable {
  /// A file of reconstructed maps, and how they were made.
  public struct Origin: Codable, Equatable, Sendable {
    /// The file.
    public var path: String
    /// How its maps were made.
    public var record: ReconstructionRecord
  }
  /// The data's file.
  public var data: String
  /// What was compared; none for the interpolations alone.
  public var reconstructions: [Origin]
  /// Fine pixels from one coarse sample to the next; nil where the maps were inferred from no coarse ones.
  public var magnification: Int?
  /// What is 0 and what is 255 of the scale that errors are counted on.
  public var scale: MetricScale
  /// The interpolations, then the reconstructions.
  public var methods: [MethodSummary]
  /// How many of the methods are interpolations.
  public var interpolations: Int
  /// Each reconstruction beside the best interpolation.
  public var gains: [PairedGain]
  /// One entry a map, in the order of the first reconstruction's file.
  public var rows: [EvaluationRow]
  /// What the perceptual distance is called; nil where nobody was asked.
  public var perceptualTitle: String?

  /// The methods' names, in order.
  var names: [String] { methods.map(\.name) }

  /// "x4", or nothing where there is no magnification.
  var times: String { magnification.map { "x\($0)" } ?? "" }

  /// The place in `methods` of the interpolation with the highest mean PSNR, which gains are counted over; nil where
  /// nothing was interpolated.
  var bestInterpolation: Int? {
    (0..<interpolations).max { (methods[$0].psnr.mean ?? 0) < (methods[$1].psnr.mean ?? 0) }
  }

  /// The method that maps are chosen and shown by: the last reconstruction, or else the best interpolation.
  var shown: Int { reconstructions.isEmpty ? bestInterpolation ?? 0 : methods.count - 1 }

  /// - Parameters:
  ///   - source: what was compared.
  ///   - scale: what is 0 and what is 255.
  ///   - interpolations: how many of the methods are interpolations; they come first.
  ///   - names: the methods' names.
  ///   - rows: one a map, at least one, with one entry for each name.
  ///   - perceptualTitle: what the perceptual distance is called; nil where nobody was asked.
  init(
    _ source: EvaluationSource, scale: MetricScale, interpolations: Int, names: [String], rows: [EvaluationRow],
    perceptualTitle: String? = nil
  ) {
    self.perceptualTitle = perceptualTitle
    data = source.dataPath
    reconstructions = source.reconstructions.map { Origin(path: $0.path, record: $0.record) }
    magnification = source.grid?.magnification
    self.scale = scale
    methods = names.enumerated().map { MethodSummary($1, isInterpolation: $0 < interpolations, $0, rows) }
    self.interpolations = interpolations
    self.rows = rows
    gains = []
    guard let best = bestInterpolation else { return }
    func values(_ method: Int, _ quantity: (MapMetrics) -> Double) -> [Double] {
      rows.map { quantity($0.metrics[method]) }
    }
    gains = (interpolations..<names.count).map { method in
      PairedGain(
        of: names[method], over: names[best],
        psnr: .pairedDifference(values(method, \.psnr), values(best, \.psnr)),
        rmseDB: .pairedDifference(values(best, \.rmseDB), values(method, \.rmseDB)),
        betterMaps: rows.count { $0.metrics[method].psnr > $0.metrics[best].psnr })
    }
  }

  /// The maps that stand for the others: best, median and worst PSNR of the method that is shown; fewer where there are
  /// not three maps.
  var examples: [(name: String, row: EvaluationRow)] {
    let falling = rows.sorted {
      ($0.metrics[shown].psnr, $1.position) > ($1.metrics[shown].psnr, $0.position)
    }
    var chosen = [("best", falling[0])]
    if falling.count > 2 { chosen.append(("median", falling[falling.count / 2])) }
    if falling.count > 1 { chosen.append(("worst", falling[falling.count - 1])) }
    return chosen.map { (name: $0.0, row: $0.1) }
  }
}
