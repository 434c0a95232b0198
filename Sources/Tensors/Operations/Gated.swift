import CKernels
import Foundation

extension Tape {
  /// y = x Phi(x), Phi the standard normal distribution's (Hendrycks and Gimpel 2016), exact to rounding.
  public func gelu(_ x: Variable) -> Variable {
    let input = x.value.isContiguous ? x.value : engine.contiguousCopy(x.value)
    let y = engine.tensor(input.shape)
    engine.blocks(input.count, of: 16384) { range, _ in
      ck_gelu(y.base + range.lowerBound, input.base + range.lowerBound, range.count)
    }
    return output(
      y, inputs: [x], work: .init(passes: 2, over: input.count), backwardWork: .init(passes: 3, over: input.count)
    ) { [engine] dy in
      let slope = dy.isContiguous ? dy : engine.contiguousCopy(dy), own = engine.tensor(input.shape)
      engine.blocks(input.count, of: 16384) { range, _ in
        let first = range.lowerBound
        ck_gelu_gradient(own.base + first, slope.base + first, input.base + first, range.count, 0)
      }
      x.receive(own, engine)
    }
  }

  /// A gated linear unit's gate (Shazeer 2020): value · gelu(gate).
  ///
  /// - Parameter x: `[..., 2 C]`, values, then gates.
  /// - Returns: `[..., C]`.
  public func geglu(_ x: Variable) -> Variable {
    let input = x.value, inner = input.channels / 2
    precondition(input.channels == 2 * inner, "values and gates of equal width")
    let y = engine.tensor(input.shape.dropLast() + [inner])
    engine.blocks(input.pixels, of: rowsPerBlock(input.channels)) { rows, _ in
      let first = rows.lowerBound
      ck_geglu(
        y.base + first * y.stride, y.stride, input.base + first * input.stride, input.stride, rows.count, inner)
    }
    return output(
      y, inputs: [x], work: .init(passes: 3, over: y.count), backwardWork: .init(passes: 5, over: y.count)
    ) { [engine] dy in
      let own = engine.tensor(input.shape)
      engine.blocks(input.pixels, of: rowsPerBlock(input.channels)) { rows, _ in
        let first = rows.lowerBound
        ck_geglu_gradient(
          own.base + first * own.stride, own.stride, dy.base + first * dy.stride, dy.stride,
          input.base + first * input.stride, input.stride, rows.count, inner)
      }
      x.receive(own, engine)
    }
  }

  /// Turns pairs of channels of each head by angles of the token's group: the location code of stations (BSLE, eqs. 9-15).
  ///
  /// - Parameters:
  ///   - x: `[N, groups · L, heads · d]`, tokens of one group after those of the other; d even.
  ///   - angles: `[N][groups][d / 2]` [rad], the same for every head and for all tokens of a group.
  ///   - heads: each head's channels lie next to one another.
  public func rotate(_ x: Variable, angles: [[[Double]]], heads: Int) -> Variable {
    let input = x.value, pairs = input.channels / heads / 2, groups = angles.first?.count ?? 1
    precondition(input.channels == 2 * pairs * heads, "\(heads) heads of even width in \(input.channels) channels")
    precondition(
      angles.count == input.batch && input.pixelsPerSample % groups == 0
        && angles.allSatisfy { $0.count == groups && $0.allSatisfy { $0.count == pairs } },
      "an angle for each pair of each group of tokens")
    let flat = angles.flatMap { $0.flatMap(\.self) }, each = input.pixelsPerSample / groups
    let cosines = engine.tensor([flat.count], flat.map { Float(cos($0)) })
    let sines = engine.tensor([flat.count], flat.map { Float(sin($0)) }), back = engine.tensor([flat.count])
    ck_scale(back.base, sines.base, flat.count, -1, 0)
    func turn(_ from: Tensor, _ sines: Tensor, into to: Tensor) {
      engine.threads.run(input.batch * groups) { job, _ in
        ck_rotate_rows(
          to.base + job * each * to.stride, to.stride, from.base + job * each * from.stride, from.stride,
          cosines.base + job * pairs, sines.base + job * pairs, each, heads, pairs)
      }
    }
    let y = engine.tensor(input.shape)
    turn(input, sines, into: y)
    return output(
      y, inputs: [x], work: .init(passes: 2, over: input.count), backwardWork: .init(passes: 2, over: input.count)
    ) { [engine] dy in
      let own = engine.tensor(input.shape)
      turn(dy, back, into: own)
      x.receive(own, engine)
    }
  }
}
