import CMessagePassing
import Essentials
import Foundation

/// A group of processes ("ranks") that exchange messages.
///
/// Collective functions say so: every rank must call them, in the same order. One thread of a rank at a time may
/// call; between `begin` and `finish` of a threaded gradient reducer that is the reducer's own thread.
///
/// Collectives are `checked` unless told otherwise: the ranks first compare what they are about to do (kind,
/// element, count, root), so that a mismatch is raised on all of them rather than hanging or corrupting. It costs one
/// all-reduce of 24 bytes, some microseconds within a node. With one rank nothing is sent and nothing is compared.
///
/// A communicator lives until the process ends.
public final class Communicator: @unchecked Sendable {
  /// This process's number, from 0.
  public let rank: Int
  /// How many processes there are.
  public let size: Int
  /// This process's number among those on its node.
  public let localRank: Int
  /// How many processes of this group are on this node.
  public let localSize: Int
  /// Whether this is rank 0.
  public var isRoot: Bool { rank == 0 }

  let handle: OpaquePointer

  private static let started = Result { () throws(Fault) in try start() }

  /// All the processes that one `mpirun` or `srun` started; one process alone without it.
  ///
  /// The first call initialises MPI (thread level `MPI_THREAD_SERIALIZED`) and is collective. `MPI_Finalize` runs
  /// when the process exits; a rank that exits with an error while the others go on ends the whole job instead.
  /// - Throws: `Fault` when MPI cannot start, lacks the thread level, or sees one process where several were started.
  public static func world() throws -> Communicator { try started.get() }

  private static func start() throws(Fault) -> Communicator {
    if let fault = Launcher.current?.contradictionAtSight { throw fault }
    var serialized = false
    try check(mp_initialize(&serialized), "MPI_Init_thread")
    guard serialized else {
      throw Fault(
        "the MPI library cannot be called from a thread of its own", at: "MPI_Init_thread",
        expected: "MPI_THREAD_SERIALIZED or more", found: "a lower thread level",
        hint: "use an Open MPI built with thread support")
    }
    var handle: OpaquePointer?
    try check(mp_world(&handle), "MPI_COMM_WORLD")
    let world = try Communicator(handle)
    if world.size == 1, let fault = Launcher.current?.contradiction { throw fault }
    return world
  }

  /// Collective: finds out which ranks share a node.
  init(_ handle: OpaquePointer?) throws(Fault) {
    guard let handle else { throw Fault("out of memory", at: "MPI communicator") }
    var localRank: Int32 = 0
    var localSize: Int32 = 1
    self.handle = handle
    rank = Int(mp_rank(handle))
    size = Int(mp_size(handle))
    try Self.check(mp_local(handle, &localRank, &localSize), "MPI_Comm_split_type")
    self.localRank = Int(localRank)
    self.localSize = Int(localSize)
  }

  /// Collective: a communicator of the same ranks, whose messages never meet those of this one.
  public func duplicate() throws -> Communicator {
    try meet("duplicate")
    var copy: OpaquePointer?
    try check(mp_duplicate(handle, &copy), "MPI_Comm_dup")
    return try Communicator(copy)
  }

  /// Collective: divides the ranks into groups.
  ///
  /// - Parameters:
  ///   - color: ranks with the same number come into the same group; nil for none.
  ///   - key: orders the ranks within a group; equal keys keep this communicator's order.
  /// - Returns: the group of this rank, nil for no color.
  /// - Throws: `Fault` on a negative color (on every rank) or when MPI fails.
  public func split(color: Int?, key: Int = 0) throws -> Communicator? {
    let (narrowColor, narrowKey) = try agree("split") {
      guard color.map({ (0...Int(Int32.max)).contains($0) }) ?? true, let key = Int32(exactly: key) else {
        throw Fault(
          "cannot split the ranks", at: "split(color:key:)",
          expected: "a color in 0...\(Int32.max) or none, and a key of 32 bits",
          found: "color \(color.map(String.init) ?? "none"), key \(key)")
      }
      return (Int32(color ?? -1), key)
    }
    var part: OpaquePointer?
    try check(mp_split(handle, narrowColor, narrowKey, &part), "MPI_Comm_split")
    return try part.map { try Communicator($0) }
  }

  /// Gives the address of the `MPI_Comm`, for C libraries that take one, such as parallel HDF5.
  public func withRawCommunicator<Value>(_ body: (UnsafeRawPointer) throws -> Value) rethrows -> Value {
    try body(UnsafeRawPointer(mp_raw(handle)))
  }

  func check(_ code: Int32, _ call: String) throws(Fault) {
    guard code != 0 else { return }
    try Self.check(code, "\(call) on rank \(rank) of \(size)")
  }

  private static func check(_ code: Int32, _ call: String) throws(Fault) {
    guard code != 0 else { return }
    let message = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { buffer in
      mp_error_message(code, buffer.baseAddress, buffer.count)
      return String(cString: buffer.baseAddress!)
    }
    throw Fault("the message-passing library reports an error", at: call, found: message)
  }

  /// Sets how many elements one MPI call is given at most, so that tests can split small arrays. Same on all ranks.
  package static func splitCalls(above elements: Int) { mp_set_chunk(elements) }
  /// The limit of MPI itself: counts of 32 bits.
  package static let elementsPerCall = Int(Int32.max)
}
