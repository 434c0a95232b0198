import CKernels
import Tensors

/// The weights of one model in one flat buffer, and their gradients in another; tensors are views.
///
/// Parameters lie in the model's fixed order, each on a 64-byte boundary; the gaps, and the gradients of statistics, are
/// zero in every arena of the same model, so norm, average and all-reduce are single passes.
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
        gradient: parameter.kind.isStatistic
          ? nil : gradients.map { Self.view($0, ranges[index], parameter.shape) })
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
        gradient: parameter.kind.isStatistic ? nil : Self.view(storage, ranges[index], parameter.shape))
    }
  }

  private static func view(_ storage: Storage, _ range: Range<Int>, _ shape: [Int]) -> Tensor {
    Tensor(
      storage: storage, base: storage.base + range.lowerBound, shape: shape,
      stride: shape[shape.count - 1])
  }

  /// The number of weights that are learnt, gaps and statistics left out.
  public var parameterCount: Int { parameters.reduce(0) { $0 + ($1.kind.isStatistic ? 0 : $1.count) } }

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

extension Tape {
  /// A tape that records, for the weights of one arena: those of others are frozen.
  ///
  /// - Parameters:
  ///   - engine: threads and buffers.
  ///   - arena: the weights whose gradients are wanted.
  public convenience init(engine: Engine, training arena: ParameterArena) {
    self.init(engine: engine, isRecording: true, training: arena.parameters)
  }
}
