import Tensors

/// What a network is made of, for whoever counts, prunes or shows it.
public protocol Layer {
  /// PyTorch's name of the module.
  var name: String { get }
  /// What it keeps, in PyTorch's order.
  var parameters: [Parameter] { get }
  /// What it costs for one sample.
  ///
  /// - Parameter places: the input's extents without its channels: `[rows, columns]`, `[tokens]`, or `[]` for a vector.
  func cost(over places: [Int]) -> LayerCost
}

/// What one layer costs for one sample. Counts that no integer holds stand at the greatest one.
public struct LayerCost: Sendable {
  /// PyTorch's name of the module.
  public var name: String
  /// Parameters that are learnt, biases counted.
  public var parameters: Int
  /// Multiply-accumulates, in convolutions and linear layers.
  public var multiplyAccumulates: Int
  /// Parameters of norms, which some papers' counters leave out.
  public var normParameters = 0
  /// Values written by nearest upsampling before the layer, which some papers' counters add as one operation each.
  public var upsampledValues = 0
  /// The extents of a convolution.
  public var convolution: ConvolutionShape?

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - parameters: those that are learnt are counted.
  ///   - multiplyAccumulates: for one sample.
  public init(_ name: String, _ parameters: [Parameter], multiplyAccumulates: Int) {
    self.name = name
    self.parameters = Counting.sum(parameters.filter { !$0.kind.isStatistic }.map { Counting.product($0.shape) })
    self.multiplyAccumulates = multiplyAccumulates
  }
}

extension Sequence where Element == LayerCost {
  /// The sum of some layers' costs.
  public var total: LayerCost {
    var total = LayerCost("total", [], multiplyAccumulates: 0)
    for cost in self {
      total.parameters = Counting.sum([total.parameters, cost.parameters])
      total.multiplyAccumulates = Counting.sum([total.multiplyAccumulates, cost.multiplyAccumulates])
      total.normParameters = Counting.sum([total.normParameters, cost.normParameters])
      total.upsampledValues = Counting.sum([total.upsampledValues, cost.upsampledValues])
    }
    return total
  }
}

/// Sums and products of counts (0 or more) that stand at the greatest integer where they would exceed it: a
/// configuration may ask for networks that nobody can build.
public enum Counting {
  /// The product of all factors.
  public static func product(_ factors: [Int]) -> Int {
    factors.reduce(1) { product, factor in
      let (value, overflows) = product.multipliedReportingOverflow(by: factor)
      return overflows ? .max : value
    }
  }

  /// The sum of all terms.
  public static func sum(_ terms: [Int]) -> Int {
    terms.reduce(0) { sum, term in
      let (value, overflows) = sum.addingReportingOverflow(term)
      return overflows ? .max : value
    }
  }
}

extension Convolution: Layer {
  /// What it costs for one map of `[rows, columns]`.
  public func cost(over places: [Int]) -> LayerCost {
    precondition(places.count == 2, "\(name): a convolution reads maps, not \(places)")
    let shape = ConvolutionShape(
      height: places[0], width: places[1], input: weight.shape[2], output: weight.shape[3], kernel: weight.shape[0],
      stride: stride)
    var cost = LayerCost(
      name, parameters,
      multiplyAccumulates: Counting.product([shape.outputHeight, shape.outputWidth] + weight.shape))
    cost.convolution = shape
    return cost
  }
}

extension Linear: Layer {
  /// What it costs for as many rows as there are places.
  public func cost(over places: [Int]) -> LayerCost {
    LayerCost(name, parameters, multiplyAccumulates: Counting.product(places + weight.shape))
  }
}

/// A layer that scales and shifts what it has normalised.
public protocol Norm: Layer {}

extension Norm {
  /// Parameters alone.
  public func cost(over places: [Int]) -> LayerCost {
    var cost = LayerCost(name, parameters, multiplyAccumulates: 0)
    cost.normParameters = cost.parameters
    return cost
  }
}

extension GroupNorm: Norm {}

extension BatchNorm: Norm {}

extension LearntRectifier: Layer {
  /// The slope alone.
  public func cost(over places: [Int]) -> LayerCost { LayerCost(name, parameters, multiplyAccumulates: 0) }
}
