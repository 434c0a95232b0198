import CKernels

/// Weights that are learnt: values in the kernels' layout, a gradient that backward adds to.
public final class Parameter {
  /// The name that PyTorch gives it: "downs.1.res_block.mlp.1.weight".
  public let name: String
  /// Extents in the kernels' layout: `[k, k, in, out]`, `[in, out]` or `[channels]`.
  public let shape: [Int]
  /// The weights, a view of an arena once the model is complete.
  public private(set) var value: Tensor?
  /// Where gradients are added, a view of an arena; nil where the model is not trained.
  public private(set) var gradient: Tensor?
  /// The place in the model's list of parameters.
  public internal(set) var index = 0
  fileprivate var pendingUses = 0

  /// - Parameters:
  ///   - name: PyTorch's name.
  ///   - shape: extents in the kernels' layout.
  public init(_ name: String, _ shape: [Int]) {
    self.name = name
    self.shape = shape
  }

  /// The number of weights.
  public var count: Int { shape.reduce(1, *) }

  /// Places the parameter in its arenas.
  public func bind(index: Int, value: Tensor, gradient: Tensor?) {
    precondition(value.shape == shape && (gradient?.shape ?? shape) == shape)
    self.index = index
    self.value = value
    self.gradient = gradient
  }

  var weights: UnsafeMutablePointer<Float> {
    guard let value else { preconditionFailure("\(name) is not bound to an arena") }
    return value.base
  }
}

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
public final class Tape {
  /// Threads and buffers.
  public let engine: Engine
  /// Whether derivatives will be asked for.
  public let isRecording: Bool
  /// Dropout is active where this is set.
  public var dropoutKeys: DropoutKeys?
  /// Called when the last use of a parameter has been differentiated: its gradient is complete.
  public var onParameterReady: ((Parameter) -> Void)?
  /// Called between operations of backward, so that messages progress.
  public var betweenOperations: (() -> Void)?
  /// Transformed weights that are kept between evaluations, if any; only for tapes that do not record.
  public let prepared: PreparedWeights?
  /// Where the time of each kind of operation is added up, if anywhere.
  public var profile: OperationProfile?

  private struct Step {
    let output: Variable
    let parameters: [Parameter]
    let kind: String
    let backwardWork: OperationProfile.Work
    let backward: (Tensor) -> Void
  }
  private var steps: [Step] = []

  /// - Parameters:
  ///   - engine: threads and buffers.
  ///   - isRecording: whether `backward` will be called.
  public init(engine: Engine, isRecording: Bool) {
    self.engine = engine
    self.isRecording = isRecording
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
    isRecording = false
  }

  /// An input without gradient.
  public func constant(_ value: Tensor) -> Variable { Variable(value, needsGradient: false) }

  /// An input whose gradient is wanted.
  public func input(_ value: Tensor) -> Variable { Variable(value, needsGradient: isRecording) }

  /// Wraps an operation's output and, while recording, its derivative; `backward` gets d loss / d output and owns
  /// it from then on. `kind` names the operation in profiles, where its work and its derivative's stand beside it.
  func output(
    _ value: Tensor, inputs: [Variable?], parameters: [Parameter] = [], kind: String = #function,
    work: OperationProfile.Work = .init(), backwardWork: OperationProfile.Work = .init(),
    backward: @escaping (Tensor) -> Void
  ) -> Variable {
    profile?.lap(kind, work: work)
    let needed =
      isRecording && (!parameters.isEmpty || inputs.contains { $0?.needsGradient ?? false })
    let variable = Variable(value, needsGradient: needed)
    if needed {
      parameters.forEach { $0.pendingUses += 1 }
      steps.append(
        Step(
          output: variable, parameters: parameters, kind: kind, backwardWork: backwardWork, backward: backward))
    }
    return variable
  }

  /// Adds d(seed · sum of `variable`) / d(parameter) to every parameter's gradient; the tape is empty afterwards.
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
        parameter.pendingUses -= 1
        if parameter.pendingUses == 0 { onParameterReady?(parameter) }
      }
      betweenOperations?()
    }
  }
}
