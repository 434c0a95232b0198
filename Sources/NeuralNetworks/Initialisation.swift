import CKernels
import Computing
import Essentials
import Tensors

/// How kernels and matrices start, and the biases of their layers.
///
/// Tables start as standard normal numbers, vectors and statistics as their kind says, whichever is chosen.
public enum Initialisation: String, CaseIterable, Sendable {
  /// Orthogonal with gain 1 on the flattened `[out, rest]` matrix (Saxe et al. 2014), `[in, rest]` of a transposed
  /// kernel; each channel's row of a depthwise kernel of length 1. Biases 0.
  case orthogonal
  /// PyTorch's default: Kaiming-uniform with a = sqrt 5 (He et al. 2015), that is U(±1/sqrt(fan in)) for weights and
  /// biases alike.
  case kaiming
  /// Normal with variance 2 / fan in (He et al. 2015), for layers between ReLUs. Biases 0.
  case he

  /// Sets all weights from a seed; the same on any machine up to the rounding of LAPACK's kernels.
  ///
  /// - Parameters:
  ///   - arena: the model's weights.
  ///   - seed: the run's seed.
  /// - Throws: `Fault` where LAPACK fails.
  public func apply(to arena: ParameterArena, seed: UInt64) throws {
    for (index, parameter) in arena.parameters.enumerated() {
      let stream = RandomStream(seed: seed, purpose: .initialisation, layer: index)
      let values = UnsafeMutableBufferPointer(
        start: arena.weights.base + arena.ranges[index].lowerBound, count: parameter.count)
      switch parameter.kind {
      case .vector(let start), .statistic(let start): values.update(repeating: start)
      case .table: stream.fillGaussian(values)
      case .bias where self != .kaiming: values.update(repeating: 0)
      case .kernel, .depthwiseKernel, .transposedKernel, .matrix, .bias:
        switch self {
        case .kaiming: Self.uniform(values, 1 / Float(parameter.fanIn).squareRoot(), stream)
        case .he:
          stream.fillGaussian(values)
          for i in values.indices { values[i] *= (2 / Float(parameter.fanIn)).squareRoot() }
        case .orthogonal where parameter.kind == .depthwiseKernel:
          stream.fillGaussian(values)
          Self.normaliseChannels(values, parameter.shape[2])
        case .orthogonal: try Self.orthogonal(values, parameter, stream)
        }
      }
    }
  }

  private static func uniform(_ values: UnsafeMutableBufferPointer<Float>, _ bound: Float, _ stream: RandomStream) {
    stream.fillUniform(values)
    for i in values.indices { values[i] = (2 * values[i] - 1) * bound }
  }

  private static func normaliseChannels(_ values: UnsafeMutableBufferPointer<Float>, _ channels: Int) {
    for channel in 0..<channels {
      let places = stride(from: channel, to: values.count, by: channels)
      let squares = places.reduce(0.0) { $0 + Double(values[$1]) * Double(values[$1]) }
      for place in places { values[place] /= Float(squares.squareRoot()) }
    }
  }

  /// The kernels' layout is `[rest, out]`, row-major: LAPACK's column-major `[out, rest]`.
  private static func orthogonal(
    _ values: UnsafeMutableBufferPointer<Float>, _ parameter: Parameter, _ stream: RandomStream
  ) throws {
    guard let base = values.baseAddress else { return }
    let count = values.count, output = parameter.shape[parameter.shape.count - 1], rest = count / output
    let tall = output >= rest
    let (rows, columns) = tall ? (output, rest) : (rest, output)
    let info = withUnsafeTemporaryAllocation(of: Float.self, capacity: tall ? 1 : count) { scratch in
      let matrix = tall ? base : scratch.baseAddress!
      stream.fillGaussian(UnsafeMutableBufferPointer(start: matrix, count: count))
      let info = ck_orthonormalise(matrix, Int32(rows), Int32(columns))
      if !tall {  // scratch is column-major [rest, out]
        for r in 0..<rest {
          for o in 0..<output { base[r * output + o] = matrix[o * rest + r] }
        }
      }
      return info
    }
    guard info == 0 else {
      throw Fault("orthogonal initialisation failed", at: parameter.name, found: "LAPACK's info \(info)")
    }
  }
}
