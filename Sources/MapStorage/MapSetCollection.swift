import Essentials
import Foundation

/// Several data sets of maps on one grid, read as one: the maps of the first, then those of the second, and so on.
public final class MapSetCollection: Sendable {
  /// The data sets, in order.
  public let readers: [MapSetReader]
  /// The number of maps in all.
  public let count: Int
  /// The environments of all maps, or nil where there are none; those of different files are different.
  public let environments: [Int32]?
  private let firsts: [Int]

  /// Grid lines in y.
  public var rows: Int { readers[0].rows }
  /// Grid lines in x.
  public var columns: Int { readers[0].columns }
  /// What the first of them holds; all have its grid and units.
  public var description: MapSetDescription { readers[0].description }
  /// The files, for messages and records.
  public var path: String { readers.map(\.path).joined(separator: ",") }

  /// - Parameter paths: the files, at least one.
  /// - Throws: `Fault` when a file cannot be read, or its maps cannot stand beside those of the first.
  public init(paths: [String]) throws {
    guard !paths.isEmpty else { throw Fault("there is no data set", at: "data", expected: "one file at least") }
    var known: Set<String> = []
    for path in paths where !known.insert(URL(fileURLWithPath: path).resolvingSymlinksInPath().path).inserted {
      throw Fault(
        "a data set is given twice", at: path, expected: "each once: copies of test maps would be trained on",
        hint: "training.repeats visits a data set's maps more often")
    }
    readers = try paths.map { try MapSetReader(path: $0) }
    var firsts = [0]
    for reader in readers { firsts.append(firsts[firsts.count - 1] + reader.count) }
    self.firsts = firsts
    count = firsts[firsts.count - 1]
    let first = readers[0].description
    environments = first.hasEnvironments ? try Self.environments(readers) : nil
    for reader in readers.dropFirst() {
      let other = reader.description
      func require(_ what: String, _ expected: String, _ found: String) throws {
        guard expected != found else { return }
        throw Fault(
          "the data sets differ in \(what)", at: reader.path, expected: "\(expected), as in \(readers[0].path)",
          found: found)
      }
      try require("shape", "\(first.rows)x\(first.columns)", "\(other.rows)x\(other.columns)")
      try require("spacing", "\(first.area.spacing) m", "\(other.area.spacing) m")
      try require(
        "origin", "(\(first.area.originX), \(first.area.originY)) m", "(\(other.area.originX), \(other.area.originY)) m"
      )
      try require("user height", "\(first.area.userHeight) m", "\(other.area.userHeight) m")
      try require("units", first.units, other.units)
      let (mine, its) = (first.hasEnvironments, other.hasEnvironments)
      try require("environments", mine ? "some" : "none", its ? "some" : "none")
    }
  }

  /// Which of the data sets holds a map, by its number in the collection.
  public func set(of number: Int) -> Int { readers.indices.last { firsts[$0] <= number } ?? 0 }

  /// Throws unless all data sets have layers.
  ///
  /// - Parameter names: the layers; "valid" is the mask.
  public func require(layers names: [String]) throws { for reader in readers { try reader.require(layers: names) } }

  /// Reads a map by its number in the collection, with all that its data set knows of it.
  ///
  /// - Parameters:
  ///   - number: its number.
  ///   - conditions: layers to be read beside it; "valid" is the mask.
  /// - Throws: as `MapSetReader.map`.
  public func map(_ number: Int, conditions: [String] = []) throws -> StationMap {
    let set = set(of: number)
    var map = try readers[set].map(number - firsts[set], conditions: conditions)
    map.environment = environments?[number]
    return map
  }

  /// The environments of all maps of some data sets; those of different ones are made different.
  private static func environments(_ readers: [MapSetReader]) throws -> [Int32] {
    var all: [Int32] = []
    for reader in readers {
      let own = try reader.environments(indices: Array(0..<reader.count)) ?? []
      let next = Int(all.max() ?? -1) + 1, least = readers.count > 1 ? Int(own.min() ?? 0) : next
      all += try own.map { number in
        guard let moved = Int32(exactly: Int(number) - least + next) else {
          throw Fault(
            "the environments of all data sets together have too great numbers", at: "\(reader.path):/environment",
            expected: "at most \(Int(Int32.max) - next + least), or the data set alone", found: "\(number)")
        }
        return moved
      }
    }
    return all
  }
}
