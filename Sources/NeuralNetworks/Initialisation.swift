import CKernels
import Computing
import Essentials
import Tensors

/// How convolutions and linear layers start; group norms start at weight 1, bias 0.
public enum Initialisation: String, CaseIterable, Sendable {
  /// Orthogonal with gain 1 on the flattened `[out, rest]` matrix (Saxe et al. 2014), biases 0.
  case orthogonal
  /// PyTorch's default: Kaiming-uniform with a = sqrt 5 (He et al. 2015), that is U(±1/sqrt(fan in)) for weights and
  /// biases alike.
  case kaiming

  /// Sets all weights from a seed; the same on any machine up to the rounding of LAPACK's kernels.
  ///
  /// - Parameters:
  ///   - arena: the model's weights.
  ///   - seed: the run's seed.
  public func apply(to arena: ParameterArena, seed: UInt64) throws {
    var fanIn = 1  // of the weight that stands before a bias
    for (index, parameter) in arena.parameters.enumerated() {
      let stream = RandomStream(seed: seed, purpose: .initialisation, layer: index)
      let base = arena.weights.base + arena.ranges[index].lowerBound
      if parameter.shape.count == 1 {
        let isNorm = Self.isNormWeight(index, arena.parameters)
        if isNorm.weight || isNorm.bias {
          base.update(repeating: isNorm.weight ? 1 : 0, count: parameter.count)
        } else if self == .orthogonal {
          base.update(repeating: 0, count: parameter.count)
        } else {
          Self.uniform(base, parameter.count, 1 / Float(fanIn).squareRoot(), stream)
        }
        continue
      }
      let output = parameter.shape[parameter.shape.count - 1]
      fanIn = parameter.count / output
      switch self {
      case .kaiming: Self.uniform(base, parameter.count, 1 / Float(fanIn).squareRoot(), stream)
      case .orthogonal:
        try Self.orthogonal(base, rest: fanIn, output: output, name: parameter.name, stream)
      }
    }
  }

  /// A vector is a group norm's when it is called "weight", or follows a vector of its own module.
  private static func isNormWeight(
    _ index: Int, _ parameters: [Parameter]
  ) -> (weight: Bool, bias: Bool) {
    if parameters[index].name.hasSuffix(".weight") { return (true, false) }
    let before = index > 0 ? parameters[index - 1] : nil
    let isBias =
      before.map { $0.shape.count == 1 && $0.name.dropLast(7) == parameters[index].name.dropLast(5) }
      ?? false
    return (false, isBias)
  }

  private static func uniform(
    _ base: UnsafeMutablePointer<Float>, _ count: Int, _ bound: Float, _ stream: RandomStream
  ) {
    let values = UnsafeMutableBufferPointer(start: base, count: count)
    stream.fillUniform(values)
    for i in 0..<count { values[i] = (2 * values[i] - 1) * bound }
  }

  /// The kernels' layout is `[rest, out]`, row-major: LAPACK's column-major `[out, rest]`.
  private static func orthogonal(
    _ base: UnsafeMutablePointer<Float>, rest: Int, output: Int, name: String,
    _ stream: RandomStream
  ) throws {
    let count = rest * output
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
      throw Fault("orthogonal initialisation failed", at: name, found: "LAPACK's info \(info)")
    }
  }
}
