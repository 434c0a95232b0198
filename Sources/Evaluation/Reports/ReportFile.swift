import Metrics
import Records

/// `report.json`: everything that is in the tables, and one object a map.
struct ReportFile: Encodable {
  private struct Origin: Encodable {
    let file: String, method: String, model: String, sampler: String, steps: Int, estimate: String, draws: Int
    let views: Int

    init(_ origin: EvaluationReport.Origin) {
      let record = origin.record
      (file, method, model, sampler) = (origin.path, record.method, record.model, record.sampler)
      (steps, estimate, draws, views) = (record.steps, record.estimate, record.draws, record.views)
    }
  }

  private struct RegionErrors: Encodable {
    let mse: Double, rmseDB: Double
  }

  /// One method on one map.
  private struct Entry: Encodable {
    let nmse: Double, mse: Double, psnr: Double, ssim: Double?, rmseDB: Double, maeDB: Double, pixels: Int
    let interior: RegionErrors?, border: RegionErrors?
    let crpsDB: Double?, coverage: [Double]?, perceptual: Double?

    init(_ row: EvaluationRow, _ method: Int) {
      let metrics = row.metrics[method]
      (nmse, mse, psnr, ssim) = (metrics.nmse, metrics.mse, metrics.psnr, metrics.ssim)
      (rmseDB, maeDB, pixels) = (metrics.rmseDB, metrics.maeDB, metrics.pixels)
      interior = row.interior[method].map { RegionErrors(mse: $0.mse, rmseDB: $0.rmseDB) }
      border = row.border[method].map { RegionErrors(mse: $0.mse, rmseDB: $0.rmseDB) }
      crpsDB = row.calibration[method]?.crps
      coverage = row.calibration[method]?.coverage
      perceptual = row.perceptual?[method]
    }
  }

  /// One map: every method by its name.
  private struct Row: Encodable {
    let row: EvaluationRow
    let names: [String]

    func encode(to encoder: any Encoder) throws {
      var members = encoder.container(keyedBy: JSONKey.self)
      try members.encode(row.sample, forKey: "sample")
      try members.encode(row.position, forKey: "position")
      for (method, name) in names.enumerated() { try members.encode(Entry(row, method), forKey: JSONKey(name)) }
    }
  }

  private let data: String, magnification: Int?, maps: Int, scale: MetricScale
  private let perceptualMetric: String?
  private let reconstructions: [Origin], methods: [MethodSummary], gains: [PairedGain]
  private let calibrationLevels = CalibrationMetrics.levels
  private let rows: [Row]

  init(_ report: EvaluationReport) {
    data = report.data
    magnification = report.magnification
    maps = report.rows.count
    scale = report.scale
    perceptualMetric = report.perceptualTitle
    reconstructions = report.reconstructions.map(Origin.init)
    methods = report.methods
    gains = report.gains
    rows = report.rows.map { Row(row: $0, names: report.names) }
  }
}
