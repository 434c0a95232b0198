import Essentials
import Foundation
import Interpolation

/// Maps [dB] in a foreign file or folder, read a few at a time: HDF5, NumPy `.npy` and `.npz`, grey PNG.
public final class ImportedMaps: @unchecked Sendable {
  /// The file or folder.
  public let path: String
  /// The number of maps; 1 for an array of two axes.
  public let count: Int
  /// Grid lines in y.
  public let rows: Int
  /// Grid lines in x.
  public let columns: Int
  /// What the maps show, where the file says so.
  public let longName: String?
  private let options: ImportOptions
  private let maps: any MapSource
  private let stationSource: (any MapSource)?
  private let validSource: (any MapSource)?
  private let environmentSource: (any MapSource)?
  private let layerSources: [any MapSource]
  /// Whether the array has two axes and is one map.
  private let single: Bool

  /// Whether each map has a station's position.
  public var hasStations: Bool { stationSource != nil }
  /// Whether each map has a mask of valid places.
  public var hasValid: Bool { validSource != nil }
  /// Whether each map has the number of its environment.
  public var hasEnvironments: Bool { environmentSource != nil }
  /// The layers beside the maps, in the order of the options.
  public var layers: [MapLayer] {
    zip(options.layers, layerSources).map { layer, source in
      let array = source as? StoredArray
      return MapLayer(name: layer.name, longName: array?.longName ?? layer.name, units: array?.units ?? "1")
    }
  }

  /// Opens a file or folder; nothing but sizes is read yet.
  ///
  /// - Parameters:
  ///   - path: the file or folder.
  ///   - options: where in it the maps are, and what their numbers mean.
  /// - Throws: `Fault` when it is missing, damaged, of an unknown kind or the wrong shape.
  public init(path: String, options: ImportOptions = ImportOptions()) throws {
    self.path = path
    self.options = options
    let sources = try ImportSources(path, options)
    maps = sources.maps
    stationSource = sources.stations
    validSource = sources.valid
    environmentSource = sources.environments
    layerSources = sources.layers
    longName = (sources.maps as? StoredArray)?.longName
    let shape = maps.shape
    guard shape.count == 2 || shape.count == 3, shape.allSatisfy({ $0 > 0 }) else {
      throw Fault(
        "the maps have the wrong shape", at: maps.place, expected: "[N, H, W], or [H, W] for one map",
        found: "\(shape)")
    }
    single = shape.count == 2
    count = single ? 1 : shape[0]
    rows = shape[shape.count - 2]
    columns = shape[shape.count - 1]
    guard rows <= Int(UInt32.max) / 4 / columns else {
      throw Fault(
        "the maps are too large", at: maps.place, expected: "less than 4 GiB a map", found: "\(shape)")
    }
    try requireShapes()
  }

  private func requireShapes() throws {
    if let source = validSource, source.shape != maps.shape {
      throw Fault(
        "the masks have the wrong shape", at: source.place, expected: "\(maps.shape)",
        found: "\(source.shape)")
    }
    if let source = stationSource {
      let fits =
        [[count, 2], [count, 3]].contains(source.shape) || single && [[2], [3]].contains(source.shape)
      guard fits else {
        throw Fault(
          "the stations have the wrong shape", at: source.place, expected: "[\(count), 2] or [\(count), 3]",
          found: "\(source.shape)")
      }
    }
    if let source = environmentSource, source.shape != [count] {
      throw Fault(
        "the environments have the wrong shape", at: source.place, expected: "[\(count)]",
        found: "\(source.shape)")
    }
    for source in layerSources where source.shape != maps.shape {
      throw Fault(
        "a layer has the wrong shape", at: source.place, expected: "\(maps.shape)", found: "\(source.shape)")
    }
  }

  /// Reads maps [dB] with all that the file says of them.
  ///
  /// - Parameter samples: which ones.
  /// - Throws: `Fault` for a value at a valid place that is no finite number, or is not positive where powers are given, a
  ///   station's position that is no finite number, or an environment's that is no whole one.
  public func read(_ samples: Range<Int>) throws -> [StationMap] {
    let stations = try stations(samples), environments = try environments(samples)
    return try samples.enumerated().map { position, sample in
      let mask = try validSource.map { Mask(try read($0, sample).map { $0 != 0 }) }
      var values = try read(maps, sample)
      if options.units == .linear { try takeDecibels(&values, sample: sample, mask: mask) }
      try values.withUnsafeBufferPointer {
        try requireFinite(
          $0, samples: [maps.name(ofSample: sample)], columns: columns, masks: mask.map { [$0] },
          at: maps.place)
      }
      return StationMap(
        ChannelFingerprint(rows: rows, columns: columns, values: values), mask: mask, station: stations?[position],
        environment: environments?[position], at: "\(maps.place), sample \(maps.name(ofSample: sample))")
    }
  }

  private func read(_ source: any MapSource, _ sample: Int) throws -> [Float] {
    try [Float](unsafeUninitializedCapacity: rows * columns) { buffer, filled in
      let out = UnsafeMutableBufferPointer(rebasing: buffer[..<(rows * columns)])
      try source.read(rows: single ? 0..<rows : sample..<sample + 1, into: out)
      filled = rows * columns
    }
  }

  private func takeDecibels(_ values: inout [Float], sample: Int, mask: Mask?) throws {
    for index in values.indices {
      if mask?[index] == false {
        values[index] = .nan
      } else if values[index] > 0 {
        values[index] = 10 * log10(values[index])
      } else if values[index] <= 0 {
        throw Fault(
          "a power is not positive", at: maps.place, expected: "powers above 0, or a mask of valid places",
          found: "\(values[index]) in sample \(maps.name(ofSample: sample)), row \(index / columns), "
            + "column \(index % columns)",
          hint: "if the maps are in decibels already: `units` dB")
      }
    }
  }

  /// The stations (x, y, z) of samples [m], or nil where none are given.
  private func stations(_ samples: Range<Int>) throws -> [SIMD3<Float>]? {
    guard let source = stationSource else { return nil }
    let axes = source.shape[source.shape.count - 1]
    var values = [Float](repeating: 0, count: samples.count * axes)
    let rows = source.shape.count == 1 ? 0..<axes : samples
    try values.withUnsafeMutableBufferPointer { try source.read(rows: rows, into: $0) }
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw Fault(
        "a station's position is no finite number", at: source.place,
        found: "\(values[bad]) in sample \(samples.lowerBound + bad / axes)")
    }
    return samples.indices.map { index in
      let at = (index - samples.startIndex) * axes
      return SIMD3(values[at], values[at + 1], axes == 3 ? values[at + 2] : options.stationHeight)
    }
  }

  /// The layers of samples by their names, as they are.
  public func layers(_ samples: Range<Int>) throws -> [String: [ChannelFingerprint]] {
    var layers: [String: [ChannelFingerprint]] = [:]
    for (layer, source) in zip(options.layers, layerSources) {
      layers[layer.name] = try samples.map {
        ChannelFingerprint(rows: rows, columns: columns, values: try read(source, $0))
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
