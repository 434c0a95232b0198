import Configuration
import NeuralNetworks
import Tensors

/// The optimiser and its steps.
public struct TrainingSection: ConfigurationSection, Equatable {
  /// Which rule turns gradients into steps.
  public enum OptimiserChoice: String, CaseIterable, Sendable {
    /// Kingma and Ba 2015.
    case adam
    /// Loshchilov and Hutter 2019: decoupled weight decay.
    case adamw
    /// Jordan et al. 2024: matrices by orthogonalised momentum, the rest by Adam.
    case muon
    /// Gradient descent with momentum.
    case sgd
  }
  /// What the learning rate does after warm-up.
  public enum Decay: String, CaseIterable, Sendable {
    /// Stays.
    case constant
    /// Falls to `final_learning_rate` along half a cosine.
    case cosine
  }
  /// How gradients are summed over the ranks.
  public enum Reducer: String, CaseIterable, Sendable {
    /// In shared memory where all ranks are on one node that has room, overlapped elsewhere.
    case automatic
    /// By messages, while backward goes on.
    case overlapped
    /// After backward has ended: the same sums, bit for bit.
    case naive
    /// In memory that the ranks share; all on one node.
    case shared
  }

  /// Steps of the whole run.
  public var steps = 20_000
  /// Samples of a step over all ranks.
  public var batch = 8
  /// Samples that a rank has in flight; gradients of more are accumulated. 0 for all of its share.
  public var microbatch = 0
  /// How often an epoch visits each map of the data sets, in their order; empty: once.
  public var repeats: [Int] = []
  /// Which rule.
  public var optimiser = OptimiserChoice.adam
  /// Step size after warm-up.
  public var learningRate = 5e-4
  /// Where a cosine ends.
  public var finalLearningRate = 0.0
  /// Steps over which the rate grows linearly from 0.
  public var warmUp = 500
  /// What the rate does then.
  public var decay = Decay.cosine
  /// Decay of Adam's first moment.
  public var beta1 = 0.9
  /// Decay of Adam's second moment.
  public var beta2 = 0.999
  /// Decay of the momentum of Muon and SGD.
  public var momentum = 0.95
  /// Weight decay of AdamW, Muon (decoupled) and SGD.
  public var weightDecay = 1e-2
  /// Gradients of a greater norm are scaled down to it; 0 for none.
  public var clipNorm = 1.0
  /// Gradients of a greater norm than this over the learning rate are scaled down to it (Kim et al. 2016, adjustable
  /// clipping); 0 for none.
  public var clipStep = 0.0
  /// Decay of the weights' average.
  public var averageDecay = 0.9999
  /// The step at which averaging starts; until then the average equals the weights.
  public var averageStart = 0
  /// Whether the n-th average decays by min(decay, (1 + n) / (10 + n)).
  public var averageRamp = true
  /// Steps between lines of the metrics log.
  public var logEvery = 1
  /// How gradients are summed over the ranks.
  public var reducer = Reducer.automatic
  /// A bucket of gradients has at least so many MiB.
  public var bucketMiB = 8.0
  /// How convolutions may be computed.
  public var convolution = ConvolutionChoice.automatic

  /// Adam at 5e-4 over a cosine of 20,000 steps of 8.
  public init() {}

  /// The keys of the section `training`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("steps", \.steps, in: 1...1_000_000_000, "steps of the whole run").tagged(.resumption),
      .integer("batch", \.batch, in: 1...1_048_576, "global batch: samples of a step over all ranks"),
      .integer("microbatch", \.microbatch, in: 0...1_048_576, "samples a rank has in flight; 0: its whole share")
        .tagged(.resumption),
      .integers(
        "repeats", \.repeats, in: 1...1000, count: 0...1024,
        "visits an epoch to each data set's maps, in the order of the data sets; []: one"),
      .choice("optimiser", \.optimiser, "rule that turns gradients into steps"),
      .number("learning_rate", \.learningRate, in: 0...10, "step size after warm-up").tagged(.resumption),
      .number("final_learning_rate", \.finalLearningRate, in: 0...10, "where a cosine ends").tagged(.resumption),
      .integer("warm_up", \.warmUp, in: 0...1_000_000_000, "steps over which the rate grows from 0"),
      .choice("decay", \.decay, "what the rate does after warm-up"),
      .number("beta1", \.beta1, in: 0...0.999999, "decay of Adam's first moment"),
      .number("beta2", \.beta2, in: 0...0.999999, "decay of Adam's second moment"),
      .number("momentum", \.momentum, in: 0...0.999999, "decay of the momentum of Muon and SGD"),
      .number("weight_decay", \.weightDecay, in: 0...10, "weight decay of AdamW, Muon and SGD"),
      .number("clip_norm", \.clipNorm, in: 0...1e9, "largest norm of the gradient; 0: any"),
      .number("clip_step", \.clipStep, in: 0...1e9, "largest norm of the gradient times the learning rate; 0: any"),
      .number("average_decay", \.averageDecay, in: 0...0.9999999, "decay of the weights' average (EMA)"),
      .integer("average_start", \.averageStart, in: 0...1_000_000_000, "step at which averaging starts"),
      .flag("average_ramp", \.averageRamp, "decay by at most (1 + n) / (10 + n) at the n-th average"),
      .integer("log_every", \.logEvery, in: 1...1_000_000_000, "steps between lines of metrics.jsonl").tagged(
        .resumption),
      .choice("reducer", \.reducer, "how gradients are summed over the ranks").tagged(.resumption),
      .number("bucket_mib", \.bucketMiB, in: 0.001...4096, "least size of a bucket of gradients, MiB"),
      .choice("convolution", \.convolution, "how convolutions may be computed: gathered is slower, to compare with"),
    ]
  }

  /// The optimiser's numbers.
  public var rule: Optimiser.Rule {
    var rule = Optimiser.Rule()
    rule.kind =
      switch optimiser {
      case .adam, .adamw: .adam
      case .muon: .muon
      case .sgd: .descent
      }
    rule.momentum = momentum
    rule.beta1 = beta1
    rule.beta2 = beta2
    rule.weightDecay = optimiser == .adam ? 0 : weightDecay
    return rule
  }

  /// The learning rate of a step, from 0.
  public func rate(at step: Int) -> Double {
    if step < warmUp { return learningRate * Double(step + 1) / Double(warmUp) }
    guard decay == .cosine, steps > warmUp else { return learningRate }
    let share = min(1, Double(step - warmUp) / Double(steps - warmUp))
    return finalLearningRate + (learningRate - finalLearningRate) * (1 + Self.cosine(share)) / 2
  }

  /// The largest norm of the gradient at a step, from 0; 0: any.
  public func clipNorm(at step: Int) -> Double {
    let adjusted = clipStep / max(rate(at: step), .leastNormalMagnitude)
    guard clipStep > 0, clipNorm > 0 else { return max(clipNorm, adjusted) }
    return min(clipNorm, adjusted)
  }

  /// The average's decay after a player's step, from 0; nil before averaging starts.
  public func averageDecay(after step: Int) -> Double? {
    guard step >= averageStart else { return nil }
    let n = Double(step - averageStart)
    return averageRamp ? min(averageDecay, (1 + n) / (10 + n)) : averageDecay
  }

  /// cos(pi x) for x in 0...1 by its series: the same bits on every node, which a libm does not promise.
  private static func cosine(_ x: Double) -> Double {
    let angle = (x <= 0.5 ? x : 1 - x) * Double.pi
    var term = 1.0, sum = 1.0
    for n in 1...10 {
      term *= -angle * angle / Double((2 * n - 1) * (2 * n))
      sum += term
    }
    return x <= 0.5 ? sum : -sum
  }
}
