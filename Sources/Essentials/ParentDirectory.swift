/// The path of the directory that a path lies in: "." for a bare name, "/" for "/". (Foundation's own traps on names of
/// one letter.)
public func parentDirectory(of path: String) -> String {
  let name = path.lastIndex { $0 != "/" }
  guard let name else { return path.isEmpty ? "." : "/" }
  guard let slash = path[...name].lastIndex(of: "/") else { return "." }
  return path[..<slash].lastIndex { $0 != "/" }.map { String(path[...$0]) } ?? "/"
}
