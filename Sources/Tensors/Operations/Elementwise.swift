import CKernels
import Foundation

extension Tape {
  /// y = x sigmoid(x) (Ramachandran et al. 2017). Fused into group norm where one stands before it.
  public func swish(_ x: Variable) -> Variable {
    let input = x.value.isContiguous ? x.value : engine.contiguousCopy(x.value)
    let y = engine.tensor(input.shape)
    engine.blocks(input.count, of: 16384) { range, _ in
      ck_swish(y.base + range.lowerBound, input.base + range.lowerBound, range.count)
    }
    return output(y, inputs: [x]) { [engine] dy in
      let incoming = dy.isContiguous ? dy : engine.contiguousCopy(dy)
      let own = engine.tensor(input.shape)
      engine.blocks(input.count, of: 16384) { range, _ in
        let i = range.lowerBound
        ck_swish_gradient(own.base + i, incoming.base + i, input.base + i, range.count, 0)
      }
      x.receive(own, engine)
    }
  }

  /// y = log(1 + exp(x)), of few values: the cross entropy of a logit -x with 1, and of x with 0.
  public func softplus(_ x: Variable) -> Variable {
    let input = engine.contiguousCopy(x.value), y = engine.tensor(input.shape)
    for i in 0..<input.count { y.base[i] = max(input.base[i], 0) + log1p(exp(-abs(input.base[i]))) }
    return output(y, inputs: [x]) { [engine] dy in
      let own = engine.contiguousCopy(dy)
      for i in 0..<own.count { own.base[i] /= 1 + exp(-input.base[i]) }
      x.receive(own, engine)
    }
  }

  /// Dropout alone (inverted: kept values are scaled by 1 / (1 - rate)); the identity without `dropoutKeys`.
  ///
  /// - Parameters:
  ///   - x: `[N, ..., C]`.
  ///   - dropout: rate and layer.
  public func dropout(_ x: Variable, _ dropout: Dropout) -> Variable {
    guard let dropoutKeys, dropout.rate > 0 else { return x }
    precondition(dropoutKeys.samples.count == x.value.batch, "a dropout key for every sample")
    let input = engine.contiguousCopy(x.value)
    let mask = DropoutMask(
      dropout, keys: dropoutKeys, perSample: input.count / input.batch, engine: engine)
    let y = engine.tensor(input.shape)
    ck_masked_scale(y.base, input.base, mask.base, mask.keepScale, y.count, 0)
    return output(y, inputs: [x]) { [engine] dy in
      let own = engine.contiguousCopy(dy)
      ck_masked_scale(own.base, own.base, mask.base, mask.keepScale, own.count, 0)
      x.receive(own, engine)
    }
  }

  /// a + b, of equal shape. Fused into the convolution's output where one stands before it.
  public func add(_ a: Variable, _ b: Variable) -> Variable {
    precondition(a.value.shape == b.value.shape, "\(a.value.shape) + \(b.value.shape)")
    let y = engine.contiguousCopy(a.value), second = b.value
    engine.blocks(y.pixels, of: rowsPerBlock(y.channels)) { range, _ in
      ck_copy_rows(
        y.base + range.lowerBound * y.stride, y.stride,
        second.base + range.lowerBound * second.stride, second.stride, range.count, y.channels, 1)
    }
    return output(y, inputs: [a, b]) { [engine] dy in
      if a.needsGradient && b.needsGradient {
        a.receive(engine.contiguousCopy(dy), engine)  // both would otherwise add into one buffer
        b.receive(dy, engine)
      } else {
        (a.needsGradient ? a : b).receive(dy, engine)
      }
    }
  }

  /// factor · x.
  public func scale(_ x: Variable, by factor: Float) -> Variable {
    let y = engine.contiguousCopy(x.value)
    ck_scale(y.base, y.base, y.count, factor, 0)
    return output(y, inputs: [x]) { [engine] dy in
      let own = engine.contiguousCopy(dy)
      ck_scale(own.base, own.base, own.count, factor, 0)
      x.receive(own, engine)
    }
  }

  /// The sum of each sample's values, `[N, 1]`.
  public func sum(_ x: Variable) -> Variable {
    let input = x.value
    let y = engine.tensor([input.batch, 1])
    for n in 0..<input.batch {
      var total = 0.0
      for pixel in 0..<input.pixelsPerSample {
        for channel in 0..<input.channels {
          total += Double(input.sample(n)[pixel * input.stride + channel])
        }
      }
      y.base[n] = Float(total)
    }
    return output(y, inputs: [x]) { [engine] dy in
      let own = engine.tensor(input.shape)
      for n in 0..<input.batch {
        own.sample(n).update(repeating: dy.base[n * dy.stride], count: own.count / own.batch)
      }
      x.receive(own, engine)
    }
  }

  /// The mean squared error of each sample, `[N, 1]`: the loss of eq. (32) where `target` is the noise.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, C]`.
  ///   - target: the same shape.
  ///   - weights: what each element's square is multiplied by, laid out as `target`, constants; nil for 1.
  ///   - factors: what each sample's error is multiplied by, constants; nil for 1.
  public func meanSquaredError(
    _ x: Variable, target: Tensor, weights: Tensor? = nil, factors: [Float]? = nil
  ) -> Variable {
    let input = x.value
    precondition(input.shape == target.shape, "\(input.shape) against \(target.shape)")
    precondition(
      weights.map { $0.shape == target.shape && $0.stride == target.stride } ?? true, "a weight for each element")
    precondition(factors.map { $0.count == input.batch } ?? true, "a factor for each sample")
    let pixels = input.pixelsPerSample, perSample = pixels * input.channels
    let y = engine.tensor([input.batch, 1])
    engine.threads.run(input.batch) { n, _ in
      let error = ck_squared_error(
        input.sample(n), input.stride, target.sample(n), weights?.sample(n), target.stride, pixels, input.channels)
      y.base[n] = Float(error / Double(perSample) * Double(factors?[n] ?? 1))
    }
    return output(y, inputs: [x]) { [engine] dy in
      let (dx, accumulate) = x.gradientDestination(engine)
      engine.threads.run(input.batch) { n, _ in
        ck_difference(
          dx.sample(n), dx.stride, input.sample(n), input.stride, target.sample(n), weights?.sample(n),
          target.stride, pixels, input.channels, 2 * dy.base[n * dy.stride] * (factors?[n] ?? 1) / Float(perSample),
          accumulate ? 1 : 0)
      }
    }
  }
}
