// Two-dimensional transforms between maps and the blocks that the products run on. A block holds, for each of the
// 36 positions, a matrix [rows][pitch]; matrices lie `ck_matrix_step` apart, an odd number of cache lines, so that
// the 36 stores of one transform do not meet in the same cache sets.
#pragma once

#include "ck_lanes.h"
#include "include/ck_winograd.h"

/// Positions of a tile, and the most channels of a block of data or slopes.
enum { CK_POSITIONS = 36, CK_BLOCK_CHANNELS = 64 };

CK_INLINE size_t ck_matrix_step(size_t rows, size_t pitch) { return rows * pitch + CK_LANES; }

/// A view of a map: [batch, height, width] pixels, `stride` elements apart.
typedef struct {
  const float *base;
  size_t stride;
} ck_map;

/// v[position][tile][c] = Bt d B for tiles `first`..., channels `channel`...: `count` of each; lanes behind are zero.
void ck_transform_data(float *v, size_t step, size_t pitch, const ck_winograd *plan, ck_map x, size_t first,
                       size_t tiles, size_t channel, size_t channels);
/// m[position][tile][k] = A dy At.
void ck_transform_slopes(float *m, size_t step, size_t pitch, const ck_winograd *plan, ck_map dy, size_t first,
                         size_t tiles, size_t channel, size_t channels);
/// y = At m A + start + residual.
void ck_transform_outputs(const float *m, size_t step, size_t pitch, const ck_winograd *plan,
                          const ck_winograd_operands *operands, size_t first, size_t tiles, size_t channel,
                          size_t channels);
/// u[position][c][k] = G g Gt for input channels `input`... and output channels `output`... of the product.
void ck_transform_weights(float *u, size_t step, size_t pitch, const ck_winograd *plan, const float *weights,
                          int transposed, size_t input, size_t inputs, size_t output, size_t outputs);
/// dw (+)= Gt u G.
void ck_transform_weight_slopes(const float *u, size_t step, size_t pitch, const ck_winograd *plan, float *dw,
                                int accumulate, size_t input, size_t inputs, size_t output, size_t outputs);
