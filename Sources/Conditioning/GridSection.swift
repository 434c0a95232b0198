import Configuration
import Essentials
import Interpolation

/// How maps on a grid become what a network sees: for every family that refines coarse maps.
public struct GridSection: ConfigurationSection, Equatable {
  /// Fine pixels from one coarse sample to the next.
  public var magnification = 4
  /// Magnifications that samples are trained at, each as often as it stands here; empty: `magnification`.
  public var magnifications: [Int] = []
  /// Whether each sample is turned and mirrored at random before the network sees it.
  public var symmetries = false
  /// What the network draws: the map, or what kriging leaves of it.
  public var form = MapForm.map
  /// What the form `residual` starts from.
  public var base = ResidualBase.kriging
  /// The one of `conditions` that a model expects of the map itself: the form `residual` interpolates what that leaves at the
  /// samples; empty: none.
  public var expected = ""
  /// How the coarse map is upsampled before it enters.
  public var upsampling = UpsamplingMethod.bicubic
  /// Layers of the data set that the network sees beside the coarse map.
  public var conditions: [String] = []
  /// Which range of values becomes [-1, 1].
  public var normalisation = Normalisation.coarse
  /// How far values may leave [-1, 1] before they are clamped.
  public var margin: Float = 1

  /// The defaults.
  public init() {}

  /// Planes that a map's condition has.
  ///
  /// - Parameter channels: channels that a map is repeated over inside the network.
  public func conditionPlanes(channels: Int) -> Int { form == .residual ? ResidualForm.channels : channels }

  /// The magnifications to train at, each as often as it is visited.
  public var trained: [Int] { magnifications.isEmpty ? [magnification] : magnifications }

  /// No layer twice; what is expected is among the conditions, and of use.
  public func validate(_ places: ConfigurationPlaces) throws {
    guard Set(conditions).count == conditions.count else {
      throw Fault(
        "a layer is given twice", at: places["conditions"], expected: "each once",
        found: conditions.joined(separator: ", "))
    }
    guard expected.isEmpty || conditions.contains(expected) else {
      throw Fault(
        "what is expected is no layer that the network sees", at: places["expected"],
        expected: "one of `data.conditions`: \(conditions.joined(separator: ", "))", found: expected)
    }
    guard expected.isEmpty || form == .residual else {
      throw Fault(
        "only the form `residual` starts from what is expected", at: places["expected"],
        expected: "data.form: residual",
        found: "data.form: \(form.rawValue)")
    }
  }

  /// Keys that stood in the section `training` before there were several families.
  public static var moved: [String: String] {
    ["training.magnifications": "data.magnifications", "training.symmetries": "data.symmetries"]
  }

  /// The keys of the section `data`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer(
        "magnification", \.magnification, in: MapConditioner.magnifications,
        "fine pixels from one coarse sample to the next"),
      .integers(
        "magnifications", \.magnifications, in: MapConditioner.magnifications, count: 0...64,
        "magnifications to train at, each as often as listed; []: magnification"),
      .flag("symmetries", \.symmetries, "turn and mirror each sample at random before the network sees it"),
      .choice("form", \.form, "what the network draws: the map, or what an interpolation leaves, in its deviations"),
      .choice("base", \.base, "that interpolation (form: residual)"),
      .text("expected", \.expected, "the one of conditions whose error at the samples it interpolates; empty: none"),
      .choice("upsampling", \.upsampling, "how the coarse map is upsampled before it enters (form: map)"),
      .texts(
        "conditions", \.conditions, count: 0...16,
        "layers of the data set that the network sees as well: [buildings]; valid: the mask"),
      .choice("normalisation", \.normalisation, "whose range becomes [-1, 1]; fine is the paper's, and a leak"),
      .number("margin", \.margin, in: 0...10, "how far values may leave [-1, 1] before they are clamped"),
    ]
  }
}
