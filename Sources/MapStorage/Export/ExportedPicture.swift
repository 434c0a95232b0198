import Essentials
import Records

/// What a picture of a map says of itself in a text beside its pixels, so that it can be imported without a word.
struct ExportedPicture: Equatable {
  /// The level that stands for no value.
  static let emptyLevel = 0

  /// The values of levels 0 and 65535.
  var range: ImportOptions.GreyRange
  var units: String
  /// Distance between places [m].
  var spacing: Double
  /// x and y of the picture's first place [m].
  var origin: SIMD2<Double>

  init(range: ImportOptions.GreyRange, units: String, spacing: Double, origin: SIMD2<Double>) {
    (self.range, self.units, self.spacing, self.origin) = (range, units, spacing, origin)
  }

  /// Of a text as `json` has it; nil where it says nothing that makes sense.
  init?(_ text: String) {
    guard let json = try? JSONValue.parse(text.utf8, at: ""), let black = json["black"]?.realValue,
      let white = json["white"]?.realValue, json["nodata_grey"]?.integerValue == Self.emptyLevel,
      let units = json["units"]?.textValue, let spacing = json["spacing"]?.realValue,
      let x = json["x"]?.realValue, let y = json["y"]?.realValue, Float(black).isFinite, Float(white).isFinite,
      Float(black) != Float(white), spacing > 0, spacing.isFinite, x.isFinite, y.isFinite
    else { return nil }
    self.init(
      range: .init(black: Float(black), white: Float(white)), units: units, spacing: spacing, origin: SIMD2(x, y))
  }

  /// As it stands in a picture.
  var json: JSONValue {
    .members([
      "black": .real(range.black), "white": .real(range.white), "nodata_grey": .integer(Self.emptyLevel),
      "units": .text(units), "spacing": .real(spacing), "x": .real(origin.x), "y": .real(origin.y),
    ])
  }
}
