extension ConfigurationField {
  /// The same key where it stands among those of a larger section.
  ///
  /// - Parameter path: where the larger section holds this one.
  public func lifted<Outer: ConfigurationSection>(
    to path: ConfigurationField<Outer>.Path<Section>
  ) -> ConfigurationField<Outer> {
    ConfigurationField<Outer>(
      name: name, help: help, allowed: allowed,
      read: { node, key, outer in try read(node, key, &outer[keyPath: path]) },
      text: { text($0[keyPath: path]) }, flatten: { flatten($0[keyPath: path]) },
      validate: { outer, prefix, book in try validate(outer[keyPath: path], prefix, book) },
      writeSection: { outer, indent, lines in writeSection(outer[keyPath: path], indent, &lines) })
  }
}

extension Configuration {
  /// The keys at the top of a YAML text, which tell what is recorded there; none where it is no mapping.
  public static func topLevelKeys(of yaml: String) -> [String] {
    guard case .mapping(let mapping)? = try? ConfigurationReader.compose(yaml, named: "record") else { return [] }
    return mapping.keys.compactMap(\.string)
  }
}
