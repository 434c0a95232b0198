import CMessagePassing

/// A number that travels between ranks as its bytes.
public protocol MessageElement: BitwiseCopyable, Sendable {
  /// How the message-passing library names the type.
  static var messageType: MessageType { get }
}

/// The types of numbers that the message-passing library adds and compares.
public enum MessageType: Sendable {
  /// Unsigned, 8 bits.
  case uint8
  /// Signed, 32 bits.
  case int32
  /// Signed, 64 bits.
  case int64
  /// Unsigned, 64 bits.
  case uint64
  /// Binary32.
  case float
  /// Binary64.
  case double

  var shim: mp_type {
    switch self {
    case .uint8: MP_UINT8
    case .int32: MP_INT32
    case .int64: MP_INT64
    case .uint64: MP_UINT64
    case .float: MP_FLOAT
    case .double: MP_DOUBLE
    }
  }
}

extension UInt8: MessageElement {
  /// One byte.
  public static var messageType: MessageType { .uint8 }
}
extension Int32: MessageElement {
  /// Four bytes.
  public static var messageType: MessageType { .int32 }
}
extension Int64: MessageElement {
  /// Eight bytes.
  public static var messageType: MessageType { .int64 }
}
extension Int: MessageElement {
  /// Eight bytes.
  public static var messageType: MessageType { .int64 }
}
extension UInt64: MessageElement {
  /// Eight bytes.
  public static var messageType: MessageType { .uint64 }
}
extension Float: MessageElement {
  /// Binary32.
  public static var messageType: MessageType { .float }
}
extension Double: MessageElement {
  /// Binary64.
  public static var messageType: MessageType { .double }
}

/// What a reduction does with the values of the ranks.
public enum Reduction: String, Sendable {
  /// The sum.
  case sum
  /// The least.
  case minimum
  /// The greatest.
  case maximum

  var shim: mp_operation {
    switch self {
    case .sum: MP_SUM
    case .minimum: MP_MIN
    case .maximum: MP_MAX
    }
  }
}
