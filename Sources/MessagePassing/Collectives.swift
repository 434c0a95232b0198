import CMessagePassing
import Essentials

extension Communicator {
  /// Collective: reduces in place, element by element, over the ranks; all ranks have the same bits afterwards.
  ///
  /// - Parameters:
  ///   - values: this rank's values; the result. The count must be the same on all ranks.
  ///   - operation: sum, minimum or maximum.
  ///   - checked: compare the call over the ranks first.
  /// - Throws: `Fault`, on every rank when the calls differ.
  public func allReduce<Element: MessageElement>(
    _ values: UnsafeMutableBufferPointer<Element>, _ operation: Reduction = .sum, checked: Bool = true
  ) throws {
    guard size > 1 else { return }
    if checked { try meet("allReduce (\(operation.rawValue)) of \(values.count) \(Element.self)") }
    try check(
      mp_allreduce(handle, values.baseAddress, values.count, Element.messageType.shim, operation.shim),
      "MPI_Allreduce")
  }

  /// Collective: the element-wise reduction of the ranks' arrays, which must be equally long.
  public func allReduce<Element: MessageElement>(
    _ values: [Element], _ operation: Reduction = .sum, checked: Bool = true
  ) throws -> [Element] {
    var result = values
    try result.withUnsafeMutableBufferPointer { try allReduce($0, operation, checked: checked) }
    return result
  }

  /// Collective: the reduction of one number of each rank.
  public func allReduce<Element: MessageElement>(
    _ value: Element, _ operation: Reduction = .sum, checked: Bool = true
  ) throws -> Element {
    try allReduce([value], operation, checked: checked)[0]
  }

  /// Collective: overwrites the buffer on every rank with the root's; the count must be the same on all ranks.
  public func broadcast<Element: MessageElement>(
    _ values: UnsafeMutableBufferPointer<Element>, from root: Int = 0, checked: Bool = true
  ) throws {
    guard size > 1 else { return }
    if checked { try meet("broadcast of \(values.count) \(Element.self) from \(root)") }
    let bytes = UnsafeMutableRawBufferPointer(values)
    try check(mp_broadcast(handle, bytes.baseAddress, bytes.count, Int32(root)), "MPI_Bcast")
  }

  /// Collective: the root's array on every rank; what the others give, and its length, does not count.
  public func broadcast<Element: MessageElement>(
    _ values: [Element], from root: Int = 0, checked: Bool = true
  ) throws -> [Element] {
    guard size > 1 else { return values }
    if checked { try meet("broadcast of \(Element.self) from \(root)") }
    var count = [UInt64(rank == root ? values.count : 0)]
    try check(mp_agree_max(handle, &count, 1), "MPI_Iallreduce")
    return try [Element](unsafeUninitializedCapacity: Int(count[0])) { buffer, filled in
      if rank == root { _ = buffer.initialize(from: values) }
      try broadcast(
        UnsafeMutableBufferPointer(rebasing: buffer[..<Int(count[0])]), from: root, checked: false)
      filled = Int(count[0])
    }
  }

  /// Collective: the arrays of all ranks in rank order on the root, nil elsewhere; lengths may differ and be 0.
  public func gather<Element: MessageElement>(
    _ values: [Element], to root: Int = 0, checked: Bool = true
  ) throws -> [[Element]]? {
    guard size > 1 else { return [values] }
    if checked { try meet("gather of \(Element.self) to \(root)") }
    return try collect(values, on: rank == root) { bytes, lengths, out in
      try check(mp_gather(handle, bytes, lengths, out, Int32(root)), "MPI_Gatherv")
    }
  }

  /// Collective: the arrays of all ranks in rank order, on every rank; lengths may differ and be 0.
  public func allGather<Element: MessageElement>(
    _ values: [Element], checked: Bool = true
  ) throws -> [[Element]] {
    guard size > 1 else { return [values] }
    if checked { try meet("allGather of \(Element.self)") }
    let parts = try collect(values, on: true) { bytes, lengths, out in
      try check(mp_allgather(handle, bytes, lengths, out), "MPI_Allgatherv")
    }
    return parts ?? []
  }

  /// Collective: every rank's part of a buffer on all ranks, in place.
  ///
  /// - Parameters:
  ///   - values: the whole buffer, of which this rank has made its part; equally long on all ranks.
  ///   - counts: how many elements each rank's part has, one part after the other; the same list on every rank; parts
  ///     may be empty.
  ///   - checked: compare the call over the ranks first.
  /// - Throws: `Fault` on every rank when the counts are not one for each rank or do not add up.
  public func allGather<Element: MessageElement>(
    _ values: UnsafeMutableBufferPointer<Element>, counts: [Int], checked: Bool = true
  ) throws {
    func requireParts() throws {
      guard counts.count == size, counts.allSatisfy({ $0 >= 0 }), counts.reduce(0, +) == values.count else {
        throw Fault(
          "the ranks' parts do not fit", at: "allGather",
          expected: "\(size) counts that add up to \(values.count), the number of values", found: "\(counts)")
      }
    }
    if checked {
      try agree("allGather of \(Element.self) in \(counts)", requireParts)
    } else {
      try requireParts()
    }
    guard size > 1 else { return }
    let lengths = counts.map { UInt64($0 * MemoryLayout<Element>.stride) }
    try check(mp_allgather_in_place(handle, lengths, UnsafeMutableRawPointer(values.baseAddress)), "MPI_Allgatherv")
  }

  /// Exchanges lengths, moves the bytes, and cuts them into arrays where this rank is a receiver.
  private func collect<Element: MessageElement>(
    _ values: [Element], on receiving: Bool,
    _ move: (UnsafeRawPointer?, UnsafePointer<UInt64>, UnsafeMutableRawPointer?) throws -> Void
  ) throws -> [[Element]]? {
    let width = MemoryLayout<Element>.stride
    var lengths = [UInt64](repeating: 0, count: size)
    try check(mp_allgather_length(handle, UInt64(values.count * width), &lengths), "MPI_Allgather")
    let total = receiving ? Int(lengths.reduce(0, +)) : 0
    let all = UnsafeMutableRawBufferPointer.allocate(
      byteCount: total, alignment: MemoryLayout<Element>.alignment)
    defer { all.deallocate() }
    try values.withUnsafeBytes { try move($0.baseAddress, lengths, all.baseAddress) }
    guard receiving else { return nil }
    var start = 0
    return lengths.map { length in
      defer { start += Int(length) }
      return Array(
        UnsafeRawBufferPointer(rebasing: all[start..<start + Int(length)]).bindMemory(to: Element.self))
    }
  }

  /// Collective: a value of each rank, in rank order, on the root; nil elsewhere.
  ///
  /// - Throws: `Fault` on every rank when a value cannot be encoded on one.
  public func gather<Value: Codable>(value: Value, to root: Int = 0) throws -> [Value]? {
    guard size > 1 else { return [value] }
    let bytes = try agree("encode \(Value.self)") { try Self.encode(value) }
    return try gather(bytes, to: root, checked: false)?.map { try Self.decode($0) }
  }

  /// Collective: a value of each rank, in rank order, on every rank.
  ///
  /// - Throws: `Fault` on every rank when a value cannot be encoded on one.
  public func allGather<Value: Codable>(value: Value) throws -> [Value] {
    guard size > 1 else { return [value] }
    let bytes = try agree("encode \(Value.self)") { try Self.encode(value) }
    return try allGather(bytes, checked: false).map { try Self.decode($0) }
  }
}
