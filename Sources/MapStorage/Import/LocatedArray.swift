import Essentials

/// An array with the axes that its file gives it: dimension scales of HDF5, as netCDF-4 and xarray write them, or arrays x and y
/// beside it.
struct LocatedArray: MapSource {
  private let array: any MapSource
  let facts: ArrayFacts

  var place: String { array.place }
  var shape: [Int] { array.shape }

  private init(array: any MapSource, facts: ArrayFacts) { (self.array, self.facts) = (array, facts) }

  /// An array whose last two axes are y and x.
  ///
  /// - Parameters:
  ///   - array: the array.
  ///   - x: the lines of its last axis [m].
  ///   - y: the lines of the one before [m].
  init(_ array: any MapSource, x: [Double], y: [Double]) {
    var facts = array.facts
    facts.place = ArrayFacts.Place(x: ArrayFacts.Lines(numbers: x), y: ArrayFacts.Lines(numbers: y))
    self.init(array: array, facts: facts)
  }

  /// Opens an array, and reads where its places lie if the file says so.
  static func open(_ file: StoredFile, _ name: String) throws -> any MapSource {
    let array = try file.array(name)
    guard array.shape.count >= 2, !array.facts.isMATLAB else { return array }
    let group = name.lastIndex(of: "/").map { String(name[...$0]) } ?? ""
    var paths = array.axisNames
    var letters = paths.map { $0.flatMap(letter) }
    // Without dimension scales: the last two axes, if there are arrays of their names and extents.
    if !letters.contains(.row), !letters.contains(.column) {
      let last = array.shape.count - 1
      for (axis, letter) in [(last - 1, AxisOrder.Axis.row), (last, .column)] {
        let path = group + String(letter.rawValue)
        guard try !file.existing(among: [path]).isEmpty else { continue }
        (paths[axis], letters[axis]) = (path, letter)
      }
    }
    guard let row = letters.firstIndex(of: .row), let column = letters.firstIndex(of: .column),
      letters.count(where: { $0 == .row }) == 1, letters.count(where: { $0 == .column }) == 1
    else { return array }
    var facts = array.facts
    facts.axes = order(row: row, column: column, of: array.shape)
    if let x = try lines(file, paths[column], count: array.shape[column]),
      let y = try lines(file, paths[row], count: array.shape[row])
    {
      facts.place = ArrayFacts.Place(x: x, y: y)
    }
    return LocatedArray(array: array, facts: facts)
  }

  /// What an axis counts, by its name.
  private static func letter(_ path: String) -> AxisOrder.Axis? {
    let name = path.split(separator: "/").last?.lowercased() ?? ""
    let names: [(AxisOrder.Axis, Set<String>)] = [
      (
        .column,
        ["x", "xc", "easting", "eastings", "east", "lon", "long", "longitude", "col", "cols", "column", "columns"]
      ),
      (.row, ["y", "yc", "northing", "northings", "north", "lat", "latitude", "row", "rows"]),
    ]
    return names.first { $0.1.contains(name) }?.0
  }

  /// Nil where it is the usual one, or an axis is left whose meaning is not known.
  private static func order(row: Int, column: Int, of shape: [Int]) -> AxisOrder? {
    guard shape.count <= 3, (row, column) != (shape.count - 2, shape.count - 1) else { return nil }
    return AxisOrder(shape.indices.map { $0 == row ? .row : $0 == column ? .column : .map })
  }

  /// The lines of an axis, where its array has any.
  private static func lines(_ file: StoredFile, _ path: String?, count: Int) throws -> ArrayFacts.Lines? {
    guard let path, count > 1, try !file.existing(among: [path]).isEmpty else { return nil }
    // A dimension without a variable, or text: it says nothing of places.
    guard let array = try? StoredFile(file.path, dataSets: [path], walkRoot: false).array(path), array.shape == [count]
    else { return nil }
    return ArrayFacts.Lines(numbers: try array.doubles(rows: Array(0..<count)), units: array.facts.units)
  }

  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    try array.read(rows: rows, into: out)
  }

  func doubles(rows: Range<Int>) throws -> [Double] { try array.doubles(rows: rows) }
}

extension ArrayFacts {
  /// Where the lines of a grid lie along an axis, rising or falling.
  struct Lines {
    var numbers: [Double]
    var units: String?

    /// How many metres a unit has; 0 where the lines are merely numbered; nil for other units.
    var metres: Double? {
      switch units?.lowercased() {
      case nil, "m", "metre", "metres", "meter", "meters": 1
      case "km", "kilometre", "kilometres", "kilometer", "kilometers": 1000
      case "cm", "centimetre", "centimetres", "centimeter", "centimeters": 0.01
      case "1", "index", "pixel", "pixels", "px", "none", "dimensionless": 0
      default: nil
      }
    }

    /// The distance from one line to the next [units]; nil where it varies.
    var step: Double? {
      let step = (numbers[numbers.count - 1] - numbers[0]) / Double(numbers.count - 1)
      let isEven = numbers.indices.allSatisfy {
        abs(numbers[$0] - numbers[0] - step * Double($0)) <= 1e-3 * abs(step)
      }
      return isEven && step != 0 && step.isFinite ? step : nil
    }
  }
}

extension ArrayFacts.Place {
  /// Of the lines of a grid.
  init(x: ArrayFacts.Lines, y: ArrayFacts.Lines) {
    isNorthUp = y.numbers[y.numbers.count - 1] < y.numbers[0]
    isEastFirst = x.numbers[x.numbers.count - 1] < x.numbers[0]
    guard let across = x.step, let down = y.step else {
      objection = "its axes x and y are not evenly spaced"
      return
    }
    guard let scale = x.metres, y.metres == scale else {
      objection = "its axes are in \(x.units ?? "metres") and \(y.units ?? "metres")"
      return
    }
    guard scale > 0 else { return }
    guard abs(abs(across) - abs(down)) <= 1e-3 * abs(across) else {
      objection = "its places are \(abs(across) * scale) m apart in x and \(abs(down) * scale) m in y"
      return
    }
    spacing = abs(across) * scale
    origin = SIMD2(x.numbers.min() ?? 0, y.numbers.min() ?? 0) * scale
  }

  /// Whether the file says anything of it.
  var isKnown: Bool { self != ArrayFacts.Place() }
}
