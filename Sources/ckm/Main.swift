import Commands
import Models

/// The command `ckm`, with all families of models.
@main
struct Main {
  static func main() { ChannelKnowledgeMaps.start(families: Families.all) }
}
