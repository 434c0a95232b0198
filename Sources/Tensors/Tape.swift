import CKernels

/// A value on the tape, with the gradient that backward gathers for it.
public final class Variable {
  /// What was computed.
  public let value: Tensor
  /// Whether backward wants a gradient here.
  public let needsGradient: Bool
  /// d loss / d value, during backward.
  public private(set) var gradient: Tensor?

  init(_ value: Tensor, needsGradient: Bool) {
    self.value = value
    self.needsGradient = needsGradient
  }

  /// Where a kernel writes its share of the gradient; `accumulate` says whether to add.
  func gradientDestination(_ engine: Engine) -> (tensor: Tensor, accumulate: Bool) {
    if let gradient { return (gradient, true) }
    let fresh = engine.tensor(value.shape)
    gradient = fresh
    return (fresh, false)
  }

  /// Takes over a gradient that nobody else reads any more, or adds it.
  func receive(_ incoming: Tensor, _ engine: Engine) {
    guard let gradient else {
      self.gradient = incoming
      return
    }
    engine.blocks(gradient.pixels, of: rowsPerBlock(gradient.channels)) { range, _ in
      ck_copy_rows(
        gradient.base + range.lowerBound * gradient.stride, gradient.stride,
        incoming.base + range.lowerBound * incoming.stride, incoming.stride, range.count,
        gradient.channels, 1)
    }
  }

  func seed(_ tensor: Tensor) { gradient = tensor }
  func dropGradient() { gradient = nil }
}

/// Rows in a block of about 64 KiB: enough work for a job, few enough bytes for a cache.
func rowsPerBlock(_ channels: Int) -> Int { max(1, 16384 / max(1, channels)) }

/// Which samples a batch holds, so that dropout depends on them and not on the rank.
public struct DropoutKeys: Sendable {
  /// The run's seed.
  public var seed: UInt64
  /// The training step.
  public var step: Int
  /// Each sample's place in the global batch.
  public var samples: [Int]

  /// - Parameters:
  ///   - seed: the run's seed.
  ///   - step: the training step.
  ///   - samples: each sample's place in the global batch.
  public init(seed: UInt64, step: Int, samples: [Int]) {
    self.seed = seed
    self.step = step
    self.samples = samples
  }
}

/// The define-by-run tape: operations run at once and, while recording, leave what their derivative needs.
///
/// Operations are methods in `Operations/`, each with its vector-Jacobian product beside it. A tape that does not
/// record keeps nothing: buffers go back to the pool as soon as the last variable over them is gone.
///
/// All that a recording knows is the tape's own, so several tapes may be under way over the same parameters. A tape can
/// be for some parameters alone: the others are frozen, their gradients neither computed nor touched, while gradients
/// of inputs flow through them (a generator learns from a discriminator that it does not change).
public final class Tape {
  /// Threads and buffers.
  public let engine: Engine
  /// Whether derivatives will be asked for.
  public let isRecording: Bool
  /// Dropout is active where this is set.
  public var dropoutKeys: DropoutKeys?
  /// Batch norms take their statistics from the batch where this is set; else they take the running ones.
  public var batchStatistics: BatchStatistics?
  /// Called when the last use of a parameter on this tape has been differentiated: its gradient is complete. Frozen
  /// parameters are never announced.
  public var onParameterReady: ((Parameter) -> Void)?
  /// Called between operations of backward, so that messages progress.
  public var betweenOperations: (() -> Void)?
  /// Transformed weights that are kept between evaluations, if any; only for tapes that do not record.
  public let prepared: PreparedWeights?
  /// Where the time of each kind of operation is added up, if anywhere.
  public var profile: OperationProfile?

  private struct Step {
    let output: Variable
    /// Those whose gradient the step adds to.
    let parameters: [Parameter]
    let kind: String
    let backwardWork: OperationProfile.Work
    let backward: (Tensor) -> Void
  }
  private var steps: [Step] = []
  /// How many recorded uses of a parameter are yet to be differentiated.
  private var pendingUses: [ObjectIdentifier: Int] = [:]
  /// The parameters that are not frozen; nil: none is. They are alive as long as what is recorded.
  private let trained: Set<ObjectIdentifier>?

  /// - Parameters:
  ///   - engine: threads and buffers.
  ///   - isRecording: whether `backward` will be called.
  ///   - parameters: those whose gradients are wanted, all others are frozen; nil for every one that has a gradient.
  public init(engine: Engine, isRecording: Bool, training parameters: [Parameter]? = nil) {
    self.engine = engine
    self.isRecording = isRecording
    trained = parameters.map { Set($0.map(ObjectIdentifier.init)) }
    prepared = nil
  }

  /// A tape that does not record, for one of many evaluations with the same weights.
  ///
  /// - Parameters:
  ///   - engine: threads and buffers.
  ///   - prepared: keeps transformed weights between the evaluations.
  public init(engine: Engine, prepared: PreparedWeights?) {
    self.engine = engine
    self.prepared = prepared
    trained = nil
    isRecording = false
  }

  /// An input without gradient.
  public func constant(_ value: Tensor) -> Variable { Variable(value, needsGradient: false) }

  /// An input whose gradient is wanted.
  public func input(_ value: Tensor) -> Variable { Variable(value, needsGradient: isRecording) }

  /// Where an operation's derivative adds a parameter's gradient; nil where the parameter is frozen or has none.
  func gradient(of parameter: Parameter?) -> Tensor? {
    guard isRecording, let parameter, trained?.contains(ObjectIdentifier(parameter)) ?? true else { return nil }
    return parameter.gradient
  }

  /// Wraps an operation's output and, while recording, its derivative; `backward` gets d loss / d output and owns
  /// it from then on. `kind` names the operation in profiles, where its work and its derivative's stand beside it.
  func output(
    _ value: Tensor, inputs: [Variable?], parameters: [Parameter] = [], kind: String = #function,
    work: OperationProfile.Work = .init(), backwardWork: OperationProfile.Work = .init(),
    backward: @escaping (Tensor) -> Void
  ) -> Variable {
    profile?.lap(kind, work: work)
    let learning = parameters.filter { gradient(of: $0) != nil }
    let needed = isRecording && (!learning.isEmpty || inputs.contains { $0?.needsGradient ?? false })
    let variable = Variable(value, needsGradient: needed)
    if needed {
      for parameter in learning { pendingUses[ObjectIdentifier(parameter), default: 0] += 1 }
      steps.append(
        Step(output: variable, parameters: learning, kind: kind, backwardWork: backwardWork, backward: backward))
    }
    return variable
  }

  /// The output of an operation on no samples, which kernels are not asked for: a rank may have none where samples are
  /// coupled over the ranks. Its derivative is nothing, and its parameters' gradients are complete as they are.
  func nothing(_ shape: [Int], inputs: [Variable?], parameters: [Parameter] = [], kind: String = #function) -> Variable
  {
    output(engine.tensor(shape), inputs: inputs, parameters: parameters, kind: kind) { [engine] _ in
      for case let input? in inputs where input.needsGradient { _ = input.gradientDestination(engine) }
    }
  }

  /// Adds d(seed · sum of `variable`) / d(parameter) to the gradient of every parameter that is not frozen; the tape is
  /// empty afterwards.
  ///
  /// - Parameters:
  ///   - variable: what is differentiated.
  ///   - seed: d loss / d each of its elements.
  public func backward(from variable: Variable, seed: Float = 1) {
    let start = engine.tensor(variable.value.shape)
    start.base.update(repeating: seed, count: start.count)
    backward(from: variable, gradient: start)
  }

  /// As above, with a gradient for each element.
  public func backward(from variable: Variable, gradient: Tensor) {
    precondition(isRecording, "this tape did not record")
    variable.seed(gradient)
    while let step = steps.popLast() {
      if let gradient = step.output.gradient {
        step.output.dropGradient()
        step.backward(gradient)
        profile?.lap(step.kind, "backward", work: step.backwardWork)
      }
      for parameter in step.parameters {
        let uses = pendingUses[ObjectIdentifier(parameter), default: 0] - 1
        pendingUses[ObjectIdentifier(parameter)] = uses == 0 ? nil : uses
        if uses == 0 { onParameterReady?(parameter) }
      }
      betweenOperations?()
    }
  }
}
