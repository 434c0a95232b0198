import Configuration
import Essentials
import NeuralNetworks
import Tensors

/// The structure of the UNet across stations.
struct CrossUNetConfiguration: ConfigurationSection, Equatable {
  /// Rows and columns of the maps.
  var imageSize = 64
  /// Known stations that it looks at, each a channel.
  var sources = 5
  /// What a station's place counts in the channel of its map, where gains are 0 to 1.
  var locationWeight = 1.0
  /// Targets of a training scene, at most.
  var targets = 5
  /// Channels on the way down, of nine layers.
  var down = CrossUNet.down.map { max(1, $0.width / 4) }
  /// Channels on the way up, of ten layers; the last is the map.
  var up = CrossUNet.up.map { max(1, $0.width / 4) }

  static var fields: [ConfigurationField<Self>] {
    [
      .integer("image_size", \.imageSize, in: 64...4096, "rows and columns of the maps, pixels"),
      .integer("sources", \.sources, in: 1...1000, "known stations that it looks at"),
      .integer("targets", \.targets, in: 1...1000, "stations of a training scene whose maps are asked for, at most"),
      .number("location_weight", \.locationWeight, in: 0...100, "what a station's place counts beside its map"),
      .integers("down", \.down, in: 1...4096, count: 9...9, "channels of each layer on the way down"),
      .integers("up", \.up, in: 1...4096, count: 10...10, "channels of each layer on the way up; the last is 1"),
    ]
  }

  func validate(_ places: ConfigurationPlaces) throws {
    guard imageSize % 64 == 0 else {
      throw Fault(
        "six times the map is halved", at: places["image_size"], expected: "a multiple of 64", found: "\(imageSize)")
    }
    guard up.last == 1 else {
      throw Fault("the last layer is the map", at: places["up"], expected: "1 at the end", found: "\(up.last ?? 0)")
    }
  }
}

/// RadioUNet's first U (Levie, Yapar, Kutyniok, Caire 2021) across stations (eq. 34): a channel for each known station, one for
/// the place of the station that is asked for. Names are RadioUNet's.
final class CrossUNet {
  /// RadioUNet's layers on the way down: width, kernel, and what a max pool divides by.
  static let down: [(name: String, width: Int, kernel: Int, factor: Int)] = [
    ("layer00", 10, 3, 1), ("layer0", 40, 5, 2), ("layer1", 50, 5, 2), ("layer10", 60, 5, 1), ("layer2", 100, 5, 2),
    ("layer20", 100, 3, 1), ("layer3", 150, 5, 2), ("layer4", 300, 5, 2), ("layer5", 500, 5, 2),
  ]
  /// On the way up: width, kernel, and what a transposed convolution multiplies by.
  static let up: [(name: String, width: Int, kernel: Int, factor: Int)] = [
    ("conv_up5", 300, 4, 2), ("conv_up4", 150, 4, 2), ("conv_up3", 100, 4, 2), ("conv_up20", 100, 3, 1),
    ("conv_up2", 60, 6, 2), ("conv_up10", 50, 5, 1), ("conv_up1", 40, 6, 2), ("conv_up0", 20, 6, 2),
    ("conv_up00", 20, 5, 1), ("conv_up000", 1, 5, 1),
  ]

  /// A layer on the way up.
  private enum Step {
    case same(Convolution)
    case twice(TransposedConvolution)

    var layer: any Layer {
      switch self {
      case .same(let convolution): convolution
      case .twice(let convolution): convolution
      }
    }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      switch self {
      case .same(let convolution): convolution(x, tape)
      case .twice(let convolution): convolution(x, tape)
      }
    }
  }

  let configuration: CrossUNetConfiguration
  private let downs: [Convolution], ups: [Step]
  /// The weights and, where trained, gradients; empty for the structure alone.
  let arena: ParameterArena

  /// Channels that enter.
  private var inputs: Int { configuration.sources + 1 }

  /// - Parameters:
  ///   - configuration: a valid structure.
  ///   - isTrained: whether gradients are needed; nil for the structure alone.
  init(_ configuration: CrossUNetConfiguration, isTrained: Bool?) {
    self.configuration = configuration
    let inputs = configuration.sources + 1, down = configuration.down, up = configuration.up
    downs = down.indices.map {
      Convolution("\(Self.down[$0].name).0", $0 == 0 ? inputs : down[$0 - 1], down[$0], kernel: Self.down[$0].kernel)
    }
    ups = up.indices.map { place in
      let (name, _, kernel, factor) = Self.up[place]
      let skip = place > 0 ? down.dropLast().reversed().dropFirst(place - 1).first ?? 0 : 0
      let width = place == 0 ? down[8] : up[place - 1] + skip + (place >= 8 ? inputs : 0)
      return factor == 2
        ? .twice(TransposedConvolution("\(name).0", width, up[place], kernel: kernel))
        : .same(Convolution("\(name).0", width, up[place], kernel: kernel))
    }
    let layers = downs as [any Layer] + ups.map(\.layer)
    arena = ParameterArena(isTrained == nil ? [] : layers.parameters, isTrained: isTrained ?? false)
  }

  /// The map, not negative.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, sources + 1]`, H and W multiples of 64.
  ///   - tape: where it is recorded.
  /// - Returns: `[N, H, W, 1]`.
  func callAsFunction(_ input: Variable, _ tape: Tape) -> Variable {
    var x = input, skips: [Variable] = []
    for (place, layer) in downs.enumerated() {
      x = tape.rectify(layer(x, tape))
      if Self.down[place].factor == 2 { x = tape.maxPool(x) }
      skips.append(x)
    }
    skips.removeLast()
    for (place, layer) in ups.enumerated() {
      x = tape.rectify(layer(x, tape))
      if let skip = skips.popLast() { x = tape.concatenate(x, skip) }
      if place == 7 || place == 8 { x = tape.concatenate(x, input) }
    }
    return x
  }

  /// What one map costs.
  static func outline(_ configuration: CrossUNetConfiguration) -> NetworkOutline {
    let network = CrossUNet(configuration, isTrained: nil)
    var side = configuration.imageSize, down: [LayerCost] = [], up: [LayerCost] = []
    for (place, layer) in network.downs.enumerated() {
      down.append(layer.cost(over: [side, side]))
      side /= Self.down[place].factor
    }
    let deepest = side
    for (place, step) in network.ups.enumerated() {
      up.append(step.layer.cost(over: [side, side]))
      side *= Self.up[place].factor
    }
    return NetworkOutline(
      mapOf: configuration.imageSize,
      [
        ("Down", "9 convolutions, 6 max pools", configuration.down[8], configuration.imageSize, down),
        ("Up", "10 convolutions, 6 transposed", 1, deepest, up),
      ])
  }
}
