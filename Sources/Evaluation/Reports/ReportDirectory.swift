import Records

/// Where reports go.
enum ReportDirectory {
  /// Makes the directory where it is missing.
  static func make(_ path: String) throws {
    try Files.makeDirectory(path, what: "cannot make the report's directory")
  }
}
