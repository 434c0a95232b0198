/// What went wrong, told so that a user can mend it.
///
/// Every library throws this one type; the command prints it and exits with a code other than zero. It is Codable
/// so that ranks can agree on it.
public struct Fault: Error, Codable, Equatable, Sendable, CustomStringConvertible {
  /// What could not be done: "cannot read the checkpoint".
  public var what: String
  /// The file, key, data set or argument at fault: "maps.h5:/maps", "my.yaml:12:3 training.batch".
  public var place: String
  /// What would have been right.
  public var expected: String?
  /// What was there instead.
  public var found: String?
  /// What the user can do.
  public var hint: String?

  /// - Parameters:
  ///   - what: what could not be done.
  ///   - place: the file, key, data set or argument at fault.
  ///   - expected: what would have been right.
  ///   - found: what was there instead.
  ///   - hint: what the user can do.
  public init(
    _ what: String, at place: String, expected: String? = nil, found: String? = nil, hint: String? = nil
  ) {
    self.what = what
    self.place = place
    self.expected = expected
    self.found = found
    self.hint = hint
  }

  /// The message as the command prints it, without a trailing line end.
  public var description: String {
    var lines = ["\(place): \(what)"]
    if let expected { lines.append("  expected: \(expected)") }
    if let found { lines.append("  found: \(found)") }
    if let hint { lines.append("  hint: \(hint)") }
    return lines.joined(separator: "\n")
  }

  /// The same fault, its place found inside another: "maps.h5, sample 3: row 1, column 2".
  public func within(_ outer: String) -> Fault {
    var fault = self
    fault.place = "\(outer): \(place)"
    return fault
  }
}
