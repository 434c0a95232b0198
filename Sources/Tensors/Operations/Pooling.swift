import CKernels

extension Tape {
  /// The mean over each sample's places, `[N, H, W, C]` to `[N, C]`.
  public func meanOverPlaces(_ x: Variable) -> Variable {
    let input = x.value, share = 1 / Float(input.pixelsPerSample)
    let y = sampleSums(input, engine)
    ck_scale(y.base, y.base, y.count, share, 0)
    return output(y, inputs: [x]) { [engine] dy in
      let (dx, accumulate) = x.gradientDestination(engine), shares = engine.contiguousCopy(dy)
      ck_scale(shares.base, shares.base, shares.count, share, 0)
      engine.threads.run(input.batch) { n, _ in
        ck_fill_rows(
          dx.sample(n), dx.stride, shares.sample(n), nil, accumulate ? dx.sample(n) : nil, dx.stride,
          input.pixelsPerSample, input.channels)
      }
    }
  }

  /// Means of 2×2 places, `[N, H, W, C]` to `[N, H / 2, W / 2, C]`; H and W are even. A quarter of the transpose of
  /// `upsampleNearest`.
  public func averagePool(_ x: Variable) -> Variable {
    let input = x.value, (height, width, c) = (input.shape[1] / 2, input.shape[2] / 2, input.channels)
    precondition(input.shape[1] % 2 == 0 && input.shape[2] % 2 == 0, "\(input.shape) in places of 2×2")
    let y = engine.tensor([input.batch, height, width, c])
    engine.threads.run(input.batch) { n, _ in
      ck_upsample_nearest_gradient(y.sample(n), y.stride, input.sample(n), input.stride, width, c, 0, height, 0)
      ck_scale(y.sample(n), y.sample(n), height * width * c, 0.25, 0)
    }
    return output(y, inputs: [x]) { [engine] dy in
      let own = engine.tensor(input.shape)
      engine.threads.run(input.batch) { n, _ in
        ck_upsample_nearest(own.sample(n), own.stride, dy.sample(n), dy.stride, width, c, 0, height)
        ck_scale(own.sample(n), own.sample(n), own.count / own.batch, 0.25, 0)
      }
      x.receive(own, engine)
    }
  }

  /// The greatest of 2×2 places, `[N, H, W, C]` to `[N, H / 2, W / 2, C]`; H and W are even.
  public func maxPool(_ x: Variable) -> Variable {
    let input = x.value, (height, width, c) = (input.shape[1] / 2, input.shape[2] / 2, input.channels)
    precondition(input.shape[1] % 2 == 0 && input.shape[2] % 2 == 0, "\(input.shape) in places of 2×2")
    let y = engine.tensor([input.batch, height, width, c])
    engine.threads.run(input.batch * height) { job, _ in
      let n = job / height
      ck_max_pool(y.sample(n), y.stride, input.sample(n), input.stride, width, c, job % height, 1)
    }
    return output(y, inputs: [x]) { [engine] dy in
      let (dx, accumulate) = x.gradientDestination(engine)
      engine.threads.run(input.batch * height) { job, _ in
        let n = job / height
        ck_max_pool_gradient(
          dx.sample(n), dx.stride, dy.sample(n), dy.stride, input.sample(n), input.stride, width, c, job % height, 1,
          accumulate ? 1 : 0)
      }
    }
  }

  /// How steep a map is, whatever the direction: sqrt(dx² + dy² + epsilon²) of forward differences at their common corner.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, C]`, H and W at least 2.
  ///   - epsilon: what it is where the map is flat.
  /// - Returns: `[N, H - 1, W - 1, C]`.
  public func edgeStrength(_ x: Variable, epsilon: Float = 1e-3) -> Variable {
    let input = x.value.isContiguous ? x.value : engine.contiguousCopy(x.value)
    let (height, width, c) = (input.shape[1], input.shape[2], input.channels)
    let y = engine.tensor([input.batch, height - 1, width - 1, c])
    engine.threads.run(input.batch) { n, _ in ck_edge_strength(y.sample(n), input.sample(n), height, width, c, epsilon)
    }
    return output(y, inputs: [x]) { [engine] dy in
      let own = engine.zeros(input.shape), incoming = dy.isContiguous ? dy : engine.contiguousCopy(dy)
      engine.threads.run(input.batch) { n, _ in
        ck_edge_strength_gradient(
          own.sample(n), incoming.sample(n), input.sample(n), y.sample(n), height, width, c)
      }
      x.receive(own, engine)
    }
  }
}
