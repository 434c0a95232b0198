import Foundation

/// Means and log variances of independent Gaussians, side by side as the channels of a tensor `[N, ..., 2 k]`. Log variances
/// count as clamped to limits, where their gradient ends.
private struct Gaussians {
  let moments: Tensor
  let limits: ClosedRange<Float>
  var width: Int { moments.channels / 2 }

  func mean(_ pixel: Int, _ k: Int) -> Double { Double(moments.base[pixel * moments.stride + k]) }

  func logVariance(_ pixel: Int, _ k: Int) -> Double {
    Double(min(max(moments.base[pixel * moments.stride + width + k], limits.lowerBound), limits.upperBound))
  }

  /// Writes gradients of a mean and of the clamped log variance.
  func set(_ gradient: Tensor, _ pixel: Int, _ k: Int, mean: Double, logVariance: Double) {
    let own = gradient.base + pixel * gradient.stride + k, raw = moments.base[pixel * moments.stride + width + k]
    own[0] = Float(mean)
    own[width] = limits.contains(raw) ? Float(logVariance) : 0
  }

  /// Calls with every element of a sample.
  func each(in sample: Int, _ body: (_ pixel: Int, _ k: Int) -> Void) {
    let places = moments.pixelsPerSample
    for pixel in sample * places..<(sample + 1) * places {
      for k in 0..<width { body(pixel, k) }
    }
  }
}

extension Tape {
  /// z = mean + exp(log variance / 2) noise (Kingma and Welling 2014, the reparametrisation).
  ///
  /// - Parameters:
  ///   - moments: means and log variances side by side, `[N, ..., 2 k]`.
  ///   - noise: standard normal, contiguous, `[N, ..., k]`.
  ///   - limits: what log variances are clamped to.
  /// - Returns: `[N, ..., k]`.
  public func drawGaussian(_ moments: Variable, noise: Tensor, limits: ClosedRange<Float> = -10...10) -> Variable {
    let gaussians = Gaussians(moments: moments.value, limits: limits), width = gaussians.width
    precondition(noise.shape == moments.value.shape.dropLast() + [width] && noise.isContiguous, "noise for each mean")
    let z = engine.tensor(noise.shape)
    engine.threads.run(z.batch) { n, _ in
      gaussians.each(in: n) { pixel, k in
        let deviation = exp(gaussians.logVariance(pixel, k) / 2)
        z.base[pixel * width + k] = Float(gaussians.mean(pixel, k) + deviation * Double(noise.base[pixel * width + k]))
      }
    }
    return output(z, inputs: [moments]) { [engine] dz in
      let own = engine.tensor(moments.value.shape)
      engine.threads.run(own.batch) { n, _ in
        gaussians.each(in: n) { pixel, k in
          let gradient = Double(dz.base[pixel * dz.stride + k])
          let deviation = exp(gaussians.logVariance(pixel, k) / 2)
          gaussians.set(
            own, pixel, k, mean: gradient,
            logVariance: gradient * deviation * Double(noise.base[pixel * width + k]) / 2)
        }
      }
      moments.receive(own, engine)
    }
  }

  /// KL(q‖p) of each sample's Gaussians [nats], summed over them, `[N, 1]`.
  ///
  /// - Parameters:
  ///   - q: means and log variances side by side, `[N, ..., 2 k]`.
  ///   - p: the same of p.
  ///   - limits: what log variances are clamped to.
  public func divergence(of q: Variable, from p: Variable, limits: ClosedRange<Float> = -10...10) -> Variable {
    precondition(q.value.shape == p.value.shape, "\(q.value.shape) from \(p.value.shape)")
    let left = Gaussians(moments: q.value, limits: limits), right = Gaussians(moments: p.value, limits: limits)
    let y = engine.tensor([q.value.batch, 1])
    func terms(_ pixel: Int, _ k: Int) -> (logRatio: Double, difference: Double, precision: Double) {
      let logVariance = right.logVariance(pixel, k)
      return (
        left.logVariance(pixel, k) - logVariance, left.mean(pixel, k) - right.mean(pixel, k), exp(-logVariance)
      )
    }
    engine.threads.run(y.batch) { n, _ in
      var sum = 0.0
      left.each(in: n) { pixel, k in
        let (logRatio, difference, precision) = terms(pixel, k)
        sum += (exp(logRatio) - logRatio - 1 + difference * difference * precision) / 2
      }
      y.base[n] = Float(sum)
    }
    return output(y, inputs: [q, p]) { [engine] dy in
      let (ofQ, ofP) = (engine.tensor(q.value.shape), engine.tensor(p.value.shape))
      engine.threads.run(ofQ.batch) { n, _ in
        let gradient = Double(dy.base[n * dy.stride])
        left.each(in: n) { pixel, k in
          let (logRatio, difference, precision) = terms(pixel, k), slope = gradient * difference * precision
          left.set(ofQ, pixel, k, mean: slope, logVariance: gradient * (exp(logRatio) - 1) / 2)
          right.set(
            ofP, pixel, k, mean: -slope,
            logVariance: (gradient * (1 - exp(logRatio)) - slope * difference) / 2)
        }
      }
      if q.needsGradient { q.receive(ofQ, engine) }
      if p.needsGradient { p.receive(ofP, engine) }
    }
  }
}
