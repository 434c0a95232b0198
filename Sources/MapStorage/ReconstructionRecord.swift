import Essentials

/// How the maps of a file were reconstructed: root attributes beside the data set `sample_index`, which tells for
/// each map which sample of the data it belongs to.
public struct ReconstructionRecord: Codable, Equatable, Sendable {
  /// Fine pixels from one coarse sample to the next; nil where the maps were inferred from something else than coarse maps.
  public var magnification: Int?
  /// The file that the observations came from.
  public var data: String
  /// The run or checkpoint that reconstructed; empty for plain interpolation.
  public var model: String
  /// The sampler's name; empty where nothing was sampled.
  public var sampler: String
  /// Network evaluations of a draw; 0 where nothing was sampled.
  public var steps: Int
  /// As it stands in tables: "CGDM", "bicubic".
  public var method: String
  /// What the maps are of the draws: "draw", "mean", "direct"; empty where nothing was drawn.
  public var estimate: String
  /// Of how many draws the layer `deviation` is; 0 where it comes from a formula, or there is none.
  ///
  /// Then what is predicted for a pixel has, about the map's value, Student's distribution of `draws` - 1 degrees of
  /// freedom, else the normal one, scaled by the deviation.
  public var draws: Int
  /// In how many ways a network was shown each map, turned and mirrored: 1 for as it is.
  public var views: Int
  /// Pixels on a side of the windows that a network saw the maps in; nil: it saw each as a whole.
  public var tile: Int?

  /// - Parameters:
  ///   - magnification: fine pixels from one coarse sample to the next; nil where there were no coarse maps.
  ///   - data: the file that the observations came from.
  ///   - model: the run or checkpoint; empty for plain interpolation.
  ///   - sampler: the sampler's name; empty where nothing was sampled.
  ///   - steps: network evaluations of a draw.
  ///   - method: as it stands in tables.
  ///   - estimate: what the maps are of the draws; empty where nothing was drawn.
  ///   - draws: of how many draws the layer `deviation` is.
  ///   - views: in how many ways a network was shown each map.
  public init(
    magnification: Int?, data: String, model: String = "", sampler: String = "", steps: Int = 0,
    method: String, estimate: String = "", draws: Int = 0, views: Int = 1
  ) {
    self.magnification = magnification
    self.data = data
    self.model = model
    self.sampler = sampler
    self.steps = steps
    self.method = method
    self.estimate = estimate
    self.draws = draws
    self.views = views
  }

  /// The layer of predictive standard deviations.
  public static let deviationName = "deviation"
  static let indexName = "sample_index"
  static let drawsName = "draws"

  /// Out of a file that has `sample_index`.
  init(_ file: StoredFile) throws {
    func text(_ name: String) throws -> String { try file.text(name) ?? "" }
    func number(_ name: String, atLeast least: Int, missing: UInt64? = nil) throws -> Int {
      guard let value = try file.wholeNumber(name) ?? missing, let number = Int(exactly: value), number >= least else {
        throw Fault(
          "the file does not say how it was reconstructed", at: "\(file.path):@\(name)",
          expected: "a whole number from \(least) on")
      }
      return number
    }
    self.init(
      magnification: try file.wholeNumber("magnification").map { _ in try number("magnification", atLeast: 1) },
      data: try text("data"),
      model: try text("model"), sampler: try text("sampler"), steps: try number("steps", atLeast: 0),
      method: try text("method"), estimate: try text("estimate"),
      draws: try number("draw_count", atLeast: 0, missing: 0), views: try number("views", atLeast: 1, missing: 1))
    tile = try file.wholeNumber("tile").map { _ in try number("tile", atLeast: 1) }
  }
}
