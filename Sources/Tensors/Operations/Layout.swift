import CKernels

extension Tape {
  /// Nearest-neighbour upsampling by two, `[N, H, W, C]` to `[N, 2 H, 2 W, C]`.
  public func upsampleNearest(_ x: Variable) -> Variable {
    let input = x.value
    let (height, width, c) = (input.shape[1], input.shape[2], input.channels)
    let y = engine.tensor([input.batch, 2 * height, 2 * width, c])
    engine.threads.run(input.batch * height) { job, _ in
      let n = job / height
      ck_upsample_nearest(y.sample(n), y.stride, input.sample(n), input.stride, width, c, job % height, 1)
    }
    return output(
      y, inputs: [x], work: .init(passes: 5, over: input.count), backwardWork: .init(passes: 5, over: input.count)
    ) { [engine] dy in
      let (dx, accumulate) = x.gradientDestination(engine)
      engine.threads.run(input.batch * height) { job, _ in
        let n = job / height
        ck_upsample_nearest_gradient(
          dx.sample(n), dx.stride, dy.sample(n), dy.stride, width, c, job % height, 1,
          accumulate ? 1 : 0)
      }
    }
  }

  /// `[a, b]` along the channels: `[N, H, W, Ca + Cb]`.
  ///
  /// Where the two already lie side by side in one buffer (their producers were given the two slices of it as
  /// destinations) nothing is copied, forward or backward.
  public func concatenate(_ a: Variable, _ b: Variable) -> Variable {
    let (left, right) = (a.value, b.value)
    precondition(left.shape.dropLast() == right.shape.dropLast(), "\(left.shape), \(right.shape)")
    let split = left.channels, total = split + right.channels
    let shape = left.shape.dropLast() + [total]
    let isJoined =
      left.storage === right.storage && right.base == left.base + split && left.stride == total
      && right.stride == total
    var joined = Tensor(storage: left.storage, base: left.base, shape: Array(shape), stride: total)
    if !isJoined {
      joined = engine.tensor(Array(shape))
      for (part, range) in [(left, 0..<split), (right, split..<total)] {
        let view = joined.slice(channels: range)
        engine.blocks(part.pixels, of: rowsPerBlock(part.channels)) { rows, _ in
          ck_copy_rows(
            view.base + rows.lowerBound * view.stride, view.stride,
            part.base + rows.lowerBound * part.stride, part.stride, rows.count, part.channels, 0)
        }
      }
    }
    return output(joined, inputs: [a, b]) { [engine] dy in
      if a.needsGradient { a.receive(dy.slice(channels: 0..<split), engine) }
      if b.needsGradient { b.receive(dy.slice(channels: split..<total), engine) }
    }
  }

  /// Some of the channels, a view: `[..., C]` to `[..., range]`.
  public func slice(_ x: Variable, channels range: Range<Int>) -> Variable {
    output(x.value.slice(channels: range), inputs: [x]) { [engine] dy in
      let own = engine.zeros(x.value.shape), part = own.slice(channels: range)
      ck_copy_rows(part.base, part.stride, dy.base, dy.stride, dy.pixels, range.count, 0)
      x.receive(own, engine)
    }
  }

  /// Four channels of a place become a channel of four places (Shi et al. 2016): y[2i + a, 2j + b, c] = x[i, j, 4c + 2a + b],
  /// `[N, H, W, 4 C]` to `[N, 2 H, 2 W, C]`.
  public func pixelShuffle(_ x: Variable) -> Variable {
    let input = x.value, (height, width, c) = (input.shape[1], input.shape[2], input.channels / 4)
    precondition(input.channels % 4 == 0, "\(input.shape) in fours")
    let y = engine.tensor([input.batch, 2 * height, 2 * width, c])
    engine.threads.run(input.batch * height) { job, _ in
      let n = job / height
      ck_pixel_shuffle(y.sample(n), y.stride, input.sample(n), input.stride, width, c, job % height, 1)
    }
    return output(
      y, inputs: [x], work: .init(passes: 2, over: input.count), backwardWork: .init(passes: 2, over: input.count)
    ) { [engine] dy in
      let (dx, accumulate) = x.gradientDestination(engine)
      engine.threads.run(input.batch * height) { job, _ in
        let n = job / height
        ck_pixel_shuffle_gradient(
          dx.sample(n), dx.stride, dy.sample(n), dy.stride, width, c, job % height, 1, accumulate ? 1 : 0)
      }
    }
  }
}
