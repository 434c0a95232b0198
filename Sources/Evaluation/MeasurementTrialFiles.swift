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

  /// The trial for scripts.
  var json: JSONValue {
    .members([
      "data": .text(data), "magnification": .integer(magnification), "count": .integer(count),
      "rounds": .integer(rounds),
      "maps": .array(
        rows.map { row in
          .object(
            [JSONMember(key: "sample", value: .integer(row.sample))]
              + zip(Placement.allCases, row.metrics).map { placement, metrics in
                JSONMember(
                  key: placement.rawValue,
                  value: .members([
                    "rmse_db": .real(metrics.rmseDB), "mse": .real(metrics.mse), "psnr_db": .real(metrics.psnr),
                  ]))
              })
        }),
    ])
  }

  func write(to directory: String) throws {
    try Files.write(markdown.utf8, to: "\(directory)/trial.md", what: "cannot write the trial")
    try Files.write(json.indented.utf8, to: "\(directory)/trial.json", what: "cannot write the trial")
  }
}
