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
