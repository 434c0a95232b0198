import ArgumentParser
import Essentials
import Runs

/// `ckm inspect model`: parameters and multiply-accumulates by stage.
struct InspectModel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Count a model's parameters and multiply-accumulates, by stage.")

  @OptionGroup var source: ConfigurationOptions

  @Flag(help: "List the layers that pruning can take away, with what each would save.")
  var prunable = false

  func run() throws {
    try Launch.onRoot("count the model") {
      let choice = try source.choose()
      try show(choice.family, preset: choice.preset)
    }
  }

  private func show<Family: ModelFamily>(_ family: Family.Type, preset: String?) throws {
    guard !prunable || family is any PrunableFamily.Type else {
      throw Fault("such models cannot be pruned", at: "`prunable`", found: "the family \(family.name)")
    }
    let configuration = try source.load(family, preset: preset)
    let players = Family.playerNames
    for (place, outline) in try Family.outlines(configuration).enumerated() {
      if players.count > 1 { print("\(place > 0 ? "\n" : "")\(players[place]):\n") }
      print(prunable ? outline.prunableTable.text : "\(outline.table.text)\n\(outline.summary)\n", terminator: "")
    }
  }
}
