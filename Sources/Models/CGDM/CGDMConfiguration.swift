import Conditioning
import Configuration
import Essentials
import NeuralNetworks

/// The structure of a CGDM U-Net; a pruned one is a configuration like any other.
public struct CGDMConfiguration: ConfigurationSection, Equatable {
  /// Rows and columns of the fine map, pixels.
  public var imageSize = 128
  /// Channels of a map inside the network: a one-channel map is repeated over them and the output averaged.
  public var channels = 1
  /// Channels that the network is conditioned on; nil: as many as `channels`, the upsampled coarse map in each.
  public var conditionChannels: Int?
  /// Planes of further layers that the network is conditioned on: as many as `data.conditions` has, no key of its own.
  var layers = 0
  /// Pixels on a side that enter and leave the network as channels of one place (space to depth): the first stage
  /// works on a grid so many times coarser, with as many times squared more to say about each place.
  public var patch = 1
  /// c1, the width of the first stage and of the time embedding.
  public var baseChannels = 16
  /// Width of each stage in units of c1.
  public var multipliers = [1, 2, 4, 8]
  /// N_RA, Res+ blocks a stage on the way down; one more on the way up.
  public var blocks = 2
  /// Groups of a group norm; a layer of C channels uses gcd(groups, C).
  public var groups = 8
  /// Dropout in the second half of a Res+ block.
  public var dropout: Float = 0.1
  /// Resolutions at which every block has attention; the first middle block always has it.
  public var attentionResolutions: [Int] = []
  /// How weights start.
  public var initialisation = Initialisation.orthogonal
  /// Names of Res+ bodies and attention blocks that pruning has taken away.
  public var omitted: [String] = []

  /// The `small` preset's structure.
  public init() {}

  /// The keys of the section `model`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("image_size", \.imageSize, in: 8...4096, "rows and columns of the fine map, pixels"),
      .integer("channels", \.channels, in: 1...16, "channels of a map inside the network"),
      .integer(
        "condition_channels", \.conditionChannels, in: 1...64,
        "channels of the condition; null: the map's. data.form residual has \(ResidualForm.channels)"),
      .integer("patch", \.patch, in: 1...8, "pixels on a side that the network sees as one place"),
      .integer("base_channels", \.baseChannels, in: 2...1024, "c1, width of the first stage"),
      .integers(
        "multipliers", \.multipliers, in: 1...256, count: 1...10, "width of each stage in units of c1"),
      .integer("blocks", \.blocks, in: 1...16, "N_RA, Res+ blocks a stage"),
      .integer("groups", \.groups, in: 1...1024, "groups of a group norm, at most"),
      .number("dropout", \.dropout, in: 0...0.9, "dropout rate in a Res+ block").tagged(.student),
      .integers(
        "attention_resolutions", \.attentionResolutions, in: 1...4096, count: 0...10,
        "resolutions with attention in every block"),
      .choice("initialisation", \.initialisation, "how weights start").tagged(.student),
      .texts("omitted", \.omitted, count: 0...4096, "Res+ bodies and attention blocks pruned away").tagged(.student),
    ]
  }

  /// The time embedding pairs sines and cosines; the resolution is halved between stages.
  public func validate(_ places: ConfigurationPlaces) throws {
    guard baseChannels % 2 == 0 else {
      throw Fault(
        "the time embedding pairs sines and cosines", at: places["base_channels"],
        expected: "an even number", found: "\(baseChannels)")
    }
    let factor = patch << (multipliers.count - 1)
    guard imageSize % factor == 0 else {
      throw Fault(
        "\(multipliers.count) stages halve the map \(multipliers.count - 1) times, from patches of \(patch) on",
        at: places["image_size"], expected: "a multiple of \(factor)", found: "\(imageSize)")
    }
    let known = Set(CGDM.prunableNames(self))
    if let stranger = omitted.first(where: { !known.contains($0) }) {
      throw Fault(
        "no such prunable layer", at: places["omitted"], expected: "one of \(known.count) names",
        found: stranger, hint: Names.nearest(to: stranger, among: Array(known)).map { "did you mean \($0)?" })
    }
  }

  /// What the sides of its first stage are multiples of.
  public var coarsestStep: Int { 1 << (multipliers.count - 1) }
  /// Rows and columns of the first stage.
  public var networkSize: Int { imageSize / patch }
  /// Channels of the condition at a place of the first stage.
  public var conditionWidth: Int { patch * patch * ((conditionChannels ?? channels) + layers) }
  /// Channels of the map at a place of the first stage.
  public var mapWidth: Int { patch * patch * channels }
}
