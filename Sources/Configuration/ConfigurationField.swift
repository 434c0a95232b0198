import Yams

/// What a key is, for those who compare configurations; floors above define their own.
public struct ConfigurationTag: Hashable, Sendable {
  private let name: String

  /// - Parameter name: what the key may be changed for.
  public init(_ name: String) { self.name = name }
}

/// One key of a section: its name, where its value lives, which values are right, and its help.
public struct ConfigurationField<Section: ConfigurationSection>: Sendable {
  /// Where a value lives in its section: `\.batch`.
  public typealias Path<Value> = any WritableKeyPath<Section, Value> & Sendable

  /// The key in YAML.
  public let name: String
  /// What the key means, with its unit.
  public let help: String
  /// Which values are right, in short: "1 to 65536", "linear | cosine"; empty for a section.
  public let allowed: String

  let read: @Sendable (Node, ConfigurationKey, inout Section) throws -> Void
  /// The value's text, or nil for a section.
  let text: @Sendable (Section) -> String?
  let flatten: @Sendable (Section) -> [FlatValue]
  let validate: @Sendable (Section, [String], PlaceBook) throws -> Void
  let writeSection: @Sendable (Section, Int, inout [String]) -> Void
  var tags: Set<ConfigurationTag> = []

  /// A key's value as text, with the path to it from the field on.
  struct FlatValue {
    var path: [String]
    var value: String
    var tags: Set<ConfigurationTag>
  }

  /// The same key, or all keys of the same section, with tags.
  public func tagged(_ tags: ConfigurationTag...) -> Self {
    var field = self
    field.tags.formUnion(tags)
    return field
  }

  /// A whole number.
  ///
  /// - Parameters:
  ///   - name: the key in YAML.
  ///   - path: where the value lives.
  ///   - range: the values that are right.
  ///   - help: what it means, with its unit.
  public static func integer<Value: FixedWidthInteger & Sendable>(
    _ name: String, _ path: Path<Value>,
    in range: ClosedRange<Value>, _ help: String
  ) -> Self {
    single(name, path, .integer(range), help)
  }

  /// A whole number, or null.
  public static func integer<Value: FixedWidthInteger & Sendable>(
    _ name: String, _ path: Path<Value?>,
    in range: ClosedRange<Value>, _ help: String
  ) -> Self {
    optional(name, path, .integer(range), help)
  }

  /// A real number; YAML's infinities and NaN are refused.
  ///
  /// - Parameters: as for `integer`.
  public static func number<Value: ConfigurationNumber>(
    _ name: String, _ path: Path<Value>,
    in range: ClosedRange<Value>, _ help: String
  ) -> Self {
    single(name, path, .number(range), help)
  }

  /// A real number, or null.
  public static func number<Value: ConfigurationNumber>(
    _ name: String, _ path: Path<Value?>,
    in range: ClosedRange<Value>, _ help: String
  ) -> Self {
    optional(name, path, .number(range), help)
  }

  /// `true` or `false`.
  public static func flag(
    _ name: String, _ path: Path<Bool>, _ help: String
  ) -> Self {
    single(name, path, .flag, help)
  }

  /// Any text.
  public static func text(
    _ name: String, _ path: Path<String>, _ help: String
  ) -> Self {
    single(name, path, .text, help)
  }

  /// Any text, or null.
  public static func text(
    _ name: String, _ path: Path<String?>, _ help: String
  ) -> Self {
    optional(name, path, .text, help)
  }

  /// One of an enumeration's cases, by its raw value.
  public static func choice<Value: RawRepresentable & CaseIterable & Sendable>(
    _ name: String, _ path: Path<Value>, _ help: String
  ) -> Self where Value.RawValue == String {
    single(name, path, .choice(), help)
  }

  /// One of an enumeration's cases, by its raw value, or null.
  public static func choice<Value: RawRepresentable & CaseIterable & Sendable>(
    _ name: String, _ path: Path<Value?>, _ help: String
  ) -> Self where Value.RawValue == String {
    optional(name, path, .choice(), help)
  }

  /// A list of whole numbers.
  ///
  /// - Parameters:
  ///   - name: the key in YAML.
  ///   - path: where the value lives.
  ///   - range: the elements that are right.
  ///   - count: how many elements are right.
  ///   - help: what it means, with its unit.
  public static func integers<Value: FixedWidthInteger & Sendable>(
    _ name: String, _ path: Path<[Value]>,
    in range: ClosedRange<Value>, count: ClosedRange<Int> = 0...1024, _ help: String
  ) -> Self {
    list(name, path, .integer(range), count, help)
  }

  /// A list of real numbers.
  public static func numbers<Value: ConfigurationNumber>(
    _ name: String, _ path: Path<[Value]>,
    in range: ClosedRange<Value>, count: ClosedRange<Int> = 0...1024, _ help: String
  ) -> Self {
    list(name, path, .number(range), count, help)
  }

  /// A list of texts.
  public static func texts(
    _ name: String, _ path: Path<[String]>,
    count: ClosedRange<Int> = 0...1024, _ help: String
  ) -> Self {
    list(name, path, .text, count, help)
  }

  /// A list of an enumeration's cases.
  public static func choices<Value: RawRepresentable & CaseIterable & Sendable>(
    _ name: String, _ path: Path<[Value]>,
    count: ClosedRange<Int> = 0...1024, _ help: String
  ) -> Self where Value.RawValue == String {
    list(name, path, .choice(), count, help)
  }

  /// A section within the section.
  public static func section<Inner: ConfigurationSection>(
    _ name: String, _ path: Path<Inner>, _ help: String = ""
  ) -> Self {
    Self(
      name: name, help: help, allowed: "",
      read: { node, key, section in try ConfigurationReader.read(node, key, into: &section[keyPath: path]) },
      text: { _ in nil },
      flatten: { section in
        Inner.fields.flatMap { field in
          field.flatten(section[keyPath: path]).map {
            FlatValue(path: [field.name] + $0.path, value: $0.value, tags: field.tags.union($0.tags))
          }
        }
      },
      validate: { section, prefix, book in
        try Configuration.validate(section[keyPath: path], prefix: prefix, book: book)
      },
      writeSection: { section, indent, lines in
        YAMLWriter.write(section[keyPath: path], indent: indent, to: &lines)
      })
  }

  /// A name that stands for what the section is, and can have no other value: `family: cgdm`.
  ///
  /// - Parameters:
  ///   - name: the key in YAML.
  ///   - value: the only text that is right.
  ///   - help: what it means.
  public static func constant(_ name: String, _ value: String, _ help: String) -> Self {
    leaf(
      name, help, "",
      read: { node, key, _ in _ = try ValueForm<String>.only(value).read(node, key) },
      text: { _ in YAMLWriter.quoted(value) })
  }

  /// This key of a section, as one of the section's owner that the section lies in: its keys stand among the owner's own.
  ///
  /// - Parameter path: where the section lies in its owner.
  public func lifted<Owner: ConfigurationSection>(
    through path: any WritableKeyPath<Owner, Section> & Sendable
  ) -> ConfigurationField<Owner> {
    ConfigurationField<Owner>(
      name: name, help: help, allowed: allowed,
      read: { node, key, owner in try read(node, key, &owner[keyPath: path]) },
      text: { text($0[keyPath: path]) },
      flatten: { owner in
        flatten(owner[keyPath: path]).map { .init(path: $0.path, value: $0.value, tags: $0.tags) }
      },
      validate: { owner, prefix, book in try validate(owner[keyPath: path], prefix, book) },
      writeSection: { owner, indent, lines in writeSection(owner[keyPath: path], indent, &lines) }, tags: tags)
  }
}

extension ConfigurationField {
  private static func single<Value: Sendable>(
    _ name: String, _ path: Path<Value>, _ form: ValueForm<Value>,
    _ help: String
  ) -> Self {
    leaf(
      name, help, form.allowed,
      read: { node, key, section in section[keyPath: path] = try form.read(node, key) },
      text: { form.write($0[keyPath: path]) })
  }

  private static func optional<Value: Sendable>(
    _ name: String, _ path: Path<Value?>, _ form: ValueForm<Value>,
    _ help: String
  ) -> Self {
    leaf(
      name, help, form.allowed.isEmpty ? "or null" : "\(form.allowed), or null",
      read: { node, key, section in
        section[keyPath: path] =
          ConfigurationReader.isNull(node)
          ? nil : try form.read(node, key, expected: "\(form.expected), or null")
      },
      text: { $0[keyPath: path].map(form.write) ?? "null" })
  }

  private static func list<Value: Sendable>(
    _ name: String, _ path: Path<[Value]>, _ form: ValueForm<Value>,
    _ count: ClosedRange<Int>, _ help: String
  ) -> Self {
    leaf(
      name, help, form.allowed.isEmpty ? "list" : "list, each \(form.allowed)",
      read: { node, key, section in
        section[keyPath: path] = try ConfigurationReader.list(node, key, form, count: count)
      },
      text: { "[" + $0[keyPath: path].map(form.write).joined(separator: ", ") + "]" })
  }

  private static func leaf(
    _ name: String, _ help: String, _ allowed: String,
    read: @escaping @Sendable (Node, ConfigurationKey, inout Section) throws -> Void,
    text: @escaping @Sendable (Section) -> String
  ) -> Self {
    Self(
      name: name, help: help, allowed: allowed, read: read, text: text,
      flatten: { [FlatValue(path: [], value: text($0), tags: [])] },
      validate: { _, _, _ in }, writeSection: { _, _, _ in })
  }
}
