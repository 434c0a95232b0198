import Computing
import Configuration
import Essentials
import MapStorage

/// How maps become grey levels: for every family whose maps have one scale for all.
public struct GreySection: ConfigurationSection, Equatable {
  /// What is 0 [dB]; so are places that hold nothing.
  public var lowest: Float = -147
  /// What is 1 [dB].
  public var highest: Float = -47
  /// What an autoencoder sees where a map holds nothing.
  public enum Holes: String, CaseIterable, Sendable {
    /// 0: buildings are drawn.
    case black
    /// What lies around: there is nothing to be drawn, and a blurred map is not dark.
    case filled
  }
  /// What an autoencoder sees where a map holds nothing; known maps are black there in any case.
  public var holes = Holes.black
  /// Whether each sample is turned and mirrored at random.
  public var symmetries = true

  /// The scale of RadioMapSeer.
  public init() {}

  /// What is 0 and what is 1 [dB].
  public var range: ValueRange { ValueRange(minimum: lowest, maximum: highest) }

  /// The keys of the section `data`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .number("lowest", \.lowest, in: -400...100, "what is black, dB; so are places that hold nothing"),
      .number("highest", \.highest, in: -400...100, "what is white, dB"),
      .choice("holes", \.holes, "what an autoencoder sees where a map holds nothing: black, or filled from around"),
      .flag("symmetries", \.symmetries, "turn and mirror each sample at random before the network sees it"),
    ]
  }

  /// A map in grey levels as an autoencoder sees it.
  ///
  /// - Parameter map: the map [dB].
  public func drawn(_ map: StationMap) -> [Float] {
    let grey = range.grey(map)
    guard holes == .filled, let mask = map.mask else { return grey }
    return filled(grey, mask, rows: map.map.rows, columns: map.map.columns)
  }

  /// Rising numbers.
  public func validate(_ places: ConfigurationPlaces) throws {
    guard lowest < highest else {
      throw Fault(
        "white is no brighter than black", at: places["lowest"], expected: "less than \(highest) dB (data.highest)",
        found: "\(lowest) dB")
    }
  }

  /// How samples are turned.
  ///
  /// - Parameters:
  ///   - description: the data's.
  ///   - path: the data, for the message.
  /// - Throws: `Fault` for an area that cannot be turned.
  func symmetries(of description: MapSetDescription, at path: String) throws -> [GridSymmetry] {
    guard symmetries else { return [.identity] }
    guard description.rows == description.columns else {
      throw Fault(
        "an area that is not square cannot be turned", at: path, expected: "as many rows as columns",
        found: "\(description.rows)x\(description.columns)", hint: "`data.symmetries=false`")
    }
    return GridSymmetry.allCases
  }
}

/// Values with holes filled from around (Gortler et al., "The Lumigraph", 1996, pull and push): from means over ever larger squares.
///
/// - Parameters:
///   - values: row after row.
///   - mask: which of them count.
///   - rows: how many rows.
///   - columns: how many columns.
/// - Returns: all of them where the mask says so, and means of what lies around elsewhere; unchanged where none counts.
func filled(_ values: [Float], _ mask: Mask, rows: Int, columns: Int) -> [Float] {
  guard !mask.isAll, !mask.isEmpty else { return values }
  let (halfRows, halfColumns) = ((rows + 1) / 2, (columns + 1) / 2)
  var means = [Float](repeating: 0, count: halfRows * halfColumns), counts = means
  for place in values.indices where mask[place] {
    let square = place / columns / 2 * halfColumns + place % columns / 2
    means[square] += values[place]
    counts[square] += 1
  }
  for square in means.indices where counts[square] > 0 { means[square] /= counts[square] }
  let coarse = filled(means, Mask(counts.map { $0 > 0 }), rows: halfRows, columns: halfColumns)
  return values.indices.map { place in
    guard !mask[place] else { return values[place] }
    // Between the centres of squares, three parts of the own one to one of the neighbour's, along rows and columns.
    let (row, column) = (place / columns, place % columns)
    let down = min(max(row / 2 + (row % 2 == 0 ? -1 : 1), 0), halfRows - 1)
    let across = min(max(column / 2 + (column % 2 == 0 ? -1 : 1), 0), halfColumns - 1)
    func at(_ row: Int, _ column: Int) -> Float { coarse[row * halfColumns + column] }
    return (9 * at(row / 2, column / 2) + 3 * at(row / 2, across) + 3 * at(down, column / 2) + at(down, across)) / 16
  }
}

/// A map in grey levels.
public struct GreyMap: Sendable {
  /// `[row, column]`, 0 to 1; where the map holds nothing as `GreySection.holes` has it.
  public var grey: [Float]
  /// Which places hold a value; nil: all.
  public var mask: Mask?

  /// - Parameters:
  ///   - grey: `[row, column]`, 0 to 1.
  ///   - mask: which places hold a value; nil: all.
  public init(grey: [Float], mask: Mask? = nil) { (self.grey, self.mask) = (grey, mask) }
}

/// Samples of families that learn what maps look like: single maps in grey levels.
public struct GreyMapSamples: SampleSource {
  /// The data sets and which of their maps train.
  public let data: MapData
  /// How maps become grey levels.
  public let section: GreySection
  private let symmetries: [GridSymmetry]

  /// - Parameters:
  ///   - data: the data sets and which of their maps train.
  ///   - section: how maps become grey levels.
  /// - Throws: `Fault` for an area that cannot be turned.
  public init(_ data: MapData, _ section: GreySection) throws {
    (self.data, self.section) = (data, section)
    symmetries = try section.symmetries(of: data.maps.description, at: data.maps.path)
  }

  /// The files.
  public var path: String { data.maps.path }
  /// Each training map as often as an epoch visits it.
  public var epochCount: Int { data.epoch.count }
  /// The test maps.
  public var heldOutCount: Int { data.split.test.count }

  /// A training map, turned as is drawn for its place in the batch.
  public func sample(visit: Int, position: Int, step: Int) throws -> GreyMap {
    let map = try data.maps.map(data.epoch[visit])
    let symmetry = symmetries[
      RandomStream(seed: data.seed, purpose: .symmetry).integer(
        below: symmetries.count, sample: position, step: step)]
    return GreyMap(
      grey: symmetry.turn(section.drawn(map), side: map.map.rows),
      mask: map.mask.map { Mask(symmetry.turn($0.flags, side: map.map.rows)) })
  }

  /// A test map as it is.
  public func heldOut(_ place: Int, of count: Int) throws -> GreyMap {
    try map(data.split.test[place * data.split.test.count / count])
  }

  /// A map by its number in the data.
  public func map(_ number: Int) throws -> GreyMap {
    let map = try data.maps.map(number)
    return GreyMap(grey: section.drawn(map), mask: map.mask)
  }

  /// What a log's head says of the data.
  public var summary: String { "data: \(data.summary), \(section.lowest) to \(section.highest) dB" }
}
