import Essentials
import Foundation
import Pictures
import Records

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

  func write(to directory: String) throws {
    try Files.write(csv.utf8, to: "\(directory)/plan.csv", what: "cannot write the plan")
    let json = try JSONValue.encoding(self)
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
        MapPanel("kriging of \(self.known) samples", map, mask: known.mask, scale: .own),
        MapPanel("deviation", deviation, mask: known.mask, scale: .own),
        MapPanel("order of the places", order, scale: .own),
      ])
  }
}
