import Configuration
import Essentials
import NeuralNetworks
import Tensors

/// The structure of the encoder of known maps.
struct SourceEncoderConfiguration: ConfigurationSection, Equatable {
  /// Channels of each stage; the resolution is halved from one to the next.
  var widths = [40, 80, 160]
  /// Blocks of each stage.
  var depths = [2, 2, 6]
  /// Pixels on a side of the patches that enter.
  var patch = 2
  /// Rows and columns that maps are resampled to; null: as they are.
  var side: Int?
  /// How often a map's grey level enters; 3 for weights of pictures, whose mean and deviation it then gets.
  var channels = 1

  static var fields: [ConfigurationField<Self>] {
    [
      .integers("widths", \.widths, in: 1...4096, count: 1...8, "channels of each stage"),
      .integers("depths", \.depths, in: 1...64, count: 1...8, "blocks of each stage"),
      .integer("patch", \.patch, in: 1...16, "pixels on a side of the patches that enter"),
      .integer("side", \.side, in: 8...4096, "rows and columns that maps are resampled to; null: as they are"),
      .integer("channels", \.channels, in: 1...3, "how often a map's grey level enters; 3 for weights of pictures"),
    ]
  }

  /// What the sides of a map are multiples of.
  var step: Int { patch << (widths.count - 1) }
  /// Channels of a token.
  var tokenWidth: Int { widths[widths.count - 1] }

  func validate(_ places: ConfigurationPlaces) throws {
    guard widths.count == depths.count else {
      throw Fault(
        "every stage has a width and a depth", at: places["depths"], expected: "\(widths.count) of them",
        found: "\(depths.count)")
    }
    if let side, side % step != 0 {
      throw Fault(
        "the network cannot divide its maps", at: places["side"], expected: "a multiple of \(step)", found: "\(side)")
    }
  }
}

/// ConvNeXt V2 (Woo et al., CVPR 2023): tokens of a known map. Names and order are those of timm's `convnextv2_tiny`, without
/// `head.fc`.
struct SourceEncoder {
  /// Depthwise 7×7, layer norm, to four times as many channels, GELU, global response norm, and back.
  struct Block {
    let depthwise: DepthwiseConvolution, norm: LayerNorm, expansion: Linear, response: GlobalResponseNorm
    let projection: Linear

    init(_ name: String, _ channels: Int) {
      depthwise = DepthwiseConvolution("\(name).conv_dw", channels, kernel: 7)
      norm = LayerNorm("\(name).norm", channels, epsilon: 1e-6)
      expansion = Linear("\(name).mlp.fc1", channels, 4 * channels)
      response = GlobalResponseNorm("\(name).mlp.grn", 4 * channels)
      projection = Linear("\(name).mlp.fc2", 4 * channels, channels)
    }

    var layers: [any Layer] { [depthwise, norm, expansion, response, projection] }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      let y = tape.gelu(expansion(norm(depthwise(x, tape), tape), tape))
      return tape.add(x, projection(response(y, tape), tape))
    }
  }

  /// Blocks at one resolution, and what leads to it.
  struct Stage {
    let norm: LayerNorm?, down: PatchConvolution?, blocks: [Block]
  }

  let configuration: SourceEncoderConfiguration
  let stem: PatchConvolution, stemNorm: LayerNorm, stages: [Stage], head: LayerNorm

  private let seesPlaces: Bool

  /// - Parameters:
  ///   - configuration: a valid structure.
  ///   - seesPlaces: whether each map comes with a plane of distances from its station.
  ///   - prefix: stands before all names: "encoder.".
  init(_ configuration: SourceEncoderConfiguration, seesPlaces: Bool = false, prefix: String = "") {
    (self.configuration, self.seesPlaces) = (configuration, seesPlaces)
    let widths = configuration.widths
    stem = PatchConvolution(
      "\(prefix)stem.0", configuration.channels + (seesPlaces ? 1 : 0), widths[0],
      PatchGrid(kernel: configuration.patch, stride: configuration.patch))
    stemNorm = LayerNorm("\(prefix)stem.1", widths[0], epsilon: 1e-6)
    stages = widths.indices.map { level in
      let name = "\(prefix)stages.\(level)", isFirst = level == 0
      return Stage(
        norm: isFirst ? nil : LayerNorm("\(name).downsample.0", widths[level - 1], epsilon: 1e-6),
        down: isFirst
          ? nil
          : PatchConvolution(
            "\(name).downsample.1", widths[level - 1], widths[level], PatchGrid(kernel: 2, stride: 2)),
        blocks: (0..<configuration.depths[level]).map { Block("\(name).blocks.\($0)", widths[level]) })
    }
    head = LayerNorm("\(prefix)head.norm", configuration.tokenWidth, epsilon: 1e-6)
  }

  /// In PyTorch's order.
  var layers: [any Layer] {
    [stem, stemNorm]
      + stages.flatMap { stage -> [any Layer] in
        (stage.norm.map { [$0] } ?? []) + (stage.down.map { [$0] } ?? []) + stage.blocks.flatMap(\.layers)
      } + [head]
  }

  /// Maps `[N, H, W, channels]` to tokens `[N, L, tokenWidth]`.
  func callAsFunction(_ maps: Variable, _ tape: Tape) -> Variable {
    var x = stemNorm(stem(maps, tape), tape)
    for stage in stages {
      if let norm = stage.norm, let down = stage.down { x = down(norm(x, tape), tape) }
      for block in stage.blocks { x = block(x, tape) }
    }
    let shape = x.value.shape  // [N, h, w, tokenWidth]
    return head(tape.reshape(x, [shape[0], shape[1] * shape[2], shape[3]]), tape)
  }

  /// Mean and deviation of pictures, which public weights are used to.
  private static let pictures: [(mean: Float, deviation: Float)] = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]

  /// What the network reads of grey levels 0 to 1.
  ///
  /// - Parameters:
  ///   - maps: `[N, H, W, 1]`.
  ///   - stations: where each map's station stands (row, column) [pixels]; looked at where the network sees places.
  ///   - engine: threads and buffers.
  /// - Returns: `[N, side, side, channels]`, behind them the plane of distances where the network sees places.
  func input(_ maps: Tensor, stations: [SIMD2<Double>] = [], _ engine: Engine) -> Tensor {
    let resized = configuration.side.map { resample(maps, to: $0, engine) } ?? maps
    let channels = configuration.channels, pixels = resized.pixelsPerSample
    guard channels > 1 || seesPlaces else { return resized }
    let wide = engine.tensor(resized.shape.dropLast() + [channels + (seesPlaces ? 1 : 0)])
    engine.threads.run(maps.batch) { n, _ in
      let from = resized.sample(n), to = wide.sample(n)
      for place in 0..<pixels {
        for channel in 0..<channels {
          let grey = from[place * resized.stride], picture = Self.pictures[channel]
          to[place * wide.stride + channel] = channels == 1 ? grey : (grey - picture.mean) / picture.deviation
        }
      }
      guard seesPlaces else { return }
      let plane = nearness(
        to: stations[n], rows: wide.shape[1], columns: wide.shape[2],
        pixel: Double(maps.shape[1]) / Double(wide.shape[1]), reach: Double(max(maps.shape[1], maps.shape[2])))
      for (place, value) in plane.enumerated() { to[place * wide.stride + channels] = value }
    }
    return wide
  }

  /// Bicubic resampling with a = -0.75, half-pixel centres, edges repeated, and no smoothing.
  private func resample(_ maps: Tensor, to side: Int, _ engine: Engine) -> Tensor {
    let (height, width) = (maps.shape[1], maps.shape[2])
    guard height != side || width != side else { return maps }
    let rows = Self.taps(height, side), columns = Self.taps(width, side)
    let out = engine.tensor([maps.batch, side, side, maps.channels])
    engine.threads.run(maps.batch * side) { job, _ in
      let n = job / side, row = job % side
      for column in 0..<side {
        for channel in 0..<maps.channels {
          var sum: Float = 0
          for (y, down) in rows[row] {
            for (x, across) in columns[column] {
              sum += down * across * maps.sample(n)[(y * width + x) * maps.stride + channel]
            }
          }
          out.sample(n)[(row * side + column) * out.stride + channel] = sum
        }
      }
    }
    return out
  }

  /// For each new place the old ones that it is a sum of, with their weights (Keys 1981).
  private static func taps(_ from: Int, _ to: Int) -> [[(place: Int, weight: Float)]] {
    func kernel(_ x: Double) -> Double {
      let a = -0.75, x = abs(x)
      if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0
    }
    return (0..<to).map { place in
      let centre = (Double(place) + 0.5) * Double(from) / Double(to) - 0.5, first = Int(centre.rounded(.down))
      return (first - 1...first + 2).map {
        (min(max($0, 0), from - 1), Float(kernel(centre - Double($0))))
      }
    }
  }

  /// Rows or columns of tokens of a map.
  func tokenSide(_ size: Int) -> Int { (configuration.side ?? size) / configuration.step }

  /// What one map costs, stage by stage.
  func costs(_ size: Int) -> [LayerCost] {
    var side = configuration.side ?? size
    var costs = [stem.cost(over: [side, side])]
    side /= configuration.patch
    costs.append(stemNorm.cost(over: [side, side]))
    for stage in stages {
      if let norm = stage.norm, let down = stage.down {
        costs += ([norm, down] as [any Layer]).costs(side)
        side /= 2
      }
      costs += stage.blocks.flatMap(\.layers).costs(side)
    }
    return costs + [head.cost(over: [side, side])]
  }
}
