import CMessagePassing
import Essentials
import Foundation

extension Communicator {
  /// Collective: all ranks meet here and compare what they are about to do.
  ///
  /// - Parameters:
  ///   - call: what this rank is about to do.
  ///   - failing: whether this rank has failed.
  /// - Returns: the lowest rank that has failed, nil for none.
  /// - Throws: the same `Fault` on every rank when they are about to do different things.
  @discardableResult
  func meet(_ call: @autoclosure () -> String, failing: Bool = false) throws -> Int? {
    guard size > 1 else { return failing ? rank : nil }
    let hash = stableHash(call().utf8)
    var words = [hash, ~hash, failing ? UInt64(size - rank) : 0]
    try check(mp_agree_max(handle, &words, 3), "MPI_Iallreduce")
    guard words[0] == ~words[1] else { throw try mismatch(call()) }
    return words[2] == 0 ? nil : size - Int(words[2])
  }

  private func mismatch(_ call: String) throws -> Fault {
    let calls = try allGather(Array(call.utf8), checked: false).map { String(decoding: $0, as: UTF8.self) }
    var shown: [String] = []
    for (rank, call) in calls.enumerated() where !calls[..<rank].contains(call) {
      shown.append("rank \(rank): \(call)")
    }
    return Fault(
      "the ranks disagree about the next collective call", at: "message passing",
      expected: "the same call on every rank", found: shown.prefix(4).joined(separator: "; "))
  }

  /// Collective: returns when every rank has called. A rank that waits sleeps rather than spins.
  public func barrier() throws { try meet("barrier") }

  /// Collective: whether all ranks give the same number, such as a hash of their parameters.
  public func allEqual(_ hash: UInt64) throws -> Bool {
    guard size > 1 else { return true }
    try meet("allEqual")
    var words = [hash, ~hash]
    try check(mp_agree_max(handle, &words, 2), "MPI_Iallreduce")
    return words[0] == ~words[1]
  }

  /// Collective: every rank runs `body`; if it fails on any rank, all ranks throw.
  ///
  /// Costs one all-reduce of 24 bytes. `body` must not call anything collective unless it fails alike on all ranks.
  /// - Parameters:
  ///   - what: what is being done, for the message about an error that is not a `Fault`.
  ///   - body: the work of this rank.
  /// - Throws: on every rank the `Fault` of the lowest rank that failed; its `place` names the rank unless all ranks
  ///   failed alike.
  public func agree<Value>(_ what: String = "do the ranks' work", _ body: () throws -> Value) throws -> Value {
    let outcome = Self.outcome(what, body)
    let failure: Fault? = if case .failure(let fault) = outcome { fault } else { nil }
    guard let first = try meet("agree: \(what)", failing: failure != nil) else { return try outcome.get() }
    let fault = try share(failure, from: first)
    let alike = try meet("agree: \(what)", failing: failure != fault) == nil
    throw alike ? fault : try located(fault, of: first, hasFailed: failure != nil)
  }

  /// Collective: rank 0 runs `body`; all ranks have its result, or throw its `Fault`.
  ///
  /// The others sleep meanwhile.
  /// - Parameters:
  ///   - what: what is being done, for the message about an error that is not a `Fault`.
  ///   - body: runs on rank 0 only.
  public func onRoot<Value: Codable>(
    _ what: String = "do rank 0's work", _ body: () throws -> Value
  ) throws -> Value {
    try distribute(what, from: 0, body)
  }

  /// Collective: rank 0 runs `body`; all ranks return when it has ended, or throw its `Fault`.
  public func onRoot(_ what: String = "do rank 0's work", _ body: () throws -> Void) throws {
    _ = try distribute(what, from: 0) {
      try body()
      return true
    }
  }

  /// Collective: all ranks have the value of `root`. The others may give nil.
  ///
  /// - Throws: `Fault` on every rank when the root gives nil, or a value that cannot be encoded.
  public func broadcast<Value: Codable>(value: Value?, from root: Int = 0) throws -> Value {
    try distribute("broadcast a \(Value.self) from rank \(root)", from: root) {
      guard let value else { throw Fault("the root has nothing to broadcast", at: "rank \(root)") }
      return value
    }
  }

  /// One rank makes a value, or fails; all ranks have the value or throw the fault.
  private func distribute<Value: Codable>(
    _ what: String, from root: Int, _ body: () throws -> Value
  ) throws -> Value {
    guard size > 1 else { return try Self.outcome(what, body).get() }
    var made: (value: Value, bytes: [UInt8])?
    var failure: Fault?
    if rank == root {
      let outcome = Self.outcome(what) {
        let value = try body()
        return (value, try Self.encode(value))
      }
      switch outcome {
      case .success(let success): made = success
      case .failure(let fault): failure = fault
      }
    }
    if try meet("from rank \(root): \(what)", failing: failure != nil) != nil {
      throw try share(failure, from: root)
    }
    let bytes = try broadcastBytes(made?.bytes, from: root)
    return try made?.value ?? Self.decode(bytes)
  }

  private func share(_ fault: Fault?, from root: Int) throws -> Fault {
    if size == 1, let fault { return fault }
    let bytes = try broadcastBytes(rank == root ? fault.map { try Self.encode($0) } : nil, from: root)
    return try Self.decode(bytes)
  }

  /// The root's bytes on every rank, without a check.
  func broadcastBytes(_ bytes: [UInt8]?, from root: Int) throws -> [UInt8] {
    var length = [UInt64(rank == root ? bytes?.count ?? 0 : 0)]
    try check(mp_agree_max(handle, &length, 1), "MPI_Iallreduce")
    var buffer = rank == root ? bytes ?? [] : [UInt8](repeating: 0, count: Int(length[0]))
    try check(mp_broadcast(handle, &buffer, buffer.count, Int32(root)), "MPI_Bcast")
    return buffer
  }

  static func outcome<Value>(_ what: String, _ body: () throws -> Value) -> Result<Value, Fault> {
    do { return .success(try body()) } catch let fault as Fault { return .failure(fault) } catch {
      return .failure(Fault("cannot \(what)", at: "rank's own work", found: "\(error)"))
    }
  }

  static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return Array(try encoder.encode(value))
  }

  static func decode<Value: Decodable>(_ bytes: [UInt8]) throws -> Value {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do { return try decoder.decode(Value.self, from: Data(bytes)) } catch {
      throw Fault(
        "a message from another rank does not decode", at: "message passing", expected: "\(Value.self)",
        found: "\(error)", hint: "run the same version of the program on every node")
    }
  }
}
