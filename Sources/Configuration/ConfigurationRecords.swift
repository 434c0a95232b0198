extension Configuration {
  /// The keys at the top of a YAML text, which tell what is recorded there; none where it is no mapping.
  public static func topLevelKeys(of yaml: String) -> [String] {
    guard case .mapping(let mapping)? = try? ConfigurationReader.compose(yaml, named: "record") else { return [] }
    return mapping.keys.compactMap(\.string)
  }
}
