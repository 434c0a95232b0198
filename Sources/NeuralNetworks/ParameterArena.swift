import CKernels
import Tensors

/// The weights of one model in one flat buffer, and their gradients in another; tensors are views.
///
/// Parameters lie in the model's fixed order, each on a 64-byte boundary; the gaps are zero in every arena of the
/// same model, so Adam, average and all-reduce are single passes.
public final class ParameterArena {
  /// The model's parameters, in its fixed order.
  public let parameters: [Parameter]
  /// Where each parameter lies.
  public let ranges: [Range<Int>]
  /// Floats in an arena, gaps included.
  public let count: Int
  /// The weights.
  public let weights: Storage
  /// The gradients; nil where the model is not trained.
  public private(set) var gradients: Storage?

  /// Binds the parameters to new arenas of zeros.
  ///
  /// - Parameters:
  ///   - parameters: the model's parameters, in its fixed order.
  ///   - isTrained: whether gradients are needed.
  public init(_ parameters: [Parameter], isTrained: Bool) {
    precondition(Set(parameters.map(\.name)).count == parameters.count, "names are unique")
    self.parameters = parameters
    var ranges: [Range<Int>] = []
    var end = 0
    for parameter in parameters {
      ranges.append(end..<end + parameter.count)
      end = (end + parameter.count + 15) / 16 * 16
    }
    self.ranges = ranges
    count = end
    weights = Storage(zeroed: end)
    gradients = isTrained ? Storage(zeroed: end) : nil
    for (index, parameter) in parameters.enumerated() {
      parameter.bind(
        index: index, value: Self.view(weights, ranges[index], parameter.shape),
        gradient: gradients.map { Self.view($0, ranges[index], parameter.shape) })
    }
  }

  /// Has gradients gathered elsewhere from now on, in memory that ranks share for instance.
  ///
  /// - Parameter storage: as many floats as the arena has, zeroed.
  public func placeGradients(in storage: Storage) {
    precondition(gradients != nil && storage.count >= count, "room for the gradients of a trained model")
    gradients = storage
    for (index, parameter) in parameters.enumerated() {
      parameter.bind(
        index: index, value: Self.view(weights, ranges[index], parameter.shape),
        gradient: Self.view(storage, ranges[index], parameter.shape))
    }
  }

  private static func view(_ storage: Storage, _ range: Range<Int>, _ shape: [Int]) -> Tensor {
    Tensor(
      storage: storage, base: storage.base + range.lowerBound, shape: shape,
      stride: shape[shape.count - 1])
  }

  /// The number of weights, gaps left out.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

  /// Sets all gradients to zero.
  public func clearGradients() {
    if let gradients { gradients.base.update(repeating: 0, count: count) }
  }

  /// Exchanges the weights with another buffer of the same layout: evaluation with the average.
  public func exchangeWeights(with other: Storage) {
    precondition(other.count >= count)
    for i in 0..<count {
      let own = weights.base[i]
      weights.base[i] = other.base[i]
      other.base[i] = own
    }
  }
}

/// Between the kernels' layout and the one on disk, which is PyTorch's.
///
/// | kernels | on disk |
/// |---|---|
/// | convolution `[k, k, in, out]` | `[out, in, k, k]` |
/// | linear `[in, out]` | `[out, in]` |
/// | vector `[C]` | `[C]` |
public enum DiskLayout {
  /// The shape on disk of a shape in the kernels' layout.
  public static func shape(_ shape: [Int]) -> [Int] {
    switch shape.count {
    case 4: [shape[3], shape[2], shape[0], shape[1]]
    case 2: [shape[1], shape[0]]
    default: shape
    }
  }

  /// Writes values in the order on disk.
  ///
  /// - Parameters:
  ///   - source: values in the kernels' layout.
  ///   - shape: its extents in the kernels' layout.
  ///   - out: as many values, in the order on disk.
  public static func write(
    _ source: UnsafePointer<Float>, _ shape: [Int], to out: UnsafeMutablePointer<Float>
  ) {
    eachPair(shape) { kernel, disk in out[disk] = source[kernel] }
  }

  /// Reads values that are in the order on disk.
  public static func read(
    _ source: UnsafePointer<Float>, _ shape: [Int], to out: UnsafeMutablePointer<Float>
  ) {
    eachPair(shape) { kernel, disk in out[kernel] = source[disk] }
  }

  private static func eachPair(_ shape: [Int], _ body: (_ kernel: Int, _ disk: Int) -> Void) {
    guard shape.count == 4 || shape.count == 2 else {
      for i in 0..<shape.reduce(1, *) { body(i, i) }
      return
    }
    let taps = shape.count == 4 ? shape[0] * shape[1] : 1
    let (input, output) = (shape[shape.count - 2], shape[shape.count - 1])
    for o in 0..<output {
      for i in 0..<input {
        for tap in 0..<taps { body((tap * input + i) * output + o, (o * input + i) * taps + tap) }
      }
    }
  }
}
