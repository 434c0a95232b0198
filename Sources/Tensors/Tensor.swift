/// float32 values with channels last: `[N, H, W, C]` activations, `[rows, C]` matrices.
///
/// All axes but the last are contiguous over one another; neighbouring pixels are `stride >= C` elements apart, so a
/// tensor can be some of the channels of a wider buffer and concatenation costs nothing.
public struct Tensor {
  /// The buffer, kept alive.
  public let storage: Storage
  /// The first element.
  public let base: UnsafeMutablePointer<Float>
  /// Extents, the last one the channels.
  public let shape: [Int]
  /// Elements between neighbouring pixels.
  public let stride: Int

  /// A view of a buffer.
  public init(storage: Storage, base: UnsafeMutablePointer<Float>, shape: [Int], stride: Int) {
    self.storage = storage
    self.base = base
    self.shape = shape
    self.stride = stride
  }

  /// The extent of the last axis.
  public var channels: Int { shape[shape.count - 1] }
  /// The product of all extents but the last.
  public var pixels: Int { shape.dropLast().reduce(1, *) }
  /// The number of values.
  public var count: Int { shape.reduce(1, *) }
  /// The extent of the first axis.
  public var batch: Int { shape[0] }
  /// Pixels of one sample.
  public var pixelsPerSample: Int { shape.dropFirst().dropLast().reduce(1, *) }
  /// Whether nothing lies between neighbouring pixels.
  public var isContiguous: Bool { stride == channels }

  /// Some of the channels, as a view.
  public func slice(channels range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= channels, "channels \(range) of \(shape)")
    return Tensor(
      storage: storage, base: base + range.lowerBound, shape: shape.dropLast() + [range.count],
      stride: stride)
  }

  /// Some of the samples, as a view.
  public func samples(_ range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= batch, "samples \(range) of \(shape)")
    return Tensor(
      storage: storage, base: sample(range.lowerBound), shape: [range.count] + shape.dropFirst(), stride: stride)
  }

  /// The same values under another shape with the same channels, or any shape where contiguous.
  public func reshaped(_ newShape: [Int]) -> Tensor {
    precondition(newShape.reduce(1, *) == count, "cannot reshape \(shape) to \(newShape)")
    precondition(isContiguous || newShape.last == channels, "a strided view keeps its channels")
    return Tensor(
      storage: storage, base: base, shape: newShape,
      stride: isContiguous ? (newShape.last ?? 1) : stride)
  }

  /// The first element of a sample.
  public func sample(_ n: Int) -> UnsafeMutablePointer<Float> { base + n * pixelsPerSample * stride }

  /// The values, copied in logical order.
  public func values() -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      for pixel in 0..<pixels {
        (buffer.baseAddress! + pixel * channels).update(from: base + pixel * stride, count: channels)
      }
      filled = count
    }
  }
}
