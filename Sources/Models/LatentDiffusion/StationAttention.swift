import NeuralNetworks
import Tensors

/// What every attention of the network across stations sees beside its queries.
struct StationSurroundings {
  /// Tokens of the sources, `[B, N_s L_s, context]`.
  let tokens: Variable
  /// Where the targets stand, `[B][N_t]`, (row, column) [pixels].
  let targets: [[SIMD2<Double>]]
  /// Where the sources stand, `[B][N_s]`.
  let sources: [[SIMD2<Double>]]
  /// Rows of the area.
  let rows: Int
  /// Columns of the area.
  let columns: Int

  /// Scenes.
  var scenes: Int { targets.count }
  /// Targets of each.
  var targetCount: Int { targets[0].count }
}

/// diffusers' transformer at one resolution: tokens of all targets of a scene see each other, then those of all sources.
struct StationTransformer {
  /// Multi-head attention; queries, keys and values without biases.
  struct Attention {
    let queries: Linear, keys: Linear, values: Linear, out: Linear, heads: Int

    init(_ name: String, _ width: Int, context: Int, heads: Int) {
      queries = Linear("\(name).to_q", width, width, hasBias: false)
      keys = Linear("\(name).to_k", context, width, hasBias: false)
      values = Linear("\(name).to_v", context, width, hasBias: false)
      out = Linear("\(name).to_out.0", width, width)
      self.heads = heads
    }

    var layers: [any Layer] { [queries, keys, values, out] }

    /// - Parameters:
    ///   - x: tokens that ask, `[B, n, width]`.
    ///   - y: tokens that are seen, `[B, m, context]`.
    ///   - turns: angles of both, `[B][stations][pairs of a head]`; nil: nothing is turned.
    ///   - tape: where it is recorded.
    func callAsFunction(
      _ x: Variable, _ y: Variable, turns: (x: [[[Double]]], y: [[[Double]]])?, _ tape: Tape
    ) -> Variable {
      var (q, k) = (queries(x, tape), keys(y, tape))
      if let turns {
        q = tape.rotate(q, angles: turns.x, heads: heads)
        k = tape.rotate(k, angles: turns.y, heads: heads)
      }
      return out(tape.attention(queries: q, keys: k, values: values(y, tape), heads: heads), tape)
    }
  }

  let norm: GroupNorm, entry: Convolution
  let selfNorm: LayerNorm, selfAttention: Attention
  let crossNorm: LayerNorm, crossAttention: Attention
  let gateNorm: LayerNorm, gate: Linear, projection: Linear
  let exit: Convolution
  private let configuration: StationUNetConfiguration, width: Int

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - width: channels.
  ///   - context: channels of the sources' tokens.
  ///   - configuration: heads, groups, code.
  init(_ name: String, _ width: Int, context: Int, _ configuration: StationUNetConfiguration) {
    (self.configuration, self.width) = (configuration, width)
    let block = "\(name).transformer_blocks.0", heads = configuration.heads
    norm = GroupNorm("\(name).norm", width, groups: configuration.groups, swish: false, epsilon: 1e-6)
    entry = Convolution("\(name).proj_in", width, width, kernel: 1)
    selfNorm = LayerNorm("\(block).norm1", width)
    selfAttention = Attention("\(block).attn1", width, context: width, heads: heads)
    crossNorm = LayerNorm("\(block).norm2", width)
    crossAttention = Attention("\(block).attn2", width, context: context, heads: heads)
    gateNorm = LayerNorm("\(block).norm3", width)
    gate = Linear("\(block).ff.net.0.proj", width, 8 * width)
    projection = Linear("\(block).ff.net.2", 4 * width, width)
    exit = Convolution("\(name).proj_out", width, width, kernel: 1)
  }

  /// In PyTorch's order.
  var layers: [any Layer] {
    [norm, entry, selfNorm] + selfAttention.layers + [crossNorm] + crossAttention.layers
      + [gateNorm, gate, projection, exit]
  }

  private func turns(_ places: [[SIMD2<Double>]], _ around: StationSurroundings) -> [[[Double]]] {
    places.map { scene in
      scene.map {
        configuration.code.pairAngles(
          $0, width: width / configuration.heads, rows: around.rows, columns: around.columns)
      }
    }
  }

  /// Maps of all targets, `[B N_t, h, w, width]`, to the same shape.
  func callAsFunction(_ x: Variable, _ around: StationSurroundings, _ tape: Tape) -> Variable {
    let shape = x.value.shape, places = shape[1] * shape[2]
    let together = [around.scenes, around.targetCount * places, width], apart = [shape[0], places, width]
    let isTurned = configuration.code != .none
    let targets = isTurned ? turns(around.targets, around) : [], sources = isTurned ? turns(around.sources, around) : []
    var y = tape.reshape(entry(norm(x, tape), tape), together)  // [B, N_t h w, width]
    var seen = selfNorm(y, tape)
    if configuration.seesTargets {
      seen = selfAttention(seen, seen, turns: isTurned ? (targets, targets) : nil, tape)
    } else {
      // Tokens of one station turn alike: what they agree on is what it was.
      seen = tape.reshape(seen, apart)
      seen = tape.reshape(selfAttention(seen, seen, turns: nil, tape), together)
    }
    y = tape.add(y, seen)
    y = tape.add(
      y,
      crossAttention(crossNorm(y, tape), around.tokens, turns: isTurned ? (targets, sources) : nil, tape))
    y = tape.add(y, projection(tape.geglu(gate(gateNorm(y, tape), tape)), tape))
    return exit(tape.reshape(y, shape), tape, residual: x)
  }

  /// What one target costs, products of queries with keys left out.
  ///
  /// - Parameters:
  ///   - side: rows or columns of its latent here.
  ///   - tokens: tokens of the sources for each target.
  func costs(_ side: Int, tokens: Int) -> [LayerCost] {
    let places = [side, side]
    return layers.map { layer in
      let isSource = layer.name == crossAttention.keys.name || layer.name == crossAttention.values.name
      return layer.cost(over: isSource ? [tokens] : places)
    }
  }
}
