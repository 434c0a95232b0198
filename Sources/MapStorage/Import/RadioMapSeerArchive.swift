import Essentials
import Foundation
import Records

/// Which part of an archive of RadioMapSeer is taken.
public struct RadioMapSeerPart: Equatable, Sendable {
  /// By which method its maps were made: "DPM"; nil: the only one that is there.
  public var method: String?
  /// Which of its cities; nil: those that are there.
  public var cities: [Int]?
  /// Which of its transmitters; nil: those that are there.
  public var transmitters: [Int]?
  /// Whether what is there is taken where files are missing.
  public var allowsMissing: Bool

  /// - Parameters:
  ///   - method: by which method its maps were made; nil: the only one that is there.
  ///   - cities: which of its cities; nil: those that are there.
  ///   - transmitters: which of its transmitters; nil: those that are there.
  ///   - allowsMissing: whether what is there is taken where files are missing.
  public init(
    method: String? = nil, cities: [Int]? = nil, transmitters: [Int]? = nil, allowsMissing: Bool = false
  ) {
    (self.method, self.cities, self.transmitters) = (method, cities, transmitters)
    self.allowsMissing = allowsMissing
  }
}

/// An archive of RadioMapSeer as it was published (doi 10.21227/0gtx-6v30), or a part of it; places are 1 m apart:
///
///     gain/<method>/<city>_<transmitter>.png   a map: grey is gain; 0 in buildings
///     antenna/<city>.json                      [x, y] of each transmitter [pixel], y upwards from the last row
///     png/<layer>/<city>.png                   buildings_complete, cars, roads: 255 where they are
struct RadioMapSeerArchive: Sendable {
  /// Pixels on a side.
  static let side = 256
  /// Height of transmitters [m].
  static let stationHeight = 1.5
  /// What black and white stand for [dB].
  static let greys = ImportOptions.GreyRange(black: -147, white: -47.84)
  /// The layer that every data set gets.
  static let buildings = ImportOptions.Layer(name: "buildings", source: "buildings")
  /// Maps of an archive, and far more.
  private static let mostMaps = 1 << 24
  /// Missing files that are named.
  private static let mostNamed = 5

  /// A map's city and transmitter.
  struct Picture: Equatable, Sendable {
    let city: Int
    let transmitter: Int
  }

  /// The folder that has all the others.
  let root: String
  /// By which method the maps were made.
  let method: String
  /// The cities that are asked for, or there.
  let cities: [Int]
  /// The transmitters of each that are asked for, or there.
  let transmitters: [Int]
  /// The maps, city by city.
  let pictures: [Picture]
  /// Files that belong to these cities and transmitters and are not there.
  let missing: [String]
  /// Files among the maps that are none, by their names.
  let strangers: [String]

  /// - Parameters:
  ///   - path: the folder, or one that holds it.
  ///   - part: what is asked for.
  ///   - layers: which layers are asked for beside the buildings.
  /// - Throws: `Fault` where it is no such archive, or files are missing.
  init(_ path: String, _ part: RadioMapSeerPart, layers: [String]) throws {
    let root = try Self.root(path)
    let method = try Self.method(part.method, in: root)
    var there: [Int: Set<Int>] = [:], strangers: [String] = []
    for name in try Self.names("\(root)/gain/\(method)") {
      let numbers = Self.numbers(of: name, ".png")
      if numbers.count == 2 {
        there[numbers[0], default: []].insert(numbers[1])
      } else if !name.hasPrefix(".") {
        strangers.append(name)
      }
    }
    let cities = part.cities.map { Set($0).sorted() } ?? there.keys.sorted()
    let transmitters =
      part.transmitters.map { Set($0).sorted() }
      ?? cities.reduce(into: Set()) { $0.formUnion(there[$1] ?? []) }.sorted()
    guard !cities.isEmpty, !transmitters.isEmpty else {
      throw Fault(
        "the archive has no such maps", at: "\(root)/gain/\(method)", expected: "CITY_TRANSMITTER.png",
        found: there.isEmpty
          ? strangers.isEmpty ? "nothing" : "\(strangers.count) files of other names, such as \(strangers.min() ?? "")"
          : "those of the cities \(Self.text(there.keys.sorted()))")
    }
    guard !cities.count.multipliedReportingOverflow(by: transmitters.count).overflow,
      cities.count * transmitters.count <= Self.mostMaps
    else { throw Fault("these are too many maps", at: "`cities`", expected: "at most \(Self.mostMaps) maps") }
    (self.root, self.method, self.cities, self.transmitters) = (root, method, cities, transmitters)
    self.strangers = strangers.sorted()
    let companions = try Self.companions(in: root, layers: layers)
    var pictures: [Picture] = [], missing: [String] = []
    for city in cities {
      let lacking = companions.filter { !$0.cities.contains(city) }
      missing += lacking.map { "\($0.folder)/\(city)\($0.ending)" }
      let known = there[city] ?? []
      for transmitter in transmitters {
        if !known.contains(transmitter) {
          missing.append("gain/\(method)/\(city)_\(transmitter).png")
        } else if lacking.isEmpty {
          pictures.append(Picture(city: city, transmitter: transmitter))
        }
      }
    }
    (self.pictures, self.missing) = (pictures, missing)
    guard missing.isEmpty || part.allowsMissing else { throw incomplete }
    guard !pictures.isEmpty else {
      throw Fault(
        "no map of the archive is left", at: root, expected: "maps with their antennas and buildings",
        found: missingText)
    }
  }

  private var incomplete: Fault {
    Fault(
      "files of the archive are missing", at: root,
      expected: "transmitters \(Self.text(transmitters)) in each of the cities \(Self.text(cities))",
      found: missingText,
      hint: "`allow_missing` takes the maps that have all that belongs to them; `cities` and `transmitters` take a part"
    )
  }

  var missingText: String {
    let named = missing.prefix(Self.mostNamed).joined(separator: ", ")
    return "\(missing.count) missing: \(named)" + (missing.count > Self.mostNamed ? ", …" : "")
  }

  // MARK: - Names

  /// The folder that has gain/: the path, or the only such in it.
  private static func root(_ path: String) throws -> String {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let kind = try FileKind(at: path)
    let expected = "a folder with gain/, antenna/ and png/"
    guard kind == .folder else {
      throw Fault(
        "this is no archive of RadioMapSeer", at: path, expected: expected, found: kind.name, hint: kind.way(from: path)
      )
    }
    if isFolder("\(path)/gain") { return path }
    let names = try names(path).filter { !$0.hasPrefix(".") }.sorted()
    let below = names.filter { isFolder("\(path)/\($0)/gain") }
    guard below.count == 1 else {
      let found = below.isEmpty ? names : below
      throw Fault(
        "this is no archive of RadioMapSeer", at: path, expected: expected + ", or with one such folder in it",
        found: found.isEmpty ? "nothing" : found.prefix(8).joined(separator: ", "))
    }
    return "\(path)/\(below[0])"
  }

  private static func method(_ asked: String?, in root: String) throws -> String {
    let names = try names("\(root)/gain"), place = "\(root)/gain"
    let there = names.filter { !$0.hasPrefix(".") && isFolder("\(place)/\($0)") }.sorted()
    guard !there.isEmpty else {
      let isFlat = names.contains { numbers(of: $0, ".png").count == 2 }
      throw Fault(
        "the archive has no folder of a method's maps", at: place, expected: "DPM, IRT2, …",
        found: isFlat ? "maps without one, as in RadioMap3DSeer, whose greys are not known here" : "none")
    }
    if let asked {
      guard there.contains(asked) else {
        throw Fault(
          "the archive has no maps by this method", at: place, expected: there.joined(separator: ", "), found: asked)
      }
      return asked
    }
    guard there.count == 1 else {
      throw Fault(
        "the archive has maps by several methods", at: place,
        expected: "`method`, one of \(there.joined(separator: ", "))", found: "none")
    }
    return there[0]
  }

  /// What each city has to have.
  private struct Companion {
    let folder: String
    let ending: String
    let cities: Set<Int>
  }

  private static func companions(in root: String, layers: [String]) throws -> [Companion] {
    func companion(_ folder: String, _ ending: String) throws -> Companion {
      let names = isFolder("\(root)/\(folder)") ? try names("\(root)/\(folder)") : []
      let cities = names.map { numbers(of: $0, ending) }.filter { $0.count == 1 }.map { $0[0] }
      return Companion(folder: folder, ending: ending, cities: Set(cities))
    }
    var all = try [companion("antenna", ".json"), companion(folder(ofLayer: buildings.source), ".png")]
    for layer in layers where !all.contains(where: { $0.folder == folder(ofLayer: layer) }) {
      let own = try companion(folder(ofLayer: layer), ".png")
      guard !own.cities.isEmpty else { throw noLayer(layer, in: root) }
      all.append(own)
    }
    return all
  }

  private static func noLayer(_ layer: String, in root: String) -> Fault {
    let there = ((try? names("\(root)/png")) ?? []).filter { name in
      isFolder("\(root)/png/\(name)")
        && ((try? names("\(root)/png/\(name)"))?.contains { numbers(of: $0, ".png").count == 1 } ?? false)
    }
    return Fault(
      "the archive has no such layer", at: "\(root)/png",
      expected: there.isEmpty ? "a folder with a picture for each city" : there.sorted().joined(separator: ", "),
      found: layer)
  }

  /// Where a layer's pictures are.
  static func folder(ofLayer layer: String) -> String {
    "png/" + (layer == buildings.source ? "buildings_complete" : layer)
  }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder = ObjCBool(false)
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  private static func names(_ path: String) throws -> [String] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw Files.systemFault("cannot list the folder", at: path)
    }
    return names
  }

  /// The numbers of a name: 3 and 17 of "3_17.png"; none where it is no such name.
  private static func numbers(of name: String, _ ending: String) -> [Int] {
    guard name.hasSuffix(ending) else { return [] }
    let words = name.dropLast(ending.count).split(separator: "_", omittingEmptySubsequences: false)
    // As they are written: "03" would name another file.
    let numbers = words.compactMap { word in Int32(word).flatMap { String($0) == word && $0 >= 0 ? Int($0) : nil } }
    return numbers.count == words.count ? numbers : []
  }

  /// Numbers in rising order as they are given: "0-99,200".
  static func text(_ numbers: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = runs.last, last.upperBound + 1 == number {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
  }
}
