import Foundation

/// Maps as text: of many forms, so that how to make an array of one is told rather than guessed.
enum MapText {
  /// How to make an array of maps of a text file, by its first lines.
  static func way(from path: String) -> String {
    let start = (try? ByteFile(path)).flatMap { file in try? file.bytes(0..<min(file.size, 4096)) } ?? []
    let lines = String(decoding: start, as: UTF8.self).split(whereSeparator: \.isNewline).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard let first = lines.first(where: { !$0.isEmpty && !$0.hasPrefix("#") }) else { return load(path, "") }
    if first.hasPrefix("{") || first.hasPrefix("[") {
      return FileSignature.python(
        imports: "json, numpy", "numpy.save('maps.npy', numpy.array(json.load(open('\(path)'))))")
    }
    if first.lowercased().hasPrefix("ncols") {
      return "an ASCII grid of Esri: gdal_translate -of GTiff \(path) maps.tif"
    }
    let delimiter = [",", ";", "\t"].first { first.contains($0) }
    let words = first.split { delimiter?.first == $0 || delimiter == nil && $0.isWhitespace }.map {
      $0.trimmingCharacters(in: CharacterSet(charactersIn: " \""))
    }
    let hasHeader = words.contains { Double($0) == nil }
    let options =
      (delimiter.map { ", delimiter='\($0 == "\t" ? "\\t" : $0)'" } ?? "") + (hasHeader ? ", skiprows=1" : "")
    guard words.count == 3 else { return "a map as text: " + load(path, options) }
    return "places one by one, as x, y and value: "
      + FileSignature.python(
        imports: "numpy as n",
        "t = n.loadtxt('\(path)'\(options)); x, y = (n.unique(t[:, k], return_inverse=True)[1] for k in (0, 1)); "
          + "m = n.full((y.max() + 1, x.max() + 1), n.nan); m[y, x] = t[:, 2]; n.save('maps.npy', m)")
      + " and then with `nodata` nan"
  }

  private static func load(_ path: String, _ options: String) -> String {
    FileSignature.python(imports: "numpy", "numpy.save('maps.npy', numpy.loadtxt('\(path)'\(options)))")
  }
}
