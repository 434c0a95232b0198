import Essentials
import Yams

/// Where values came from, by dotted key; filled while reading.
final class PlaceBook {
  var places: [String: String] = [:]
}

/// A key on its way through the sections.
struct ConfigurationKey {
  enum Source {
    case file(String)
    case argument
  }

  let source: Source
  let path: [String]
  let book: PlaceBook

  var dotted: String { path.joined(separator: ".") }

  func place(_ node: Node) -> String { place(node.mark) }

  func place(_ mark: Mark?) -> String {
    switch source {
    case .argument: return "--set \(dotted)"
    case .file(let name):
      let position = mark.map { "\(name):\($0.line):\($0.column)" } ?? name
      return path.isEmpty ? position : "\(position) \(dotted)"
    }
  }

  func appending(_ name: String) -> ConfigurationKey {
    ConfigurationKey(source: source, path: path + [name], book: book)
  }
}

extension Configuration {
  /// Reads YAML text into a section.
  static func merge<Section: ConfigurationSection>(
    _ yaml: String, named name: String, into section: inout Section, book: PlaceBook, heading: [String] = []
  ) throws {
    let key = ConfigurationKey(source: .file(name), path: [], book: book)
    guard var root = try ConfigurationReader.compose(yaml, named: name) else { return }
    if ConfigurationReader.isNull(root) { return }
    for name in heading { ConfigurationReader.take([name], from: &root) }
    try ConfigurationReader.read(moved(root, in: Section.self, key), key, into: &section)
  }

  /// The same keys, each under its present name.
  private static func moved<Section: ConfigurationSection>(
    _ root: Node, in section: Section.Type, _ key: ConfigurationKey
  ) throws -> Node {
    var root = root
    for (old, new) in Section.renamed {
      let (from, to) = (old.split(separator: ".").map(String.init), new.split(separator: ".").map(String.init))
      guard let value = ConfigurationReader.take(from, from: &root) else { continue }
      guard !ConfigurationReader.holds(to, in: root) else {
        throw Fault(
          "a key is given under two names", at: key.appending(old).place(value), expected: "\(new) alone",
          found: "\(old) as well")
      }
      ConfigurationReader.put(value, to, into: &root)
    }
    return root
  }

  /// Reads "section.key=value" into a section.
  static func merge<Section: ConfigurationSection>(
    override: String, into section: inout Section, book: PlaceBook
  ) throws {
    let parts = override.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, override.utf8.count <= maximumFileSize else {
      throw Fault(
        "cannot use the override", at: "--set \(override.prefix(80))", expected: "KEY=VALUE",
        hint: "for example --set training.batch=8")
    }
    let path = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let value = try ConfigurationReader.compose(String(parts[1]), named: "--set \(parts[0])") ?? Node("")
    let nested = path.reversed().reduce(value) { Node([(Node($1), $0)]) }
    let key = ConfigurationKey(source: .argument, path: [], book: book)
    try ConfigurationReader.read(moved(nested, in: Section.self, key), key, into: &section)
  }
}

/// From YAML nodes to values. Nodes, not Yams' decoder: that one ignores unknown keys and forgets positions.
enum ConfigurationReader {
  static func read<Section: ConfigurationSection>(
    _ node: Node, _ key: ConfigurationKey, into section: inout Section
  ) throws {
    guard case .mapping(let mapping) = node else {
      throw Fault(
        "the value is not right", at: key.place(node), expected: "a section with keys", found: describe(node))
    }
    let fields = Section.fields
    for (name, value) in mapping {
      guard case .scalar(let scalar) = name else {
        throw Fault(
          "a key is no plain name", at: key.place(name), expected: "a name", found: describe(name))
      }
      guard let field = fields.first(where: { $0.name == scalar.string }) else {
        throw unknown(scalar, key, known: fields.map(\.name))
      }
      let inner = key.appending(field.name)
      inner.book.places[inner.dotted] = inner.place(value)
      try field.read(value, inner, &section)
    }
  }

  /// Takes the value at a path out of nested sections; nil where there is none.
  @discardableResult
  static func take(_ path: [String], from node: inout Node) -> Node? {
    guard case .mapping(var mapping) = node, let first = path.first, var inner = mapping[Node(first)] else {
      return nil
    }
    let rest = Array(path.dropFirst()), value = rest.isEmpty ? inner : take(rest, from: &inner)
    guard value != nil else { return nil }
    var isEmpty = rest.isEmpty
    if case .mapping(let left) = inner, left.isEmpty { isEmpty = true }
    mapping[Node(first)] = isEmpty ? nil : inner
    node = .mapping(mapping)
    return value
  }

  /// Whether nested sections have something at a path.
  static func holds(_ path: [String], in node: Node) -> Bool {
    guard let first = path.first else { return true }
    guard case .mapping(let mapping) = node, let inner = mapping[Node(first)] else { return false }
    return holds(Array(path.dropFirst()), in: inner)
  }

  /// Puts a value at a path of nested sections. What stands in the way and is no section stays, for the reader to refuse.
  static func put(_ value: Node, _ path: [String], into node: inout Node) {
    guard case .mapping(var mapping) = node, let first = path.first else { return }
    let rest = Array(path.dropFirst())
    if rest.isEmpty {
      mapping[Node(first)] = value
    } else {
      var inner = mapping[Node(first)] ?? Node([(Node, Node)]())
      put(value, rest, into: &inner)
      mapping[Node(first)] = inner
    }
    node = .mapping(mapping)
  }

  private static func unknown(_ name: Node.Scalar, _ key: ConfigurationKey, known: [String]) -> Fault {
    let nearest = Names.nearest(to: name.string, among: known)
    let full = nearest.map { key.appending($0).dotted }
    return Fault(
      "unknown key", at: key.appending(String(name.string.prefix(80))).place(name.mark),
      expected: "one of " + known.joined(separator: ", "), found: String(name.string.prefix(80)),
      hint: full.map { "did you mean \($0)?" })
  }

  static func list<Value>(
    _ node: Node, _ key: ConfigurationKey, _ form: ValueForm<Value>, count: ClosedRange<Int>
  ) throws -> [Value] {
    let nodes: [Node]
    switch (node, key.source) {
    case (.sequence(let sequence), _): nodes = Array(sequence)
    // On the command line brackets need quotes, so "1,2,4" is a list too.
    case (.scalar(let scalar), .argument) where scalar.isPlain && !scalar.string.isEmpty:
      nodes = scalar.string.split(separator: ",", omittingEmptySubsequences: false).map { Node(String($0)) }
    default:
      throw Fault(
        "the value is not right", at: key.place(node), expected: "a list, each \(form.expected)",
        found: describe(node))
    }
    guard count.contains(nodes.count) else {
      throw Fault(
        "the list has a wrong length", at: key.place(node),
        expected: count.lowerBound == count.upperBound
          ? "\(count.lowerBound) elements" : "\(count.lowerBound) to \(count.upperBound) elements",
        found: "\(nodes.count)")
    }
    return try nodes.map { try form.read($0, key) }
  }

  static func isNull(_ node: Node) -> Bool {
    guard case .scalar(let scalar) = node, scalar.isPlain else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  static func describe(_ node: Node) -> String {
    switch node {
    case .mapping: "a section with keys"
    case .sequence: "a list"
    case .alias: "an alias"
    case .scalar(let scalar):
      if isNull(node) {
        "nothing"
      } else {
        scalar.isPlain ? String(scalar.string.prefix(80)) : "the text \"\(scalar.string.prefix(80))\""
      }
    }
  }

  /// The document's root, or nil when the text is empty.
  static func compose(_ yaml: String, named name: String) throws -> Node? {
    try YAMLGuard.check(yaml, named: name)
    do {
      return try Yams.compose(yaml: yaml)
    } catch let error as YamlError {
      throw fault(error, named: name)
    }
  }

  private static func fault(_ error: YamlError, named name: String) -> Fault {
    let what = "cannot read the YAML"
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      return Fault(
        what, at: "\(name):\(mark.line):\(mark.column)", expected: "well-formed YAML",
        found: [context?.text, problem].compactMap { $0 }.joined(separator: ": "))
    case .duplicatedKeysInMapping(let duplicates, let context):
      return Fault(
        what, at: "\(name):\(context.mark.line):\(context.mark.column)", expected: "each key once",
        found: "again: " + duplicates.sorted().joined(separator: ", "))
    case .reader(let problem, let offset, _, _):
      return Fault(
        what, at: name, expected: "printable text in UTF-8",
        found: problem + (offset.map { " at character \($0 + 1)" } ?? ""))
    default:
      return Fault(what, at: name, expected: "well-formed YAML", found: String("\(error)".prefix(200)))
    }
  }
}
