import ArgumentParser
import Runs

/// `ckm inspect complexity`: what the networks of a family's published complexity study cost.
struct InspectComplexity: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "complexity", abstract: "Count the networks of the families' published complexity studies.",
    discussion: """
      Parameters (M) / multiply-accumulates (G) of one map, counted as the papers do: without the weights of group norms, \
      and with one operation for each value that nearest upsampling writes.
      """)

  func run() throws {
    try Launch.onRoot("count the models") {
      for family in ChannelKnowledgeMaps.families.families.compactMap({ $0 as? any StudiedFamily.Type }) {
        print(family.complexityStudy.text, terminator: "")
      }
    }
  }
}
