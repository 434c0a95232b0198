import Commands
import Models

/// The command with one family more, registered here alone: what tests of the seam between families and commands run.
@main
struct Main {
  static func main() { ChannelKnowledgeMaps.start(families: Families.all + [TrialFamily.self]) }
}
