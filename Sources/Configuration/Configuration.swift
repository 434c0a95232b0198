import Essentials
import Foundation
import Records
import Yams

/// One section of a configuration: a Swift value whose fields are read from and written to YAML, strictly.
///
/// A preset is a value of the type; a file and overrides change single keys of it:
///
///     struct TrainingSection: ConfigurationSection {
///       var batch = 12
///       var learningRate = 1e-4
///       static var fields: [ConfigurationField<Self>] {
///         [
///           .integer("batch", \.batch, in: 1...65536, "global batch, samples"),
///           .number("learning_rate", \.learningRate, in: 0...1, "step size of the optimiser"),
///         ]
///       }
///     }
public protocol ConfigurationSection: Sendable {
  /// A value to start from where nothing else is given.
  init()

  /// The keys, in the order in which they are written.
  static var fields: [ConfigurationField<Self>] { get }

  /// Keys that have moved, old dotted name to new: files with the old ones still load. Only of a section that files hold
  /// as a whole.
  static var renamed: [String: String] { get }

  /// Checks what no single key can show. Called when everything has been read.
  ///
  /// - Parameter places: where each key of this section got its value, for the message.
  /// - Throws: `Fault` when keys contradict each other.
  func validate(_ places: ConfigurationPlaces) throws
}

extension ConfigurationSection {
  /// Nothing has moved.
  public static var renamed: [String: String] { [:] }

  /// Nothing to check across keys.
  public func validate(_ places: ConfigurationPlaces) throws {}
}

/// Where the keys of a section got their values.
public struct ConfigurationPlaces {
  let prefix: [String]
  let book: PlaceBook

  /// The place of a key: "my.yaml:3:10 training.batch", "--set training.batch", or the bare key when the value is
  /// the preset's.
  public subscript(key: String) -> String {
    let dotted = (prefix + [key]).joined(separator: ".")
    return book.places[dotted] ?? dotted
  }
}

/// A key on which two configurations differ.
public struct ConfigurationDifference: Equatable, Sendable {
  /// The dotted key: "training.batch".
  public let key: String
  /// The first configuration's value, as YAML.
  public let first: String
  /// The second configuration's value, as YAML.
  public let second: String
  /// What the key may be changed for.
  public let tags: Set<ConfigurationTag>
}

/// Reading, writing and comparing configurations.
public enum Configuration {
  static let maximumFileSize = 256 * 1024

  /// A preset, changed by a file, changed by overrides.
  ///
  /// - Parameters:
  ///   - preset: the value to start from.
  ///   - file: a YAML file, or nil.
  ///   - overrides: texts "section.key=value"; a later one wins.
  ///   - heading: keys of the file's top level that its reader has looked at before (see `heading`).
  /// - Throws: `Fault` naming file, line, column and key (or the override) for an unknown or repeated key, a wrong
  ///   type, a value out of range, an anchor, an alias or a tag, or keys that contradict each other.
  public static func load<Section: ConfigurationSection>(
    preset: Section, file: String? = nil, overrides: [String] = [], heading: [String] = []
  ) throws -> Section {
    var section = preset
    let book = PlaceBook()
    if let file {
      let text = try Files.readText(
        file, limit: maximumFileSize, what: "cannot read the configuration")
      try merge(text, named: file, into: &section, book: book, heading: heading)
    }
    for override in overrides { try merge(override: override, into: &section, book: book) }
    try validate(section, prefix: [], book: book)
    return section
  }

  /// A configuration out of YAML text: keys that it lacks keep the preset's values.
  ///
  /// - Parameters:
  ///   - yaml: the text.
  ///   - name: what to call it in messages, such as its file's path.
  ///   - preset: the value to start from.
  /// - Throws: as `load`.
  public static func read<Section: ConfigurationSection>(
    yaml: String, named name: String, preset: Section = Section()
  ) throws -> Section {
    var section = preset
    let book = PlaceBook()
    try merge(yaml, named: name, into: &section, book: book)
    try validate(section, prefix: [], book: book)
    return section
  }

  /// The configuration as YAML, every key with its value, its help behind it; reading it gives the same value.
  public static func yaml<Section: ConfigurationSection>(_ section: Section) -> String {
    var lines = [String]()
    YAMLWriter.write(section, indent: 0, to: &lines)
    return lines.joined(separator: "\n") + "\n"
  }

  /// Texts that stand at the top of a file, such as the name of the preset that it changes, before it is known what else
  /// may stand there.
  ///
  /// - Parameters:
  ///   - keys: keys of the top level.
  ///   - file: a YAML file.
  /// - Returns: the text of each key that is there.
  /// - Throws: `Fault` when the file cannot be read, or a value is no text.
  public static func heading(_ keys: [String], ofFile file: String) throws -> [String: String] {
    let text = try Files.readText(file, limit: maximumFileSize, what: "cannot read the configuration")
    return try heading(keys, of: text, named: file)
  }

  /// The same of YAML text.
  public static func heading(_ keys: [String], of yaml: String, named name: String) throws -> [String: String] {
    let source = ConfigurationKey(source: .file(name), path: [], book: PlaceBook())
    var found: [String: String] = [:]
    guard case .mapping(let mapping) = try ConfigurationReader.compose(yaml, named: name) else { return found }
    for key in keys {
      guard let node = mapping[Node(key)] else { continue }
      found[key] = try ValueForm<String>.text.read(node, source.appending(key))
    }
    return found
  }

  /// One line "section.key=value" for each key, in order: the form that is hashed.
  public static func canonical<Section: ConfigurationSection>(_ section: Section) -> String {
    flattened(section).map { "\($0.key)=\($0.value)\n" }.joined()
  }

  /// 64 bits that stand for the configuration (FNV-1a over its canonical form); equal values, equal bits.
  public static func hash<Section: ConfigurationSection>(_ section: Section) -> UInt64 {
    stableHash(canonical(section).utf8)
  }

  /// The keys on which two configurations differ, in the order in which they are written.
  public static func differences<Section: ConfigurationSection>(
    _ first: Section, _ second: Section
  ) -> [ConfigurationDifference] {
    zip(flattened(first), flattened(second)).compactMap { one, other in
      one.value == other.value
        ? nil : ConfigurationDifference(key: one.key, first: one.value, second: other.value, tags: one.tags)
    }
  }

  private static func flattened<Section: ConfigurationSection>(
    _ section: Section
  ) -> [(key: String, value: String, tags: Set<ConfigurationTag>)] {
    Section.fields.flatMap { field in
      field.flatten(section).map {
        (key: ([field.name] + $0.path).joined(separator: "."), value: $0.value, tags: field.tags.union($0.tags))
      }
    }
  }

  static func validate<Section: ConfigurationSection>(
    _ section: Section, prefix: [String], book: PlaceBook
  ) throws {
    for field in Section.fields { try field.validate(section, prefix + [field.name], book) }
    try section.validate(ConfigurationPlaces(prefix: prefix, book: book))
  }
}
