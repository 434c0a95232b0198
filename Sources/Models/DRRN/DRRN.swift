import Configuration
import NeuralNetworks
import Tensors

/// The structure of a deep recursive residual network.
struct DRRNConfiguration: RefinementStructure {
  /// Rows and columns of the fine maps or windows that it is trained on.
  var imageSize = 128
  /// Channels of all layers between the first and the last.
  var filters = 128
  /// B, recursive blocks one after the other.
  var blocks = 1
  /// U, residual units of a block, all with the same weights.
  var units = 25

  static var fields: [ConfigurationField<Self>] {
    [
      .integer("image_size", \.imageSize, in: 8...4096, "rows and columns of the fine maps or windows, pixels"),
      .integer("filters", \.filters, in: 1...1024, "channels between the first and the last layer"),
      .integer("blocks", \.blocks, in: 1...64, "B, recursive blocks"),
      .integer("units", \.units, in: 1...256, "U, residual units of a block, all with the same weights"),
    ]
  }

  var step: Int { 1 }
}

/// The deep recursive residual network of Tai, Yang and Liu 2017 without batch norm: what it adds to the interpolated map,
///
///     h = entry(relu(x))
///     U times: u = entry(relu(x)) + second(relu(first(relu(u)))), with the same weights each time
///     y = x + exit(relu(u))
///
/// The first rectifier sees the map itself, of which nothing below 0 passes.
final class DRRN {
  /// A recursive block.
  struct Block {
    let entry: Convolution, first: Convolution, second: Convolution

    init(_ name: String, _ input: Int, _ filters: Int) {
      func layer(_ part: String, _ input: Int) -> Convolution {
        Convolution("\(name).\(part)", input, filters, kernel: 3, hasBias: false)
      }
      (entry, first, second) = (layer("entry", input), layer("first", filters), layer("second", filters))
    }

    var layers: [Convolution] { [entry, first, second] }

    func callAsFunction(_ x: Variable, units: Int, _ tape: Tape) -> Variable {
      let start = entry(tape.rectify(x), tape)  // [N, H, W, filters]
      var h = start
      for _ in 0..<units { h = second(tape.rectify(first(tape.rectify(h), tape)), tape, residual: start) }
      return h
    }
  }

  let configuration: DRRNConfiguration
  let blocks: [Block]
  let exit: Convolution
  /// The weights and, where trained, gradients.
  let arena: ParameterArena

  init(_ configuration: DRRNConfiguration, isTrained: Bool) {
    self.configuration = configuration
    (blocks, exit) = Self.layers(configuration)
    let layers = blocks.flatMap(\.layers) + [exit]
    arena = ParameterArena(layers.flatMap(\.parameters), isTrained: isTrained)
  }

  private static func layers(_ configuration: DRRNConfiguration) -> ([Block], Convolution) {
    let filters = configuration.filters
    return (
      (0..<configuration.blocks).map { Block("blocks.\($0)", $0 == 0 ? 1 : filters, filters) },
      Convolution("exit", filters, 1, kernel: 3, hasBias: false)
    )
  }

  /// The last layer 0, so that training starts at the interpolation; the others by He's rule.
  func initialise(seed: UInt64) throws {
    try Initialisation.he.apply(to: arena, seed: seed)
    exit.weight.value?.base.update(repeating: 0, count: exit.weight.count)
  }

  /// The fine maps, `[N, H, W, 1]`, of interpolated ones, the same shape.
  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let h = blocks.reduce(x) { $1($0, units: configuration.units, tape) }
    return exit(tape.rectify(h), tape, residual: x)
  }

  /// Shared weights count once, their products as often as they are used.
  static func outline(_ configuration: DRRNConfiguration) -> NetworkOutline {
    let size = configuration.imageSize, (blocks, exit) = layers(configuration)
    func cost(_ layer: Convolution, uses: Int = 1) -> LayerCost {
      var cost = layer.cost(over: [size, size])
      cost.multiplyAccumulates = Counting.product([cost.multiplyAccumulates, uses])
      return cost
    }
    let units = configuration.units
    return NetworkOutline(
      mapOf: size,
      blocks.enumerated().map { place, block in
        (
          "Block \(place + 1)", "entry, \(units) units", configuration.filters, size,
          [cost(block.entry), cost(block.first, uses: units), cost(block.second, uses: units)]
        )
      } + [("Exit", "convolution", 1, size, [cost(exit)])])
  }
}
