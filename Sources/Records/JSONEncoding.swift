extension JSONValue {
  /// How an encoded object's keys are written.
  public enum KeyStyle: Sendable {
    /// As the type names them.
    case asNamed
    /// In lower case with underscores: `standardError` as `standard_error`, `rmseDB` as `rmse_db`. A `JSONKey` stays.
    case snakeCase
  }

  /// What a value encodes to, its keys in the order in which it encodes them: for synthesised conformances, that of the
  /// declaration. An optional that is nil is `null`; real numbers are those of `real`, which may be infinite or none.
  ///
  /// - Throws: what the value throws when it encodes itself.
  public static func encoding(_ value: some Encodable, keys style: KeyStyle = .asNamed) throws -> JSONValue {
    let node = EncodedNode(style: style, codingPath: [])
    try node.set(value)
    return node.json
  }
}

/// A key that is known at run time only: a method's name, a layer's.
public struct JSONKey: CodingKey, ExpressibleByStringLiteral {
  /// The key as it is written.
  public let stringValue: String
  /// None: objects have texts for keys.
  public var intValue: Int? { nil }

  /// - Parameter text: the key as it is written.
  public init(_ text: String) { stringValue = text }
  /// - Parameter stringValue: the key as it is written.
  public init(stringValue: String) { self.init(stringValue) }
  /// - Parameter value: the key as it is written.
  public init(stringLiteral value: String) { self.init(value) }
  /// None: objects have texts for keys.
  public init?(intValue: Int) { nil }
}

/// A place in the tree that is being encoded.
private final class EncodedNode: Encoder {
  private enum Content {
    case none
    case value(JSONValue)
    case array([EncodedNode])
    case object([(key: String, node: EncodedNode)])
  }

  let style: JSONValue.KeyStyle
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }
  private var content = Content.none

  init(style: JSONValue.KeyStyle, codingPath: [any CodingKey]) {
    self.style = style
    self.codingPath = codingPath
  }

  var json: JSONValue {
    switch content {
    case .none: .object([])
    case .value(let value): value
    case .array(let nodes): .array(nodes.map(\.json))
    case .object(let members): .object(members.map { JSONMember(key: $0.key, value: $0.node.json) })
    }
  }

  var count: Int { if case .array(let nodes) = content { nodes.count } else { 0 } }

  func set(_ value: some Encodable) throws {
    switch value {
    case let value as Bool: content = .value(.flag(value))
    case let value as String: content = .value(.text(value))
    case let value as Double: content = .value(.real(value))
    case let value as Float: content = .value(.real(value))
    case let value as any FixedWidthInteger: content = .value(.integer(value))
    default: try value.encode(to: self)
    }
  }

  func setNull() { content = .value(.null) }

  /// A new member of this object.
  func member(_ key: some CodingKey) -> EncodedNode {
    let node = EncodedNode(style: style, codingPath: codingPath + [key])
    guard case .object(var members) = content else { preconditionFailure("no object was asked for") }
    let isConverted = style == .snakeCase && !(key is JSONKey)
    content = .none  // or else appending would copy all
    members.append((isConverted ? Self.snakeCase(key.stringValue) : key.stringValue, node))
    content = .object(members)
    return node
  }

  /// A new element of this array.
  func element() -> EncodedNode {
    let node = EncodedNode(style: style, codingPath: codingPath)
    guard case .array(var nodes) = content else { preconditionFailure("no array was asked for") }
    content = .none
    nodes.append(node)
    content = .array(nodes)
    return node
  }

  /// An underscore where lower case ends; letters that stand together as capitals are one word.
  private static func snakeCase(_ name: String) -> String {
    var text = "", wasLower = false
    for letter in name {
      if letter.isUppercase, wasLower { text += "_" }
      text += letter.lowercased()
      wasLower = letter.isLowercase || letter.isNumber
    }
    return text
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    if case .object = content {} else { content = .object([]) }
    return KeyedEncodingContainer(EncodedObject<Key>(node: self))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    if case .array = content {} else { content = .array([]) }
    return EncodedArray(node: self)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { EncodedScalar(node: self) }
}

private struct EncodedObject<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let node: EncodedNode
  var codingPath: [any CodingKey] { node.codingPath }

  func encodeNil(forKey key: Key) { node.member(key).setNull() }

  func encode(_ value: some Encodable, forKey key: Key) throws { try node.member(key).set(value) }

  private func encodeOptional(_ value: (some Encodable)?, forKey key: Key) throws {
    if let value { try encode(value, forKey: key) } else { encodeNil(forKey: key) }
  }

  // The protocol has defaults for these types, which leave out what is nil; a generic function does not replace them.
  func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: String?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: Float?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: Int8?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: Int16?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: Int32?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: UInt?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: UInt8?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: UInt16?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: UInt32?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
  func encodeIfPresent(_ value: (some Encodable)?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }

  func nestedContainer<Nested: CodingKey>(keyedBy: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
    node.member(key).container(keyedBy: Nested.self)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { node.member(key).unkeyedContainer() }

  func superEncoder() -> any Encoder { node.member(JSONKey("super")) }

  func superEncoder(forKey key: Key) -> any Encoder { node.member(key) }
}

private struct EncodedArray: UnkeyedEncodingContainer {
  let node: EncodedNode
  var codingPath: [any CodingKey] { node.codingPath }
  var count: Int { node.count }

  func encodeNil() { node.element().setNull() }

  func encode(_ value: some Encodable) throws { try node.element().set(value) }

  func nestedContainer<Nested: CodingKey>(keyedBy: Nested.Type) -> KeyedEncodingContainer<Nested> {
    node.element().container(keyedBy: Nested.self)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { node.element().unkeyedContainer() }

  func superEncoder() -> any Encoder { node.element() }
}

private struct EncodedScalar: SingleValueEncodingContainer {
  let node: EncodedNode
  var codingPath: [any CodingKey] { node.codingPath }

  func encodeNil() { node.setNull() }

  func encode(_ value: some Encodable) throws { try node.set(value) }
}
