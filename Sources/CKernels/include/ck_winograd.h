// Winograd's F(4x4, 3x3) for 3 x 3 convolutions of stride 1 and padding 1, and its exact transposes for the gradients.
//
// y = At [(G g Gt) * (Bt d B)] A over tiles of 4 x 4 outputs from 6 x 6 inputs: 36 multiplications a tile where the
// definition has 144. All three products run in blocks whose operands stay in a core's second-level cache; weights
// are transformed as they are met, since they change every step and four times their size would not fit a cache.
#pragma once

#include <stddef.h>

/// One product's extents and its blocking, which is a function of the extents alone.
typedef struct {
  size_t batch, height, width;  // of both maps
  size_t input, output;         // channels of the product's operand and result
  size_t tile_rows, tile_columns, tiles;
  size_t tile_block, input_block, output_block;
  size_t tile_chunks;  // shares of the tiles whose weight gradients are summed apart
  size_t jobs;         // how many times the function is to be called
  size_t scratch;      // floats that each worker needs
  size_t shared;       // floats that all jobs share; 0: none
  size_t transformed;  // floats of a product's transformed weights, whether or not jobs share them
} ck_winograd;

/// The plan of y = x * w, or of an input gradient (there `input` is the layer's output channels).
ck_winograd ck_winograd_product_plan(size_t batch, size_t height, size_t width, size_t input, size_t output);
/// The plan of a weight gradient.
ck_winograd ck_winograd_weight_plan(size_t batch, size_t height, size_t width, size_t input, size_t output);

/// What a product reads and writes. Pixels are `stride` elements apart.
typedef struct {
  const float *x;  // [batch, height, width, input]
  size_t x_stride;
  const float *weights;  // [3, 3, input, output]; where `transposed`: [3, 3, output, input], and turned by 180 degrees
  int transposed;
  float *y;  // [batch, height, width, output]
  size_t y_stride;
  const float *start;     // [batch, output], added at every pixel; NULL: 0
  const float *residual;  // [batch, height, width, output], may be y; NULL: 0
  size_t residual_stride;
} ck_winograd_operands;

/// Transforms a share of the weights into `shared` [transformed]: job < ck_winograd_weight_jobs(plan). Their order
/// depends on the channels alone, so they can be kept for any batch.
void ck_winograd_transform_weights(const ck_winograd *plan, const float *weights, int transposed, float *shared,
                                   size_t job);
size_t ck_winograd_weight_jobs(const ck_winograd *plan);
/// One job of y = x * w + start + residual; without `shared` each transforms the weights that it meets.
void ck_winograd_product(const ck_winograd *plan, const ck_winograd_operands *operands, const float *shared,
                         float *scratch, size_t job);

/// One job of dw [3, 3, input, output] += the derivative of sum(dy y). With tile_chunks > 1, `partial` [tile_chunks,
/// 3, 3, input, output] receives each chunk's share instead: ck_winograd_sum_chunks adds them in order.
void ck_winograd_weight_gradient(const ck_winograd *plan, const float *x, size_t x_stride, const float *dy,
                                 size_t dy_stride, float *dw, float *partial, float *scratch, size_t job);
/// dw[i] += sum over chunks of partial[chunk][i], for `count` elements from `first`.
void ck_winograd_sum_chunks(const ck_winograd *plan, float *dw, const float *partial, size_t first,
                            size_t count);
