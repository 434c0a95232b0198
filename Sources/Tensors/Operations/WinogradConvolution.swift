import CKernels

/// The products of a 3×3 convolution of stride 1 by Winograd's F(4×4, 3×3): see `ck_winograd.h`.
///
/// Rounding: for operands of unit variance, errors of relative deviation r in the transformed products give an output
/// the deviation 14.3 r for each root of a channel (root mean square over a tile; 24.5 at its worst place), beside a
/// value of 3: relative errors of about 5e-7, whatever the number of channels. Measured against the naive kernel in
/// double: below 1e-6 for 3 to 1024 channels, forward and in both gradients. The usual points ±1, ±2 have 32 and 94.
struct WinogradKernels: ConvolutionKernels {
  let shape: ConvolutionShape
  let engine: Engine
  let prepared: PreparedWeights?

  func forward(
    _ x: Tensor, _ weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, perSample: Tensor?,
    residual: Tensor?, into y: Tensor
  ) {
    let start = startingValues(bias, perSample, batch: x.batch)
    run(
      ck_winograd_operands(
        x: x.base, x_stride: x.stride, weights: weight, transposed: 0, y: y.base, y_stride: y.stride,
        start: start.map { UnsafePointer($0.base) }, residual: residual.map { UnsafePointer($0.base) },
        residual_stride: residual?.stride ?? 0),
      ck_winograd_product_plan(x.batch, shape.height, shape.width, shape.input, shape.output))
    withExtendedLifetime(start) {}
  }

  func inputGradient(
    _ dy: Tensor, _ weight: UnsafePointer<Float>, into dx: Tensor, accumulate: Bool
  ) {
    run(
      ck_winograd_operands(
        x: dy.base, x_stride: dy.stride, weights: weight, transposed: 1, y: dx.base, y_stride: dx.stride,
        start: nil, residual: accumulate ? UnsafePointer(dx.base) : nil, residual_stride: dx.stride),
      ck_winograd_product_plan(dy.batch, shape.height, shape.width, shape.output, shape.input))
  }

  private func run(_ operands: ck_winograd_operands, _ plan: ck_winograd) {
    withUnsafePointer(to: plan) { plan in
      withUnsafePointer(to: operands) { operands in
        let scratch = engine.pool.buffer(engine.threads.count * plan.pointee.scratch)
        let kept =
          operands.pointee.transposed == 0
          ? prepared?.winograd(operands.pointee.weights, plan, engine.threads) : nil
        let shared = kept == nil && plan.pointee.shared > 0 ? engine.pool.buffer(plan.pointee.shared) : nil
        if let shared {
          engine.threads.run(ck_winograd_weight_jobs(plan)) { job, _ in
            ck_winograd_transform_weights(
              plan, operands.pointee.weights, operands.pointee.transposed, shared.base, job)
          }
        }
        engine.threads.run(plan.pointee.jobs) { job, worker in
          ck_winograd_product(
            plan, operands, kept ?? shared.map { UnsafePointer($0.base) },
            scratch.base + worker * plan.pointee.scratch, job)
        }
      }
    }
  }

  func weightGradient(_ x: Tensor, _ dy: Tensor, into dw: UnsafeMutablePointer<Float>) {
    let plan = ck_winograd_weight_plan(x.batch, shape.height, shape.width, shape.input, shape.output)
    withUnsafePointer(to: plan) { plan in
      let scratch = engine.pool.buffer(engine.threads.count * plan.pointee.scratch)
      let partial = plan.pointee.shared > 0 ? engine.pool.buffer(plan.pointee.shared) : nil
      engine.threads.run(plan.pointee.jobs) { job, worker in
        ck_winograd_weight_gradient(
          plan, x.base, x.stride, dy.base, dy.stride, dw, partial?.base,
          scratch.base + worker * plan.pointee.scratch, job)
      }
      if let partial {
        engine.blocks(9 * shape.input * shape.output, of: 4096) { range, _ in
          ck_winograd_sum_chunks(plan, dw, partial.base, range.lowerBound, range.count)
        }
      }
    }
  }
}
