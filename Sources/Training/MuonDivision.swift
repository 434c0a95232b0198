import MessagePassing
import NeuralNetworks

extension Optimiser.Division {
  /// Collective at each step: the ranks of a communicator divide Muon's work.
  public init(_ communicator: Communicator) {
    self.init(rank: communicator.rank, size: communicator.size) { directions, parts in
      try communicator.allGather(directions, counts: parts.map(\.count), checked: false)
    }
  }
}
