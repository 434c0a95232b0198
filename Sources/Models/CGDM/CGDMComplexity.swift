import Foundation
import Records
import Runs

extension CGDMFamily: StudiedFamily {
  /// The paper's Fig. 6: parameters (M) / multiply-accumulates (G) for a map of 128 x 128, counted as the paper does:
  /// without the weights of group norms, and with one operation for each value that nearest upsampling writes.
  public static var complexityStudy: MarkdownTable { ComplexityStudy.table }
}

/// The networks of the paper's complexity study, counted one by one.
private enum ComplexityStudy {
  private static let multipliers = [[1, 2, 4], [1, 2, 4, 8], [1, 2, 4, 8, 16], [1, 2, 4, 8, 16, 32]]
  /// Widths c1 at N_RA = 2, then the other N_RA at c1 = 64.
  private static let networks =
    [8, 16, 32, 64, 128].map { (width: $0, blocks: 2) } + [1, 3, 4].map { (width: 64, blocks: $0) }

  static var table: MarkdownTable {
    var table = MarkdownTable(
      ["params (M) / MACs (G)"] + multipliers.map { $0.map(String.init).joined(separator: ":") })
    for network in networks {
      var model = CGDMConfiguration.paper
      (model.baseChannels, model.blocks) = network
      let cells = multipliers.map { multipliers in
        model.multipliers = multipliers
        return cell(model)
      }
      table.add(["c1=\(network.width), N_RA=\(network.blocks)"] + cells)
    }
    return table
  }

  private static func cell(_ model: CGDMConfiguration) -> String {
    let total = CGDM.outline(model).total
    let parameters = total.parameters - total.normParameters
    let operations = total.multiplyAccumulates + total.upsampledValues
    let billions = Double(operations) / 1e9
    return String(format: "%.2f / %.*f", Double(parameters) / 1e6, billions < 100 ? 3 : 2, billions)
  }
}
