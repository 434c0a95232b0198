import Essentials
import Foundation
import Interpolation

/// Maps [dB or dBm] in a foreign file or folder, read a few at a time: HDF5, NumPy `.npy` and `.npz`, grey PNG, archives.
public final class ImportedMaps: @unchecked Sendable {
  /// The file or folder.
  public let path: String
  /// What the maps show, where the file says so.
  public let longName: String?
  /// Where the maps' places lie.
  public let area: Area
  let options: ImportOptions
  /// The archive that they are of; nil: of none.
  let archive: RadioMapSeerArchive?
  let maps: MapArray
  let numbers: MapNumbers
  private let masks: MaskArray?
  let stationArray: StationArray?
  private let environmentSource: (any MapSource)?
  private let layerArrays: [MapArray]

  /// The number of maps; 1 for an array of two axes.
  public var count: Int { maps.count }
  /// Grid lines in y.
  public var rows: Int { maps.rows }
  /// Grid lines in x.
  public var columns: Int { maps.columns }
  /// What the maps are in: dB, or dBm of powers that were received.
  public var units: String { numbers.stored }
  /// Whether each map has a station's position.
  public var hasStations: Bool { stationArray != nil }
  /// Whether each map has a mask of valid places.
  public var hasValid: Bool { masks != nil || numbers.canHaveHoles }
  /// Whether masks were given.
  var hasMasks: Bool { masks != nil }
  /// Whether each map has the number of its environment.
  public var hasEnvironments: Bool { environmentSource != nil }
  /// The layers beside the maps, in the order of the options.
  public var layers: [MapLayer] {
    zip(options.layers, layerArrays).map { layer, array in
      let facts = array.source.facts
      return MapLayer(name: layer.name, longName: facts.longName ?? layer.name, units: facts.units ?? "1")
    }
  }

  /// Opens a file or folder; nothing but sizes and stations is read yet.
  ///
  /// - Parameters:
  ///   - path: the file or folder.
  ///   - options: where in it the maps are, what their numbers mean, and how they lie.
  /// - Throws: `Fault` when it is missing, damaged, of an unknown kind or the wrong shape, or when what it says contradicts
  ///   the options.
  public init(path: String, options: ImportOptions = ImportOptions()) throws {
    self.path = path
    var options = options
    let sources = try ImportSources(path, options)
    options.layers = options.allLayers
    self.options = options
    archive = sources.archive
    let maps = try MapArray(sources.maps, order: options.axes, orientation: options.orientation)
    self.maps = maps
    numbers = try MapNumbers(sources.maps, options)
    longName = sources.maps.facts.longName
    let area = try Self.area(sources.maps, options)
    self.area = area
    func companion(_ source: any MapSource, _ what: String) throws -> MapArray {
      try MapArray(
        beside: source, rows: maps.rows, columns: maps.columns, count: maps.count, options, like: maps
      ) {
        let expected =
          maps.count > 1
          ? "[\(maps.count), \(maps.rows), \(maps.columns)], or one for all maps" : "\(maps.source.shape)"
        return Fault("\(what) the wrong shape", at: source.place, expected: expected, found: "\(source.shape)")
      }
    }
    guard sources.valid == nil || sources.holes == nil else {
      throw Fault("masks are given twice", at: sources.holes?.place ?? path, expected: "either `valid` or `holes`")
    }
    masks =
      try sources.valid.map { MaskArray(try companion($0, "the masks have"), isInverted: false) }
      ?? sources.holes.map { MaskArray(try companion($0, "the masks have"), isInverted: true) }
    stationArray = try sources.stations.map { try StationArray($0, of: maps, in: area, options) }
    layerArrays = try sources.layers.map { try companion($0, "a layer has") }
    environmentSource = sources.environments
    if let source = environmentSource, source.shape != [count] {
      throw Fault(
        "the environments have the wrong shape", at: source.place, expected: "[\(count)]",
        found: "\(source.shape)")
    }
    if let fault = try stationArray?.suspicion(0..<min(count, 4096)) { throw fault }
  }

  /// Where the places lie: what the user says goes before what the file says.
  private static func area(_ source: any MapSource, _ options: ImportOptions) throws -> Area {
    let place = source.facts.place
    if let objection = place.objection, options.spacing == nil {
      throw Fault(
        "where the places lie cannot be taken from the file", at: source.place, expected: "even steps in metres",
        found: objection, hint: "`spacing` and `origin` say it instead")
    }
    var area = options.area
    if options.spacing == nil, let spacing = place.spacing { area.spacing = spacing }
    if options.origin == nil, let origin = place.origin, options.spacing == nil || options.spacing == place.spacing {
      (area.originX, area.originY) = (origin.x, origin.y)
    }
    return area
  }

  /// Reads maps with all that the file says of them.
  ///
  /// - Parameter samples: which ones.
  /// - Throws: `Fault` for a value at a valid place that no channel has, a map without any, a station's position that is no
  ///   finite number, or an environment's that is no whole one.
  public func read(_ samples: Range<Int>) throws -> [StationMap] {
    var tally = ImportTally()
    return try read(samples, &tally)
  }

  /// The same, keeping count of what was seen.
  func read(_ samples: Range<Int>, _ tally: inout ImportTally) throws -> [StationMap] {
    let stations = try stationArray?.read(samples), environments = try environments(samples)
    let stored = try maps.read(samples), masks = try masks?.read(samples)
    return try samples.enumerated().map { position, sample in
      let name = maps.source.name(ofSample: sample)
      var values = stored[position]
      if numbers.facts.isPicture { tally.greatestGrey = max(tally.greatestGrey, values.max() ?? 0) }
      let mask = try numbers.decibels(
        &values, mask: masks?[position], transparent: try maps.transparent(sample), columns: columns, sample: name,
        &tally)
      return StationMap(
        ChannelFingerprint(rows: rows, columns: columns, values: values), mask: mask, station: stations?[position],
        environment: environments?[position], at: "\(maps.source.place), sample \(name)")
    }
  }

  /// Looks at how maps and their stations belong together.
  ///
  /// - Parameters:
  ///   - read: what was read of the samples.
  ///   - samples: which ones.
  ///   - fit: is told.
  func compare(_ read: [StationMap], _ samples: Range<Int>, _ fit: inout StationFit) throws {
    let alternatives = try stationArray?.alternatives(samples) ?? [:]
    for (position, map) in read.enumerated() { fit.add(map, area, alternatives.mapValues { $0[position] }) }
  }

  /// The layers of samples by their names, as they are, what attributes say of their numbers aside.
  public func layers(_ samples: Range<Int>) throws -> [String: [ChannelFingerprint]] {
    var layers: [String: [ChannelFingerprint]] = [:]
    for (layer, array) in zip(options.layers, layerArrays) {
      layers[layer.name] = try array.readLayer(samples, options).map { values in
        ChannelFingerprint(rows: rows, columns: columns, values: values)
      }
    }
    return layers
  }

  /// The environments of samples, or nil where none are given.
  private func environments(_ samples: Range<Int>) throws -> [Int32]? {
    guard let source = environmentSource else { return nil }
    var values = [Float](repeating: 0, count: samples.count)
    try values.withUnsafeMutableBufferPointer { try source.read(rows: samples, into: $0) }
    return try values.map { value in
      // Beyond 2^24 a float32 no longer tells neighbours apart.
      guard abs(value) <= 16_777_216, let number = Int32(exactly: value) else {
        throw Fault(
          "an environment's number is none", at: source.place, expected: "whole numbers up to 2^24",
          found: "\(value)")
      }
      return number
    }
  }
}

extension MapArray {
  /// What stands beside maps, such as masks and layers: one for each map, or one for all.
  ///
  /// - Parameters:
  ///   - source: the array.
  ///   - rows: rows of the maps.
  ///   - columns: columns of the maps.
  ///   - count: the number of maps.
  ///   - options: how rows and columns of files become those of maps.
  ///   - maps: whose places an array has that does not say where its own lie; nil: it has no such.
  ///   - misfit: the fault of another shape.
  init(
    beside source: any MapSource, rows: Int, columns: Int, count: Int, _ options: ImportOptions,
    like maps: MapArray? = nil, misfit: () -> Fault
  ) throws {
    // Pictures have no axes to be in another order.
    let order = source.facts.isPicture ? nil : options.axes
    let isOne = source.shape.count { $0 > 1 } <= 2 && count > 1
    try self.init(source, order: isOne ? order?.single : order, orientation: options.orientation, like: maps)
    guard self.rows == rows, self.columns == columns, self.count == count || self.count == 1 else { throw misfit() }
  }

  /// Reads a layer of samples as it is, what attributes say of its numbers aside.
  func readLayer(_ samples: Range<Int>, _ options: ImportOptions) throws -> [[Float]] {
    let facts = options.ignoresAttributes ? source.facts.bare : source.facts
    return try readForAll(samples).map(facts.unpacked)
  }

  /// Reads the maps of samples where each has its own, and the one where there is one for all.
  func readForAll(_ samples: Range<Int>) throws -> [[Float]] {
    guard count == 1 else { return try read(samples) }
    let one = try read(0..<1)[0]
    return samples.map { _ in one }
  }

  /// Which places of a map are transparent; nil: none, or it is no picture.
  func transparent(_ sample: Int) throws -> [Bool]? {
    guard source.facts.isPicture, let stored = try source.transparent(rows: sample..<sample + 1) else { return nil }
    return turned(stored)
  }
}

extension ArrayFacts {
  /// Stored numbers of a layer as they are meant, NaN where they stand for nothing.
  func unpacked(_ values: [Float]) -> [Float] {
    guard scale != nil || offset != nil || !fills.isEmpty else { return values }
    let fills = fills.map { Float($0) }
    return values.map { value in
      fills.contains(value) ? .nan : Float(Double(value) * (scale ?? 1) + (offset ?? 0))
    }
  }
}

/// The masks of maps: one for each, or one for all.
struct MaskArray {
  private let array: MapArray
  /// Whether what is not 0 is a hole, such as a building.
  private let isInverted: Bool

  init(_ array: MapArray, isInverted: Bool) {
    self.array = array
    self.isInverted = isInverted
  }

  /// - Throws: `Fault` for numbers that are no mask: more than two kinds, or none.
  func read(_ samples: Range<Int>) throws -> [Mask] {
    try array.readForAll(samples).enumerated().map { position, values in
      // 0 and one other number: classes of land are no mask until somebody says which of them count.
      var other: Float = 0
      for value in values where value != 0 {
        guard other == 0 || value == other, !value.isNaN else {
          throw Fault(
            "this is no mask", at: array.source.place, expected: "0 and one other number",
            found: "\(value)" + (other == 0 ? "" : " beside \(other)")
              + " in sample \(array.source.name(ofSample: array.count == 1 ? 0 : samples.lowerBound + position))",
            hint: "make a mask of it: numpy.save('mask.npy', array == 1)")
        }
        other = value
      }
      return Mask(values.map { ($0 != 0) != isInverted })
    }
  }
}
