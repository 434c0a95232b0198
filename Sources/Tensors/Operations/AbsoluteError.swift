import Foundation

extension Tape {
  /// The mean absolute error of each sample, `[N, 1]`.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, C]`.
  ///   - target: the same shape.
  public func meanAbsoluteError(_ x: Variable, target: Tensor) -> Variable {
    let input = x.value
    precondition(input.shape == target.shape, "\(input.shape) against \(target.shape)")
    let pixels = input.pixelsPerSample, channels = input.channels, count = Float(pixels * channels)
    let y = engine.tensor([input.batch, 1])
    engine.threads.run(input.batch) { n, _ in
      var sum = 0.0
      for pixel in 0..<pixels {
        let own = input.sample(n) + pixel * input.stride, other = target.sample(n) + pixel * target.stride
        for c in 0..<channels { sum += Double(abs(own[c] - other[c])) }
      }
      y.base[n] = Float(sum / Double(count))
    }
    return output(y, inputs: [x]) { [engine] dy in
      let slope = engine.tensor(input.shape)
      engine.threads.run(input.batch) { n, _ in
        let size = dy.base[n * dy.stride] / count
        for pixel in 0..<pixels {
          let own = input.sample(n) + pixel * input.stride, other = target.sample(n) + pixel * target.stride
          let to = slope.sample(n) + pixel * channels
          for c in 0..<channels { to[c] = own[c] > other[c] ? size : own[c] < other[c] ? -size : 0 }
        }
      }
      x.receive(slope, engine)
    }
  }

  /// The mean absolute error of each sample's differences between neighbouring places, along rows and columns, `[N, 1]`: what
  /// blurs edges counts, what shifts levels does not.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, C]`.
  ///   - target: the same shape.
  public func differenceError(_ x: Variable, target: Tensor) -> Variable {
    let input = x.value
    precondition(input.shape == target.shape, "\(input.shape) against \(target.shape)")
    let (height, width, channels) = (input.shape[1], input.shape[2], input.channels)
    let pairs = Float((height * (width - 1) + (height - 1) * width) * channels)
    func error(_ n: Int, _ pixel: Int, _ c: Int) -> Float {
      input.sample(n)[pixel * input.stride + c] - target.sample(n)[pixel * target.stride + c]
    }
    func each(_ n: Int, _ body: (_ first: Int, _ second: Int, _ c: Int, _ difference: Float) -> Void) {
      for pixel in 0..<height * width {
        let hasRight = pixel % width + 1 < width, hasBelow = pixel + width < height * width
        for c in 0..<channels {
          let own = error(n, pixel, c)
          if hasRight { body(pixel, pixel + 1, c, error(n, pixel + 1, c) - own) }
          if hasBelow { body(pixel, pixel + width, c, error(n, pixel + width, c) - own) }
        }
      }
    }
    let y = engine.tensor([input.batch, 1])
    engine.threads.run(input.batch) { n, _ in
      var sum = 0.0
      each(n) { sum += Double(abs($3)) }
      y.base[n] = Float(sum / Double(pairs))
    }
    return output(y, inputs: [x]) { [engine] dy in
      let slope = engine.zeros(input.shape)
      engine.threads.run(input.batch) { n, _ in
        let size = dy.base[n * dy.stride] / pairs, to = slope.sample(n)
        each(n) { first, second, c, difference in
          let own: Float = difference > 0 ? size : difference < 0 ? -size : 0
          to[second * channels + c] += own
          to[first * channels + c] -= own
        }
      }
      x.receive(slope, engine)
    }
  }
}
