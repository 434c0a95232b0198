import Essentials

/// The header of a NumPy array file (NEP 1: versions 1.0, 2.0 and 3.0), read strictly.
struct NumPyHeader: Equatable {
  /// What an element is.
  enum Element: Equatable {
    case float16
    case float32
    case float64
    case signed(bytes: Int)
    case unsigned(bytes: Int)
    case boolean
    /// Two floats of so many bytes each, real part first.
    case complex(bytes: Int)

    /// Bytes of an element.
    var size: Int {
      switch self {
      case .boolean: 1
      case .float16: 2
      case .float32: 4
      case .float64: 8
      case .signed(let bytes), .unsigned(let bytes): bytes
      case .complex(let bytes): 2 * bytes
      }
    }

    /// As NumPy calls it.
    var name: String {
      switch self {
      case .boolean: "boolean"
      case .float16, .float32, .float64: "float\(8 * size)"
      case .signed(let bytes): "int\(8 * bytes)"
      case .unsigned(let bytes): "uint\(8 * bytes)"
      case .complex: "complex\(8 * size)"
      }
    }
  }

  var element: Element
  var bigEndian: Bool
  /// Whether the first axis runs fastest.
  var fortranOrder: Bool
  /// Extents as NumPy prints them.
  var shape: [Int]
  /// Where the elements start in the file.
  var dataOffset: Int

  /// A longer header is none: real ones have some hundred bytes.
  private static let longest = 1 << 16
  /// A header has no more bytes than these, with what stands before it.
  static let mostBytes = longest + 12
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// Reads the header of an array.
  ///
  /// - Parameters:
  ///   - file: the file that holds the array.
  ///   - start: where in the file the array starts.
  ///   - end: where in the file it ends: what the header claims must end there.
  ///   - place: the file and array, for messages.
  init(_ file: ByteFile, start: Int, end: Int, at place: String) throws {
    try self.init(start: start, end: end, at: place, bytes: file.bytes)
  }

  /// Reads the header of an array of which only the beginning is there.
  ///
  /// - Parameters:
  ///   - beginning: the first `mostBytes` bytes, or all.
  ///   - size: how many bytes the array has with its header.
  ///   - place: the file and array, for messages.
  init(_ beginning: [UInt8], size: Int, at place: String) throws {
    try self.init(start: 0, end: size, at: place) { Array(beginning[$0]) }
  }

  private init(start: Int, end: Int, at place: String, bytes: (Range<Int>) throws -> [UInt8]) throws {
    let preamble = try bytes(start..<min(start + 12, end))
    guard preamble.count >= 10, Array(preamble.prefix(6)) == Self.magic else {
      throw Fault("this is no NumPy array", at: place, expected: "a file that begins with \\x93NUMPY")
    }
    guard (1...3).contains(preamble[6]), preamble[7] == 0, preamble[6] == 1 || preamble.count == 12 else {
      throw Fault(
        "the NumPy format version is unknown", at: place, expected: "1.0, 2.0 or 3.0",
        found: "\(preamble[6]).\(preamble[7])")
    }
    let fixed = preamble[6] == 1 ? 10 : 12
    let length: Int = littleEndian(preamble[8..<fixed])
    guard length <= Self.longest, start + fixed + length <= end else {
      throw Fault(
        "the NumPy header is damaged", at: place, expected: "a header of at most \(Self.longest) bytes",
        found: "\(length)")
    }
    let text = try bytes(start + fixed..<start + fixed + length)
    guard let text = String(validating: text, as: UTF8.self) else {
      throw Fault("the NumPy header is damaged", at: place, expected: "text")
    }
    var parser = NumPyHeaderParser(text, at: place)
    self = try parser.parse()
    dataOffset = start + fixed + length
    try requireSize(end - dataOffset, at: place)
  }

  fileprivate init(element: Element, bigEndian: Bool, fortranOrder: Bool, shape: [Int]) {
    self.element = element
    self.bigEndian = bigEndian
    self.fortranOrder = fortranOrder
    self.shape = shape
    dataOffset = 0
  }

  /// What the header claims must be exactly what is there.
  private func requireSize(_ found: Int, at place: String) throws {
    var bytes = element.size
    var overflow = false
    for extent in shape where !overflow { (bytes, overflow) = bytes.multipliedReportingOverflow(by: extent) }
    guard !overflow, bytes == found else {
      throw Fault(
        "the array's size does not match its header", at: place,
        expected: "\(overflow ? "more than 2^63" : "\(bytes)") bytes for the shape \(shape)",
        found: "\(found) bytes", hint: "the file is cut short or damaged: make it again")
    }
  }
}

/// Parses the Python dictionary of a NumPy header: the three keys, each once, and nothing else.
private struct NumPyHeaderParser {
  private var rest: Substring
  private let place: String

  init(_ text: String, at place: String) {
    rest = text[...]
    self.place = place
  }

  mutating func parse() throws -> NumPyHeader {
    var descr: String?
    var fortranOrder: Bool?
    var shape: [Int]?
    try expect("{")
    while !accept("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr" where descr == nil: descr = try string()
      case "fortran_order" where fortranOrder == nil: fortranOrder = try boolean()
      case "shape" where shape == nil: shape = try tuple()
      default: throw fault("an unknown or doubled key \(key)")
      }
      if !accept(",") {
        try expect("}")
        break
      }
    }
    guard rest.allSatisfy(\.isWhitespace) else { throw fault("text after the dictionary") }
    guard let descr, let fortranOrder, let shape else { throw fault("a missing key") }
    let (element, bigEndian) = try element(of: descr)
    return NumPyHeader(element: element, bigEndian: bigEndian, fortranOrder: fortranOrder, shape: shape)
  }

  private func fault(_ found: String) -> Fault {
    Fault(
      "the NumPy header is damaged", at: place,
      expected: "{'descr': '<f4', 'fortran_order': False, 'shape': (24, 128, 128), }", found: found)
  }

  private func element(of descr: String) throws -> (NumPyHeader.Element, bigEndian: Bool) {
    let unsupported = Fault(
      "the array's type is not supported", at: place,
      expected: "float16, float32, float64, complex64, complex128, booleans, or integers of 1 to 8 bytes", found: descr,
      hint: "write numbers of such a type: numpy.save(name, array.astype('float32'))")
    let letters = Array(descr)
    guard (3...4).contains(letters.count), "<>|".contains(letters[0]), let size = Int(String(letters[2...])) else {
      throw unsupported
    }
    guard letters[0] != "|" || size == 1 else { throw unsupported }
    let element: NumPyHeader.Element
    switch (letters[1], size) {
    case ("f", 2): element = .float16
    case ("f", 4): element = .float32
    case ("f", 8): element = .float64
    case ("i", 1), ("i", 2), ("i", 4), ("i", 8): element = .signed(bytes: size)
    case ("u", 1), ("u", 2), ("u", 4), ("u", 8): element = .unsigned(bytes: size)
    case ("b", 1): element = .boolean
    case ("c", 8), ("c", 16): element = .complex(bytes: size / 2)
    default: throw unsupported
    }
    return (element, letters[0] == ">")
  }

  private mutating func skipSpaces() { rest = rest.drop(while: \.isWhitespace) }

  private mutating func accept(_ character: Character) -> Bool {
    skipSpaces()
    guard rest.first == character else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func expect(_ character: Character) throws {
    guard accept(character) else { throw fault("\(rest.prefix(20)) instead of \(character)") }
  }

  private mutating func string() throws -> String {
    skipSpaces()
    guard let quote = rest.first, quote == "'" || quote == "\"" else {
      throw fault("\(rest.prefix(20)) instead of a text")
    }
    rest.removeFirst()
    guard let end = rest.firstIndex(of: quote) else { throw fault("a text without end") }
    defer { rest = rest[rest.index(after: end)...] }
    return String(rest[..<end])
  }

  private mutating func boolean() throws -> Bool {
    skipSpaces()
    for (word, value) in [("True", true), ("False", false)] where rest.hasPrefix(word) {
      rest = rest.dropFirst(word.count)
      return value
    }
    throw fault("\(rest.prefix(20)) instead of True or False")
  }

  private mutating func tuple() throws -> [Int] {
    try expect("(")
    var numbers: [Int] = []
    while !accept(")") {
      skipSpaces()
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let number = Int(digits), numbers.count < 32 else {
        throw fault("\(rest.prefix(20)) in the shape")
      }
      rest = rest.dropFirst(digits.count)
      numbers.append(number)
      if !accept(",") {
        try expect(")")
        break
      }
    }
    return numbers
  }
}
