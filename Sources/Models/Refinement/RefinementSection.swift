import Conditioning
import Configuration
import Essentials

/// The structure of networks that refine a map in one pass.
protocol RefinementStructure: ConfigurationSection, Equatable {
  /// Rows and columns of the maps that it is trained on, or of the windows that are cut from them.
  var imageSize: Int { get }
  /// What the sides of a map are multiples of.
  var step: Int { get }
  /// Whether it sees the samples of a coarse map alone, which a turned map has elsewhere.
  var seesSamplesAlone: Bool { get }
}

extension RefinementStructure {
  var seesSamplesAlone: Bool { false }
}

/// The sections of a configuration of such networks.
struct RefinementSection<Structure: RefinementStructure>: ConfigurationSection, Equatable {
  /// The networks and what they make small.
  var model = Structure()
  /// How maps become what the networks see.
  var data = GridSection()

  /// Upsampling as the literature has it.
  init() { data.upsampling = .bilinear }

  /// The keys at the top level of the file.
  static var fields: [ConfigurationField<Self>] {
    [
      .section("model", \.model, "the networks and what they make small"),
      .section("data", \.data, "how maps become what the networks see"),
    ]
  }

  /// They refine the interpolated map and see nothing else.
  func validate(_ places: ConfigurationPlaces) throws {
    guard data.form == .map else {
      throw Fault(
        "these networks draw maps; they may add to the interpolated one", at: places["data.form"], expected: "map",
        found: data.form.rawValue)
    }
    guard data.conditions.isEmpty else {
      throw Fault(
        "these networks see coarse maps alone", at: places["data.conditions"], expected: "[]",
        found: data.conditions.joined(separator: ", "))
    }
    guard !data.symmetries || !model.seesSamplesAlone else {
      throw Fault(
        "the network sees samples where a turned map has none", at: places["data.symmetries"], expected: "false",
        found: "true")
    }
    guard model.imageSize % model.step == 0 else {
      throw Fault(
        "the network cannot divide its maps", at: places["model.image_size"], expected: "a multiple of \(model.step)",
        found: "\(model.imageSize)")
    }
  }

  /// How planes of a map lie in the networks' tensors.
  func layout(rows: Int? = nil, columns: Int? = nil) -> NetworkLayout {
    NetworkLayout(rows: rows ?? model.imageSize, columns: columns ?? model.imageSize, patch: 1, channels: 1)
  }
}
