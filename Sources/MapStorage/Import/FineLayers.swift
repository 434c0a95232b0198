import Essentials

/// Layers over the fine places of coarse maps, such as where buildings stand: in files of their own, one for each map or one
/// for all.
public struct FineLayers {
  private let arrays: [(name: String, array: MapArray)]
  private let options: ImportOptions

  /// Opens layers.
  ///
  /// - Parameters:
  ///   - layers: names and where each comes from.
  ///   - names: the ones that are needed, in the order in which they will be read.
  ///   - rows: rows of the fine maps.
  ///   - columns: columns of the fine maps.
  ///   - count: the number of maps.
  ///   - options: how rows and columns of files become those of maps.
  /// - Throws: `Fault` when one that is needed is not given, is of another shape, or one is given that is not needed.
  public init(
    _ layers: [ImportOptions.Layer], names: [String], rows: Int, columns: Int, count: Int, _ options: ImportOptions
  ) throws {
    let given = Set(layers.map(\.name))
    guard given == Set(names), layers.count == names.count else {
      throw Fault(
        "the layers are not those that the run sees", at: "`condition`",
        expected: names.isEmpty ? "none" : names.map { "\($0)=SOURCE" }.joined(separator: ", "),
        found: layers.isEmpty ? "none" : layers.map(\.name).joined(separator: ", "))
    }
    self.options = options
    arrays = try names.map { name in
      let source = try ImportSources.beside(layers.first { $0.name == name }?.source ?? "")
      let array = try MapArray(beside: source, rows: rows, columns: columns, count: count, options) {
        Fault(
          "a layer has the wrong shape", at: source.place,
          expected: "\(rows)x\(columns), as the fine maps, one for each of \(count) or one for all",
          found: "\(source.shape)")
      }
      return (name, array)
    }
  }

  /// The layers of a map, in the order of the names.
  ///
  /// - Throws: `Fault` for a value that is no finite number.
  public func read(_ sample: Int) throws -> [[Float]] {
    try arrays.map { name, array in
      let values = try array.readLayer(sample..<sample + 1, options)[0]
      try values.withUnsafeBufferPointer {
        try requireFinite($0, samples: ["\(sample)"], columns: array.columns, masks: nil, at: array.source.place)
      }
      return values
    }
  }
}
