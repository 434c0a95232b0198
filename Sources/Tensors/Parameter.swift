/// Weights that are learnt: values in the kernels' layout, a gradient that backward adds to.
public final class Parameter {
  /// What a parameter is: how it starts, how it lies on disk and how it is stepped follow from it.
  public enum Kind: Sendable, Equatable {
    /// A convolution's, `[k, k, in, out]`.
    case kernel
    /// A convolution's that keeps channels apart, `[k, k, C]`.
    case depthwiseKernel
    /// A transposed convolution's, `[k, k, out, in]`: that of the convolution whose transpose it is.
    case transposedKernel
    /// A linear layer's, `[in, out]`.
    case matrix
    /// What a layer adds to each output, `[out]`; `fanIn` is that of the layer's weights.
    case bias(fanIn: Int)
    /// Numbers that start alike: slopes of activations, scales of branches.
    case vector(start: Float)
    /// Rows that are looked up by number, `[rows, width]`.
    case table
    /// A running mean or variance: kept beside the weights, never stepped, without gradient. Whoever learns it writes it when
    /// a step is done: rank 0's average of the weights reads the arena while the next forward pass goes on.
    case statistic(start: Float)

    /// A norm's gamma.
    public static let scale = Kind.vector(start: 1)
    /// A norm's beta, or that of a global response normalisation.
    public static let shift = Kind.vector(start: 0)

    /// Whether it is kept, but never learnt.
    public var isStatistic: Bool { if case .statistic = self { true } else { false } }
  }

  /// The name that PyTorch gives it: "downs.1.res_block.mlp.1.weight".
  public let name: String
  /// Extents in the kernels' layout, as `Kind` tells them.
  public let shape: [Int]
  /// What it is.
  public let kind: Kind
  /// The weights, a view of an arena once the model is complete.
  public private(set) var value: Tensor?
  /// Where gradients are added, a view of an arena; nil where the model is not trained, and for statistics.
  public private(set) var gradient: Tensor?
  /// The place in the model's list of parameters.
  public internal(set) var index = 0

  /// - Parameters:
  ///   - name: PyTorch's name.
  ///   - shape: extents in the kernels' layout.
  ///   - kind: what it is; its extents must be as many as the kind has.
  public init(_ name: String, _ shape: [Int], _ kind: Kind) {
    let axes: Int? =
      switch kind {
      case .kernel, .transposedKernel: 4
      case .depthwiseKernel: 3
      case .matrix, .table: 2
      case .bias: 1
      case .vector, .statistic: nil
      }
    precondition(axes.map { $0 == shape.count } ?? !shape.isEmpty, "\(name): \(shape) is no \(kind)")
    self.name = name
    self.shape = shape
    self.kind = kind
  }

  /// The number of weights.
  public var count: Int { shape.reduce(1, *) }

  /// How many inputs each output of its layer is a sum over: by PyTorch's rule for a transposed kernel the number that
  /// an input reaches, for a table and for numbers of their own 1.
  public var fanIn: Int {
    switch kind {
    case .kernel, .transposedKernel: shape[0] * shape[1] * shape[2]
    case .depthwiseKernel: shape[0] * shape[1]
    case .matrix: shape[0]
    case .bias(let fanIn): fanIn
    case .vector, .table, .statistic: 1
    }
  }

  /// Places the parameter in its arenas.
  public func bind(index: Int, value: Tensor, gradient: Tensor?) {
    precondition(value.shape == shape && (gradient?.shape ?? shape) == shape)
    precondition(gradient == nil || !kind.isStatistic, "\(name): statistics have no gradient")
    self.index = index
    self.value = value
    self.gradient = gradient
  }

  var weights: UnsafeMutablePointer<Float> {
    guard let value else { preconditionFailure("\(name) is not bound to an arena") }
    return value.base
  }
}
