import CKernels

extension Tape {
  /// A convolution that keeps channels apart: y[.., c] = x[.., c] * w[.., c] + bias[c], padding k / 2.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, C]`.
  ///   - weight: `[k, k, C]`, k odd.
  ///   - bias: `[C]`.
  public func depthwiseConvolution(_ x: Variable, weight: Parameter, bias: Parameter) -> Variable {
    let input = x.value, c = input.channels, kernel = weight.shape[0]
    precondition(weight.shape == [kernel, kernel, c] && kernel % 2 == 1, "\(weight.name) after \(input.shape)")
    let (height, width) = (input.shape[1], input.shape[2])
    let shape = ck_depthwise(height: height, width: width, channels: c, kernel: kernel)
    let y = engine.tensor(input.shape)
    engine.threads.run(input.batch * height) { job, _ in
      let n = job / height
      ck_depthwise_row(
        y.sample(n), y.stride, input.sample(n), input.stride, weight.weights, bias.weights, shape, job % height, 0, 0)
    }
    let operations = Double(2 * input.count * kernel * kernel)
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    return output(
      y, inputs: [x], parameters: [weight, bias], work: .init(operations: operations),
      backwardWork: .init(operations: 2 * operations)
    ) { [engine] dy in
      if let gradient = biasGradient { addSamples(of: sampleSums(dy, engine), to: gradient) }
      if let gradient = weightGradient {
        let taps = kernel * kernel, partial = engine.tensor([input.batch, taps * c]), blocks = (c + 15) / 16
        engine.threads.run(input.batch * blocks) { job, _ in
          let n = job / blocks, first = job % blocks * 16
          ck_depthwise_weights(
            partial.sample(n), dy.sample(n), dy.stride, input.sample(n), input.stride, shape, first,
            min(16, c - first))
        }
        addSamples(of: partial, to: gradient)
      }
      if x.needsGradient {
        let (dx, accumulate) = x.gradientDestination(engine)
        engine.threads.run(input.batch * height) { job, _ in
          let n = job / height
          ck_depthwise_row(
            dx.sample(n), dx.stride, dy.sample(n), dy.stride, weight.weights, nil, shape, job % height, 1,
            accumulate ? 1 : 0)
        }
      }
    }
  }

  /// Global response normalisation (Woo et al., "ConvNeXt V2", CVPR 2023): with G_c the norm of channel c over a sample's
  /// places and N_c = G_c / (mean of G + 1e-6), y = x + gamma x N + beta.
  ///
  /// - Parameters:
  ///   - x: `[N, ..., C]`.
  ///   - weight: gamma, `[C]`.
  ///   - bias: beta, `[C]`.
  public func globalResponseNorm(_ x: Variable, weight: Parameter, bias: Parameter) -> Variable {
    let input = x.value, c = input.channels, places = input.pixelsPerSample
    precondition(weight.shape == [c] && bias.shape == [c], "\(weight.name) \(weight.shape) after \(input.shape)")
    let (gamma, beta) = (weight.weights, bias.weights)
    let norms = engine.tensor([input.batch, c]), factors = engine.tensor([input.batch, c])
    let means = engine.tensor([input.batch, 1]), y = engine.tensor(input.shape)
    engine.threads.run(input.batch) { n, _ in
      let norm = norms.sample(n), factor = factors.sample(n)
      ck_product_sums(norm, input.sample(n), input.stride, input.sample(n), input.stride, places, c)
      for channel in 0..<c { norm[channel] = norm[channel].squareRoot() }
      let mean = (0..<c).reduce(Float(0)) { $0 + norm[$1] } / Float(c) + 1e-6
      for channel in 0..<c { factor[channel] = 1 + gamma[channel] * norm[channel] / mean }
      means.base[n] = mean
      ck_norm_apply(y.sample(n), y.stride, input.sample(n), input.stride, factor, beta, nil, 1, 0, places, c)
    }
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    return output(
      y, inputs: [x], parameters: [weight, bias], work: .init(passes: 3, over: input.count),
      backwardWork: .init(passes: 6, over: input.count)
    ) { [engine] dy in
      let products = engine.tensor([input.batch, c]), ofInput = engine.tensor([input.batch, c])
      engine.threads.run(input.batch) { n, _ in
        ck_product_sums(products.sample(n), dy.sample(n), dy.stride, input.sample(n), input.stride, places, c)
        let norm = norms.sample(n), product = products.sample(n), mean = means.base[n]
        // d loss / d G_c = gamma_c p_c / mean - (sum of gamma p G) / (C mean²), over G_c for the input's own factor.
        let shared = (0..<c).reduce(Float(0)) { $0 + gamma[$1] * product[$1] * norm[$1] } / (mean * mean * Float(c))
        for channel in 0..<c {
          ofInput.sample(n)[channel] =
            norm[channel] > 0 ? (gamma[channel] * product[channel] / mean - shared) / norm[channel] : 0
        }
      }
      if let gradient = weightGradient {
        for n in 0..<input.batch {
          for channel in 0..<c {
            gradient.base[channel] += products.sample(n)[channel] * norms.sample(n)[channel] / means.base[n]
          }
        }
      }
      if let gradient = biasGradient { addSamples(of: sampleSums(dy, engine), to: gradient) }
      if x.needsGradient {
        let (dx, accumulate) = x.gradientDestination(engine)
        engine.threads.run(input.batch) { n, _ in
          ck_blend_rows(
            dx.sample(n), dx.stride, dy.sample(n), dy.stride, factors.sample(n), input.sample(n), input.stride,
            ofInput.sample(n), places, c, accumulate ? 1 : 0)
        }
      }
    }
  }
}
