import CMessagePassing
import Essentials

/// What is known of a message before it is received.
public struct Envelope: Equatable, Sendable {
  /// The rank that sent it.
  public var source: Int
  /// The tag that it was sent with.
  public var tag: Int
  /// Its length [bytes].
  public var byteCount: Int
}

extension Communicator {
  /// Every MPI library has tags up to this one.
  public static let highestTag = 32767

  /// Sends numbers to one rank; returns when the buffer may be changed, which for a long message is when the other
  /// rank receives it.
  ///
  /// - Parameters:
  ///   - values: what to send, of any length.
  ///   - destination: the rank that receives it.
  ///   - tag: 0...`highestTag`, to tell kinds of messages apart.
  /// - Throws: `Fault` when there is no such rank or tag.
  public func send<Element: MessageElement>(
    _ values: UnsafeBufferPointer<Element>, to destination: Int, tag: Int = 0
  ) throws {
    try validate(peer: destination, tag: tag)
    let bytes = UnsafeRawBufferPointer(values)
    try check(mp_send(handle, bytes.baseAddress, bytes.count, Int32(destination), Int32(tag)), "MPI_Isend")
  }

  /// Sends an array of numbers to one rank.
  public func send<Element: MessageElement>(_ values: [Element], to destination: Int, tag: Int = 0) throws {
    try values.withUnsafeBufferPointer { try send($0, to: destination, tag: tag) }
  }

  /// Sends a value to one rank.
  public func send(value: some Codable, to destination: Int, tag: Int = 0) throws {
    try send(try Self.encode(value), to: destination, tag: tag)
  }

  /// Waits, sleeping, for a message and tells of it without receiving it.
  ///
  /// - Parameters:
  ///   - source: the rank that sends it; nil for any.
  ///   - tag: its tag; nil for any.
  public func probe(from source: Int? = nil, tag: Int? = nil) throws -> Envelope {
    guard let envelope = try find(source, tag, wait: true) else {
      throw Fault("no message after a wait for one", at: "MPI_Iprobe")
    }
    return envelope
  }

  /// Tells of a message that is already there, nil if there is none.
  public func peek(from source: Int? = nil, tag: Int? = nil) throws -> Envelope? {
    try find(source, tag, wait: false)
  }

  private func find(_ source: Int?, _ tag: Int?, wait: Bool) throws -> Envelope? {
    try validate(peer: source ?? rank, tag: tag ?? 0)
    var found = false
    var envelope = mp_envelope()
    try check(
      mp_probe(handle, Int32(source ?? -1), Int32(tag ?? -1), wait, &found, &envelope), "MPI_Iprobe")
    guard found else { return nil }
    return Envelope(source: Int(envelope.source), tag: Int(envelope.tag), byteCount: envelope.bytes)
  }

  /// Receives an array of numbers, however long it is.
  ///
  /// - Parameters:
  ///   - element: what the sender sent.
  ///   - source: the rank that sends it; nil for any.
  ///   - tag: its tag; nil for any.
  /// - Returns: the numbers, and where they came from.
  /// - Throws: `Fault` when the message's length is not a multiple of the element's; the message is then still there.
  public func receive<Element: MessageElement>(
    _ element: Element.Type, from source: Int? = nil, tag: Int? = nil
  ) throws -> (values: [Element], envelope: Envelope) {
    let envelope = try probe(from: source, tag: tag)
    let width = MemoryLayout<Element>.stride
    guard envelope.byteCount % width == 0 else {
      throw unexpected(envelope, "a whole number of \(Element.self), \(width) bytes each")
    }
    let count = envelope.byteCount / width
    let values = try [Element](unsafeUninitializedCapacity: count) { buffer, filled in
      try take(envelope, UnsafeMutableRawPointer(buffer.baseAddress))
      filled = count
    }
    return (values, envelope)
  }

  /// Receives numbers into a buffer that they fill exactly.
  ///
  /// - Throws: `Fault` when the message is longer or shorter than the buffer; the message is then still there.
  @discardableResult
  public func receive<Element: MessageElement>(
    into values: UnsafeMutableBufferPointer<Element>, from source: Int? = nil, tag: Int? = nil
  ) throws -> Envelope {
    let envelope = try probe(from: source, tag: tag)
    let bytes = UnsafeMutableRawBufferPointer(values)
    guard envelope.byteCount == bytes.count else {
      throw unexpected(envelope, "\(values.count) \(Element.self), \(bytes.count) bytes")
    }
    try take(envelope, bytes.baseAddress)
    return envelope
  }

  /// Receives a value.
  public func receive<Value: Codable>(
    value: Value.Type, from source: Int? = nil, tag: Int? = nil
  ) throws -> (value: Value, envelope: Envelope) {
    let (bytes, envelope) = try receive(UInt8.self, from: source, tag: tag)
    return (try Self.decode(bytes), envelope)
  }

  private func take(_ envelope: Envelope, _ out: UnsafeMutableRawPointer?) throws {
    let envelope = mp_envelope(
      source: Int32(envelope.source), tag: Int32(envelope.tag), bytes: envelope.byteCount)
    try check(mp_receive(handle, out, envelope), "MPI_Irecv")
  }

  private func unexpected(_ envelope: Envelope, _ expected: String) -> Fault {
    Fault(
      "a message has an unexpected length", at: "rank \(envelope.source), tag \(envelope.tag)",
      expected: expected, found: "\(envelope.byteCount) bytes")
  }

  private func validate(peer: Int, tag: Int) throws {
    guard (0..<size).contains(peer), (0...Self.highestTag).contains(tag) else {
      throw Fault(
        "there is no such rank or tag", at: "message passing",
        expected: "a rank in 0..<\(size), a tag in 0...\(Self.highestTag)", found: "rank \(peer), tag \(tag)")
    }
  }
}
