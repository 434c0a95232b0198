import Metrics

/// What one map's reconstruction and its plain interpolations were found to be.
public struct EvaluationRow: Codable, Equatable, Sendable {
  /// The number of the sample in the data.
  public var sample: Int
  /// The place of its reconstruction in the reconstruction's file.
  public var position: Int
  /// One entry a method, in the order of the report's methods.
  public var metrics: [MapMetrics]
}

/// One method's means over maps.
public struct MethodSummary: Codable, Equatable, Sendable {
  /// As it stands in the table.
  public var name: String
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

  init(_ name: String, _ maps: [MapMetrics]) {
    self.name = name
    nmse = Summary(maps.map(\.nmse))
    mse = Summary(maps.map(\.mse))
    psnr = Summary(maps.map(\.psnr))
    ssim = Summary(maps.compactMap(\.ssim))
    rmseDB = Summary(maps.map(\.rmseDB))
    maeDB = Summary(maps.map(\.maeDB))
    cappedMaps = maps.count { $0.psnr >= MapMetrics.highestPSNR }
  }
}

/// What the reconstruction gains over the best plain interpolation, map by map.
public struct PairedGain: Codable, Equatable, Sendable {
  /// The interpolation with the highest mean PSNR over these maps.
  public var over: String
  /// PSNR of the reconstruction less that of the interpolation [dB]; more than 0 is better.
  public var psnr: Summary
  /// RMSE of the interpolation less that of the reconstruction [dB of channel power]; more than 0 is better.
  public var rmseDB: Summary
  /// Maps on which the reconstruction has the higher PSNR.
  public var betterMaps: Int
}

/// A reconstruction beside plain interpolation, over all its maps.
public struct EvaluationReport: Codable, Equatable, Sendable {
  /// The data's file.
  public var data: String
  /// The reconstruction's file.
  public var reconstruction: String
  /// Fine pixels from one coarse sample to the next.
  public var magnification: Int
  /// The run or checkpoint that reconstructed.
  public var model: String
  /// Its sampler; empty where nothing was sampled.
  public var sampler: String
  /// Network evaluations a map.
  public var steps: Int
  /// The interpolations, then the reconstruction.
  public var methods: [MethodSummary]
  /// The reconstruction against the best interpolation.
  public var gain: PairedGain
  /// One row a map, in the order of the reconstruction's file.
  public var rows: [EvaluationRow]

  /// The methods' names, in order; the last is the reconstruction.
  var names: [String] { methods.map(\.name) }

  /// The place in `methods` of the interpolation that the gain is counted over.
  var bestInterpolation: Int { names.firstIndex(of: gain.over) ?? 0 }

  /// - Parameters:
  ///   - source: what was compared.
  ///   - names: the interpolations' names, then the reconstruction's.
  ///   - rows: one a map, at least one, with one entry for each name.
  init(_ source: EvaluationSource, names: [String], rows: [EvaluationRow]) {
    data = source.dataPath
    reconstruction = source.reconstructionPath
    magnification = source.record.magnification
    model = source.record.model
    sampler = source.record.sampler
    steps = source.record.steps
    let methods = names.indices.map { method in
      MethodSummary(names[method], rows.map { $0.metrics[method] })
    }
    let last = names.count - 1
    let best = (0..<last).max { (methods[$0].psnr.mean ?? 0) < (methods[$1].psnr.mean ?? 0) } ?? 0
    func values(_ method: Int, _ quantity: (MapMetrics) -> Double) -> [Double] {
      rows.map { quantity($0.metrics[method]) }
    }
    self.methods = methods
    gain = PairedGain(
      over: names[best],
      psnr: .pairedDifference(values(last, \.psnr), values(best, \.psnr)),
      rmseDB: .pairedDifference(values(best, \.rmseDB), values(last, \.rmseDB)),
      betterMaps: rows.count { $0.metrics[last].psnr > $0.metrics[best].psnr })
    self.rows = rows
  }

  /// The maps that stand for the others: the reconstruction's best, median and worst PSNR; fewer where there are not
  /// three maps.
  var examples: [(name: String, row: EvaluationRow)] {
    let last = methods.count - 1
    let falling = rows.sorted {
      ($0.metrics[last].psnr, $1.position) > ($1.metrics[last].psnr, $0.position)
    }
    var chosen = [("best", falling[0])]
    if falling.count > 2 { chosen.append(("median", falling[falling.count / 2])) }
    if falling.count > 1 { chosen.append(("worst", falling[falling.count - 1])) }
    return chosen.map { (name: $0.0, row: $0.1) }
  }
}
