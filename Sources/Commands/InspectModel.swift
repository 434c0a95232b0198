import ArgumentParser
import Foundation
import Models
import Records

/// `ckm inspect model`: parameters and multiply-accumulates by stage.
struct InspectModel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Count a model's parameters and multiply-accumulates, by stage.")

  @OptionGroup var source: ConfigurationOptions

  @Flag(help: "List the layers that pruning can take away, with what each would save.")
  var prunable = false

  func run() throws {
    try Launch.onRoot("count the model") {
      let model = try source.load(CGDMFamily.self, preset: source.preset).own.model
      let table = prunable ? Self.prunableLayers(of: model) : ModelTable(model).text
      print(table, terminator: "")
    }
  }

  private static func prunableLayers(of model: CGDMConfiguration) -> String {
    var table = MarkdownTable(["prunable layer", "parameters", "MACs (G)"])
    let layers = CGDM.prunableLayers(model)
    func row(_ name: String, _ parameters: Int, _ multiplyAccumulates: Int) -> [String] {
      [name, Counts.grouped(parameters), Counts.billions(multiplyAccumulates)]
    }
    for layer in layers { table.add(row(layer.name, layer.parameters, layer.multiplyAccumulates)) }
    table.add(
      row(
        "all \(layers.count)", layers.reduce(0) { $0 + $1.parameters },
        layers.reduce(0) { $0 + $1.multiplyAccumulates }))
    return table.text
  }
}

/// Numbers as the tables of costs show them.
enum Counts {
  /// 221268611 -> "221,268,611".
  static func grouped(_ count: Int) -> String {
    let digits = Array(String(count.magnitude))
    let groups = stride(from: digits.count, to: 0, by: -3).map { String(digits[max(0, $0 - 3)..<$0]) }
    return (count < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
  }

  /// 54578000000 -> "54.578".
  static func billions(_ count: Int) -> String { String(format: "%.3f", Double(count) / 1e9) }
}

/// The table of the network's stages, in the order of computation.
struct ModelTable {
  private struct Row {
    var stage: String
    var parameters = 0
    var multiplyAccumulates = 0
    var names: [String] = []
  }

  private let model: CGDMConfiguration
  private let rows: [Row]

  init(_ model: CGDMConfiguration) {
    self.model = model
    var rows: [Row] = []
    for cost in CGDM.costs(model) {
      let index = rows.firstIndex { $0.stage == cost.stage } ?? rows.count
      if index == rows.count { rows.append(Row(stage: cost.stage)) }
      rows[index].parameters += cost.parameters
      rows[index].multiplyAccumulates += cost.multiplyAccumulates
      rows[index].names.append(cost.name)
    }
    self.rows = rows
  }

  /// Markdown, with a line of totals below.
  var text: String {
    var table = MarkdownTable(
      ["stage", "blocks", "channels", "resolution", "parameters", "MACs (G)"],
      alignments: [.left, .left, .right, .right, .right, .right])
    for row in rows {
      table.add([
        row.stage, contents(row), "\(channels(row.stage))", resolution(row.stage).map { "\($0)" } ?? "",
        Counts.grouped(row.parameters), Counts.billions(row.multiplyAccumulates),
      ])
    }
    let parameters = rows.reduce(0) { $0 + $1.parameters }
    let multiplyAccumulates = rows.reduce(0) { $0 + $1.multiplyAccumulates }
    table.add([
      "total", "", "", "", Counts.grouped(parameters), Counts.billions(multiplyAccumulates),
    ])
    return table.text + """

      \(Counts.grouped(parameters)) parameters, \(Counts.billions(multiplyAccumulates)) G multiply-accumulates \
      in convolutions and linear layers for one map of \(model.imageSize) x \(model.imageSize).

      """
  }

  /// "2 Res+, Down"; a body that was pruned away does not count.
  private func contents(_ row: Row) -> String {
    func count(_ part: String) -> Int {
      Set(row.names.compactMap { name in name.range(of: part).map { name[..<$0.lowerBound] } }).count
    }
    let (bodies, attention) = (count(".res_block.mlp."), count(".attn.qkv"))
    let convolution = row.stage.hasPrefix("Dn") ? "Down" : "Up"
    switch row.stage {
    case "Time": return "2 linear"
    case "Stem": return "convolution"
    case "Out": return "norm, convolution"
    default:
      var parts = ["\(bodies) Res+"]
      if attention > 0 { parts.append("\(attention) attention") }
      if row.names.contains(where: { $0.hasSuffix(".conv") }) { parts.append(convolution) }
      return parts.joined(separator: ", ")
    }
  }

  /// The level of "Dn2" or "Up2", from 0; the middle stands on the last.
  private func level(_ stage: String) -> Int? {
    if stage == "Mid" { return model.multipliers.count - 1 }
    guard stage.hasPrefix("Dn") || stage.hasPrefix("Up") else { return nil }
    return Int(stage.dropFirst(2)).map { $0 - 1 }
  }

  private func channels(_ stage: String) -> Int {
    if stage == "Out" { return model.channels }
    return level(stage).map { model.multipliers[$0] * model.baseChannels } ?? model.baseChannels
  }

  private func resolution(_ stage: String) -> Int? {
    stage == "Time" ? nil : model.networkSize >> (level(stage) ?? 0)
  }
}
