import Commands

/// The command `ckm`.
@main
struct Main {
  static func main() { ChannelKnowledgeMaps.start() }
}
