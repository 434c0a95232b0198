/// What a file says about the numbers of an array: attributes of netCDF's CF conventions (1.11, section 2.5 and 8.1), tags
/// of GeoTIFF, the kind of element.
struct ArrayFacts: Equatable, Sendable {
  /// The kind of element, named for people: "int16", "boolean", "complex64".
  var type = ""
  /// Whether elements are complex; they are read as their absolute values.
  var isComplex = false
  /// Whether elements are grey levels of pictures.
  var isPicture = false
  /// `units`, where it is a text that says something.
  var units: String?
  /// `long_name`, or `standard_name`.
  var longName: String?
  /// `scale_factor`: what stored numbers are multiplied by first.
  var scale: Double?
  /// `add_offset`: what is added then.
  var offset: Double?
  /// Bits of stored signed numbers that stand for unsigned ones (`_Unsigned`).
  var unsignedBits: Int?
  /// `_FillValue` and `missing_value`: stored numbers that stand for nothing.
  var fills: [Double] = []
  /// `valid_range`, or `valid_min` and `valid_max`, of stored numbers.
  var validRange: ClosedRange<Double>?
  /// Whether MATLAB wrote the array, its axes in reverse.
  var isMATLAB = false
  /// The order of the axes, where the file says another than the usual one.
  var axes: AxisOrder?
  /// What stations' numbers are, where a table's header says so.
  var coordinates: StationCoordinates?
  /// Where the places lie, where the file says so.
  var place = Place()

  /// Where an array's places lie.
  struct Place: Equatable, Sendable {
    /// Distance between neighbouring places [m].
    var spacing: Double?
    /// x and y of the place with the least x and y [m].
    var origin: SIMD2<Double>?
    /// Whether the first row has the greatest y.
    var isNorthUp = false
    /// Whether the first column has the greatest x.
    var isEastFirst = false
    /// Why what the file says of its places cannot be taken: "they lie in degrees".
    var objection: String?
  }

  /// Without what attributes say of the numbers; what an array is and where it lies stays.
  var bare: ArrayFacts {
    var bare = ArrayFacts(
      type: type, isComplex: isComplex, isPicture: isPicture, isMATLAB: isMATLAB, axes: axes, coordinates: coordinates,
      place: place
    )
    // A picture's scale is no attribute: the user gave it.
    if isPicture { (bare.scale, bare.offset) = (scale, offset) }
    return bare
  }
}
