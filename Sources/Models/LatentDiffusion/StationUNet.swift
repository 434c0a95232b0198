import Configuration
import Essentials
import Foundation
import NeuralNetworks
import Tensors

/// The structure of the network across stations.
struct StationUNetConfiguration: ConfigurationSection, Equatable {
  /// Rows and columns of the maps.
  var imageSize = 64
  /// Channels of each resolution of the latent, finest first.
  var widths = [64, 128, 192]
  /// Where tokens attend to each other: 1 for each resolution that does, 0 for others; the middle always does.
  var attention = [0, 1, 1]
  /// Residual blocks of a resolution on the way down; one more on the way up.
  var layers = 1
  /// Heads of an attention.
  var heads = 4
  /// Groups of a group norm; a layer of C channels uses gcd(groups, C).
  var groups = 16
  /// How it is told where stations stand.
  var code = StationCode.polar
  /// Whether targets of a scene see each other.
  var seesTargets = true
  /// Whether each target's latent, and each source's map, come with a plane of distances from the station: what the paper's network
  /// has to learn from angles alone.
  var seesPlaces = false

  static var fields: [ConfigurationField<Self>] {
    [
      .integer("image_size", \.imageSize, in: 8...4096, "rows and columns of the maps, pixels"),
      .integers("widths", \.widths, in: 4...4096, count: 1...8, "channels of each resolution, finest first"),
      .integers("attention", \.attention, in: 0...1, count: 1...8, "1 for each resolution whose tokens attend"),
      .integer("layers", \.layers, in: 1...8, "residual blocks of a resolution; one more on the way up"),
      .integer("heads", \.heads, in: 1...64, "heads of an attention"),
      .integer("groups", \.groups, in: 1...1024, "groups of a group norm, at most"),
      .choice("code", \.code, "how it is told where stations stand"),
      .flag("sees_targets", \.seesTargets, "whether targets of a scene see each other"),
      .flag("sees_places", \.seesPlaces, "whether latents and sources come with distances from their station"),
    ]
  }

  func validate(_ places: ConfigurationPlaces) throws {
    guard attention.count == widths.count else {
      throw Fault(
        "every resolution attends or does not", at: places["attention"], expected: "\(widths.count) of 0 and 1",
        found: "\(attention.count)")
    }
    let attending = zip(widths, attention).filter { $0.1 == 1 }.map(\.0) + [widths[widths.count - 1]]
    guard let odd = attending.first(where: { $0 % (4 * heads) != 0 }) else { return }
    throw Fault(
      "heads turn in blocks of four channels", at: places["heads"],
      expected: "a number whose fourfold divides \(odd)", found: "\(heads)")
  }
}

/// How near each pixel of a grid is to a place: 1 there, 0 a whole area away, even in the logarithm of the distance.
///
/// - Parameters:
///   - place: (row, column) [pixels of the map].
///   - rows: rows of the grid.
///   - columns: columns of the grid.
///   - pixel: pixels of the map on a side of one of the grid.
///   - reach: pixels of the map on a side.
func nearness(to place: SIMD2<Double>, rows: Int, columns: Int, pixel: Double, reach: Double) -> [Float] {
  (0..<rows * columns).map { index in
    let y = (Double(index / columns) + 0.5) * pixel - 0.5, x = (Double(index % columns) + 0.5) * pixel - 0.5
    return Float(1 - log1p(hypot(y - place.x, x - place.y)) / log1p(reach))
  }
}

/// BS-1-to-N's U-Net over the latents of all targets of a scene. Names and order are those of diffusers' `UNet2DConditionModel`,
/// whose weights (Stable Diffusion 1.5's) it takes without a parameter more.
struct StationUNet {
  /// Residual blocks at one resolution, each with a transformer where the resolution has them, and what leads to the next.
  struct Stage {
    let blocks: [LatentResidual], transformers: [StationTransformer]
    let down: Convolution?, up: LatentUpsampling?

    var layers: [any Layer] {
      transformers.flatMap(\.layers) + blocks.flatMap(\.layers) + (down.map { [$0] } ?? [])
        + (up.map { [$0.convolution] } ?? [])
    }
  }

  let configuration: StationUNetConfiguration, latent: Int
  let entry: Convolution, firstTime: Linear, secondTime: Linear
  let downs: [Stage], ups: [Stage], middle: Stage
  let norm: GroupNorm, exit: Convolution

  /// - Parameters:
  ///   - configuration: a valid structure.
  ///   - latent: channels of the latent.
  ///   - context: channels of the sources' tokens.
  ///   - prefix: stands before all names: "unet.".
  init(_ configuration: StationUNetConfiguration, latent: Int, context: Int, prefix: String = "") {
    (self.configuration, self.latent) = (configuration, latent)
    let widths = configuration.widths, time = 4 * widths[0], groups = configuration.groups
    func block(_ name: String, _ input: Int, _ output: Int) -> LatentResidual {
      LatentResidual(name, input, output, groups: groups, epsilon: 1e-5, time: time)
    }
    func transformers(_ stage: String, _ level: Int, _ count: Int) -> [StationTransformer] {
      configuration.attention[level] == 0
        ? []
        : (0..<count).map {
          StationTransformer("\(stage).attentions.\($0)", widths[level], context: context, configuration)
        }
    }
    entry = Convolution(
      "\(prefix)conv_in", latent + (configuration.seesPlaces ? 1 : 0), widths[0], kernel: 3)
    firstTime = Linear("\(prefix)time_embedding.linear_1", widths[0], time)
    secondTime = Linear("\(prefix)time_embedding.linear_2", time, time)
    let last = widths.count - 1
    var width = widths[0], skips = [widths[0]], downs: [Stage] = []
    for level in widths.indices {
      let name = "\(prefix)down_blocks.\(level)", count = configuration.layers
      let blocks = (0..<count).map { block("\(name).resnets.\($0)", $0 == 0 ? width : widths[level], widths[level]) }
      width = widths[level]
      skips += [Int](repeating: width, count: count + (level < last ? 1 : 0))
      downs.append(
        Stage(
          blocks: blocks, transformers: transformers(name, level, count),
          down: level < last
            ? Convolution("\(name).downsamplers.0.conv", width, width, kernel: 3, stride: 2) : nil, up: nil))
    }
    self.downs = downs
    ups = widths.indices.reversed().enumerated().map { place, level in
      let name = "\(prefix)up_blocks.\(place)", count = configuration.layers + 1
      let blocks = (0..<count).map { number in
        let input = width + skips.removeLast()
        width = widths[level]
        return block("\(name).resnets.\(number)", input, width)
      }
      return Stage(
        blocks: blocks, transformers: transformers(name, level, count), down: nil,
        up: level > 0 ? LatentUpsampling("\(name).upsamplers.0", width) : nil)
    }
    let deepest = widths[last], name = "\(prefix)mid_block"
    middle = Stage(
      blocks: (0..<2).map { block("\(name).resnets.\($0)", deepest, deepest) },
      transformers: [StationTransformer("\(name).attentions.0", deepest, context: context, configuration)], down: nil,
      up: nil)
    norm = GroupNorm("\(prefix)conv_norm_out", widths[0], groups: groups, swish: true)
    exit = Convolution("\(prefix)conv_out", widths[0], latent, kernel: 3)
  }

  /// All of them.
  var layers: [any Layer] {
    [entry, firstTime, secondTime] + downs.flatMap(\.layers) + ups.flatMap(\.layers) + middle.layers + [norm, exit]
  }

  /// Swish of the time embedding, `[N, 4 widths[0]]`; cosines first.
  private func embed(_ times: [Float], _ tape: Tape) -> Variable {
    let half = configuration.widths[0] / 2, waves = tape.engine.tensor([times.count, 2 * half])
    for (n, time) in times.enumerated() {
      for i in 0..<half {
        let angle = Double(time) * exp(-log(10000.0) * Double(i) / Double(half))
        waves.sample(n)[i] = Float(cos(angle))
        waves.sample(n)[half + i] = Float(sin(angle))
      }
    }
    let hidden = tape.swish(firstTime(tape.constant(waves), tape))
    return tape.swish(secondTime(hidden, tape))
  }

  /// The network's answer.
  ///
  /// - Parameters:
  ///   - x: noisy latents of all targets, `[B N_t, h, w, latent]`, scene after scene.
  ///   - times: of each scene, counted from 0.
  ///   - around: the sources, and where all stand.
  ///   - tape: where it is recorded.
  /// - Returns: like `x`.
  func callAsFunction(_ x: Variable, times: [Float], _ around: StationSurroundings, _ tape: Tape) -> Variable {
    let each = around.targetCount
    let embedding = embed(times.flatMap { [Float](repeating: $0, count: each) }, tape)
    func run(_ stage: Stage, _ place: Int, _ x: Variable) -> Variable {
      let y = stage.blocks[place](x, embedding: embedding, tape)
      return place < stage.transformers.count ? stage.transformers[place](y, around, tape) : y
    }
    let seen = configuration.seesPlaces ? tape.concatenate(x, distances(x.value.shape, around, tape)) : x
    var x = entry(seen, tape), skips = [x]
    for stage in downs {
      for place in stage.blocks.indices {
        x = run(stage, place, x)
        skips.append(x)
      }
      if let down = stage.down {
        x = down(x, tape)
        skips.append(x)
      }
    }
    x = run(middle, 1, run(middle, 0, x))
    for stage in ups {
      for place in stage.blocks.indices { x = run(stage, place, tape.concatenate(x, skips.removeLast())) }
      if let up = stage.up { x = up(x, tape) }
    }
    return exit(norm(x, tape), tape)
  }

  /// Nearness of each pixel of each latent to its station, `[B N_t, h, w, 1]`.
  private func distances(_ shape: [Int], _ around: StationSurroundings, _ tape: Tape) -> Variable {
    let factor = Double(around.rows) / Double(shape[1])
    let planes = around.targets.joined().flatMap { place in
      nearness(
        to: place, rows: shape[1], columns: shape[2], pixel: factor, reach: Double(max(around.rows, around.columns)))
    }
    return tape.constant(tape.engine.tensor(shape.dropLast() + [1], planes))
  }

  /// What one target costs, stage by stage.
  ///
  /// - Parameters:
  ///   - side: rows or columns of its latent.
  ///   - tokens: tokens of the sources for each target.
  func costs(_ side: Int, tokens: Int) -> [(label: String, side: Int, channels: Int, layers: [LayerCost])] {
    func cost(_ stage: Stage, _ side: Int) -> [LayerCost] {
      var costs: [LayerCost] = []
      for block in stage.blocks {
        costs += block.layers.map { $0.name == block.time?.name ? $0.cost(over: []) : $0.cost(over: [side, side]) }
      }
      for transformer in stage.transformers { costs += transformer.costs(side, tokens: tokens) }
      if let down = stage.down { costs.append(down.cost(over: [side, side])) }
      if let up = stage.up { costs.append(up.convolution.cost(over: [2 * side, 2 * side])) }
      return costs
    }
    let widths = configuration.widths, last = widths.count - 1
    let time = [firstTime, secondTime].map { $0.cost(over: []) }
    var stages: [(label: String, side: Int, channels: Int, layers: [LayerCost])] = [
      ("Entry", side, widths[0], time + [entry.cost(over: [side, side])])
    ]
    for level in widths.indices {
      stages.append(("Down \(level + 1)", side >> level, widths[level], cost(downs[level], side >> level)))
    }
    stages.append(("Middle", side >> last, widths[last], cost(middle, side >> last)))
    for place in widths.indices {
      let level = last - place
      stages.append(("Up \(place + 1)", side >> level, widths[level], cost(ups[place], side >> level)))
    }
    stages.append(("Exit", side, latent, ([norm, exit] as [any Layer]).costs(side)))
    return stages
  }
}
