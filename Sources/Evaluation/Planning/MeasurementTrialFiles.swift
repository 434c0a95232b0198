import Metrics
import Records

extension MeasurementTrial {
  private func psnr(_ placement: Placement) -> [Double] {
    let place = Placement.allCases.firstIndex(of: placement)!
    return rows.map { $0.metrics[place].psnr }
  }

  /// What one placement gains over another in PSNR [dB], map by map.
  public func gain(of placement: Placement, over other: Placement) -> Summary {
    .pairedDifference(psnr(placement), psnr(other))
  }

  /// The trial for people.
  public var markdown: String {
    var table = MarkdownTable(["placement", "RMSE dB", "MSE", "PSNR dB", "gain over random dB", "gain over grid dB"])
    for (place, placement) in Placement.allCases.enumerated() {
      let metrics = rows.map { $0.metrics[place] }
      let title =
        switch placement {
        case .none: "no measurement"
        case .random: "random"
        case .grid: "grid"
        case .plan: "plan"
        case .rounds: "plan in \(rounds) rounds"
        }
      table.add([
        title, Summary(metrics.map(\.rmseDB)).text(), Summary(metrics.map(\.mse)).text(),
        Summary(metrics.map(\.psnr)).text(), gain(of: placement, over: .random).text(),
        gain(of: placement, over: .grid).text(),
      ])
    }
    return """
      # \(count) measurements added, \(rows.count) maps

      Data: `\(data)`; known before: every \(magnification)th pixel in each axis. All maps are reconstructed by kriging of all \
      samples.

      \(table.text)
      Mean ± standard error over maps; gains are paired, map by map. MSE and PSNR on the scale on which the true map's least \
      value is 0 and its greatest 255, per map; RMSE in dB of channel power.

      """
  }

  /// `trial.json`.
  private struct File: Encodable {
    struct Errors: Encodable {
      let rmseDB: Double, mse: Double, psnrDB: Double
    }
    struct Map: Encodable {
      let row: Row

      func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: JSONKey.self)
        try members.encode(row.sample, forKey: "sample")
        for (placement, found) in zip(Placement.allCases, row.metrics) {
          try members.encode(
            Errors(rmseDB: found.rmseDB, mse: found.mse, psnrDB: found.psnr), forKey: JSONKey(placement.rawValue))
        }
      }
    }
    let data: String, magnification: Int, count: Int, rounds: Int, maps: [Map]
  }

  func write(to directory: String) throws {
    try Files.write(markdown.utf8, to: "\(directory)/trial.md", what: "cannot write the trial")
    let file = File(
      data: data, magnification: magnification, count: count, rounds: rounds, maps: rows.map(File.Map.init))
    let json = try JSONValue.encoding(file, keys: .snakeCase)
    try Files.write(json.indented.utf8, to: "\(directory)/trial.json", what: "cannot write the trial")
  }
}
