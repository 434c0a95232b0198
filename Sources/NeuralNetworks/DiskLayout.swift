import Tensors

/// Between the kernels' layout and the one on disk, which is PyTorch's.
///
/// | kind | kernels | on disk |
/// |---|---|---|
/// | kernel | `[kh, kw, in, out]` | `[out, in, kh, kw]` |
/// | depthwise kernel | `[kh, kw, C]` | `[C, 1, kh, kw]` |
/// | transposed kernel | `[kh, kw, out, in]` | `[in, out, kh, kw]` |
/// | matrix | `[in, out]` | `[out, in]` |
/// | bias, vector, table, statistic | as on disk | as they are |
public enum DiskLayout {
  /// A parameter's shape on disk.
  public static func shape(_ parameter: Parameter) -> [Int] {
    let shape = parameter.shape
    return switch parameter.kind {
    case .kernel, .transposedKernel: [shape[3], shape[2], shape[0], shape[1]]
    case .depthwiseKernel: [shape[2], 1, shape[0], shape[1]]
    case .matrix: [shape[1], shape[0]]
    case .bias, .vector, .table, .statistic: shape
    }
  }

  /// Writes values in the order on disk.
  ///
  /// - Parameters:
  ///   - source: values in the kernels' layout.
  ///   - parameter: what they are.
  ///   - out: as many values, in the order on disk.
  public static func write(
    _ source: UnsafePointer<Float>, _ parameter: Parameter, to out: UnsafeMutablePointer<Float>
  ) {
    eachPair(parameter) { kernel, disk in out[disk] = source[kernel] }
  }

  /// Reads values that are in the order on disk.
  public static func read(
    _ source: UnsafePointer<Float>, _ parameter: Parameter, to out: UnsafeMutablePointer<Float>
  ) {
    eachPair(parameter) { kernel, disk in out[kernel] = source[disk] }
  }

  private static func eachPair(_ parameter: Parameter, _ body: (_ kernel: Int, _ disk: Int) -> Void) {
    let shape = parameter.shape
    switch parameter.kind {
    case .bias, .vector, .table, .statistic:
      for i in 0..<parameter.count { body(i, i) }
    case .kernel, .transposedKernel: eachPair(taps: shape[0] * shape[1], shape[2], shape[3], body)
    case .depthwiseKernel: eachPair(taps: shape[0] * shape[1], 1, shape[2], body)
    case .matrix: eachPair(taps: 1, shape[0], shape[1], body)
    }
  }

  /// `[taps, input, output]` against `[output, input, taps]`.
  private static func eachPair(
    taps: Int, _ input: Int, _ output: Int, _ body: (_ kernel: Int, _ disk: Int) -> Void
  ) {
    for o in 0..<output {
      for i in 0..<input {
        for tap in 0..<taps { body((tap * input + i) * output + o, (o * input + i) * taps + tap) }
      }
    }
  }
}
