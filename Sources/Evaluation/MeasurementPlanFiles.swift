import Essentials
import Foundation
import Interpolation
import Metrics
import RunRecords

extension MeasurementPlan {
  /// The plan for people and spreadsheets.
  public var csv: String {
    var lines = ["order,row,column,x_m,y_m,expected_rmse_db"]
    for (order, place) in measurements.enumerated() {
      lines.append(
        "\(order + 1),\(place.row),\(place.column),\(place.x),\(place.y),\(String(format: "%.4f", place.expectedError))"
      )
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The plan for scripts.
  var json: JSONValue {
    .members([
      "source": .text(source), "known_samples": .integer(known), "uncertainty": .text(uncertainty),
      "expected_rmse_before_db": .real(expectedErrorBefore),
      "measurements": .array(
        measurements.map {
          .members([
            "row": .integer($0.row), "column": .integer($0.column), "x_m": .real($0.x), "y_m": .real($0.y),
            "expected_rmse_db": .real($0.expectedError),
          ])
        }),
    ])
  }

  func write(to directory: String) throws {
    try Files.write(csv.utf8, to: "\(directory)/plan.csv", what: "cannot write the plan")
    try Files.write(json.indented.utf8, to: "\(directory)/plan.json", what: "cannot write the plan")
  }

  /// What is known, how uncertain it is, and the planned places: earlier ones brighter.
  func picture(_ known: KnownSamples, _ map: ChannelFingerprint, _ deviation: ChannelFingerprint) -> MapPicture {
    var order = ChannelFingerprint(rows: known.rows, columns: known.columns, repeating: .nan)
    // A place is a square that can be seen.
    let reach = max(known.rows, known.columns) / 128
    for (number, place) in measurements.enumerated() {
      for row in max(place.row - reach, 0)...min(place.row + reach, known.rows - 1) {
        for column in max(place.column - reach, 0)...min(place.column + reach, known.columns - 1) {
          order[row, column] = Float(number + 1)
        }
      }
    }
    let error = String(format: "%.2f", expectedErrorBefore)
    let after = String(format: "%.2f", measurements.last?.expectedError ?? expectedErrorBefore)
    return MapPicture(
      title: "\(measurements.count) measurements: expected RMSE \(error) dB, then \(after) dB",
      panels: [
        MapPanel("kriging of \(self.known) samples", map, valid: known.valid, scale: .own),
        MapPanel("deviation", deviation, valid: known.valid, scale: .own),
        MapPanel("order of the places", order, scale: .own),
      ])
  }
}

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
