/// Which maps of a data set are written in another form, and how.
public struct ExportRequest: Sendable {
  /// The data set.
  public var source: String
  /// The file to write; its ending says the form.
  public var target: String
  /// A layer in place of the maps.
  public var layer: String?
  /// The numbers of the maps, in the order in which they are written; nil: all.
  public var samples: [Int]?
  /// The code of the projected coordinate system (EPSG) that the maps' metres belong to; nil: they are local.
  public var coordinateSystem: Int?
  /// The values of grey levels 0 and 65535 in pictures; nil: what makes the maps' own range 1 to 65535.
  public var greyRange: ImportOptions.GreyRange?
  /// Whether what has the target's name may be replaced.
  public var overwrite = false
  /// What the file says it was written by.
  public var softwareVersion = ""

  /// - Parameters:
  ///   - source: the data set.
  ///   - target: the file to write.
  public init(source: String, target: String) {
    self.source = source
    self.target = target
  }
}

/// What was written.
public struct ExportReport: Equatable, Sendable {
  /// How many maps.
  public var count: Int
  /// Their rows.
  public var rows: Int
  /// Their columns.
  public var columns: Int
  /// Their units.
  public var units: String
  /// In pictures, the values of grey levels 0 and 65535.
  public var greyRange: ImportOptions.GreyRange?
}
