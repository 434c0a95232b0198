// Convolution of any odd kernel and stride, tap by tap: rows of pixels are gathered into blocks that stay in a cache
// and multiplied there. A 1 x 1 kernel is a plain matrix product over pixels.
#pragma once

#include <stddef.h>

/// Pixels that are gathered from one image [height, width, channels]: for target r = i * target_width + j and tap t
/// the pixel (i * step + offsets[2t], j * step + offsets[2t + 1]), zero outside the image.
typedef struct {
  const float *x;
  size_t height, width, stride;
  size_t target_width, step;
  size_t taps;
  const int *offsets;   // [taps][2]
  const int *matrices;  // [taps], which of the kernel's matrices goes with a tap
} ck_taps;

/// Where results go: target r = i * target_width + j of one image to pixel (row + i * step, column + j * step) of y.
typedef struct {
  float *y;
  size_t stride, width;
  size_t row, column, step;
  const float *start;     // [outputs], added at every pixel; NULL: 0
  const float *residual;  // shaped like y, may be y; NULL: 0
  size_t residual_stride;
} ck_targets;

/// Rows that are gathered at a time, and the most that share a block of weights.
enum { CK_TAP_ROWS = 56, CK_TAP_GROUP = 4 * CK_TAP_ROWS, CK_TAP_OUTPUTS = 128, CK_TAP_INPUTS = 128 };

/// Floats that one of the jobs below needs.
size_t ck_taps_scratch(void);

/// y[r][k] = start + residual + sum over taps and channels of x[pixel(r, t)][c] w[matrix(t)][c][k], for targets
/// `first`..., at most CK_TAP_GROUP, and outputs `output`..., at most CK_TAP_OUTPUTS. w is [kernel, kernel, inputs,
/// outputs]; where `transposed`, [.., outputs, inputs].
void ck_taps_product(const ck_taps *taps, const ck_targets *targets, const float *w, int transposed,
                     size_t inputs, size_t outputs, size_t first, size_t rows, size_t output, float *scratch);

/// The sums of a block of a weight gradient: sums[c][k] (+)= sum over targets `first`... of x[pixel(r, tap)][c]
/// dy[r][k], inputs from `input` on (at most CK_TAP_INPUTS) and outputs from `output` on (at most CK_TAP_OUTPUTS);
/// `sums` is [CK_TAP_INPUTS][CK_TAP_OUTPUTS].
void ck_taps_gradient(const ck_taps *taps, size_t tap, const float *dy, size_t dy_stride, size_t inputs,
                      size_t outputs, size_t first, size_t rows, size_t input, size_t output, float *sums,
                      int accumulate, float *scratch);
/// dw[c][k] += sums[c][k] over such a block; dw is one matrix [inputs, outputs].
void ck_add_block(float *dw, const float *sums, size_t inputs, size_t outputs, size_t input, size_t output);

/// An image [height, width, channels] under a kernel of odd extent and padding kernel / 2.
typedef struct {
  size_t height, width, channels, kernel;
} ck_unfolded;

/// What each tap sees of some rows, zero beyond the image: planes[tap channels + c][(row - first_row) width + column] =
/// x[row + tap / kernel - pad][column + tap % kernel - pad][c]. Planes are `plane_stride` apart.
void ck_unfold(float *planes, size_t plane_stride, const float *x, size_t x_stride, ck_unfolded shape,
               size_t first_row, size_t rows);
/// The transpose: adds to some rows of y what the taps of planes give them; these begin at row `planes_first_row` and hold
/// all rows that matter.
void ck_fold(float *y, size_t y_stride, const float *planes, size_t plane_stride, ck_unfolded shape, size_t first_row,
             size_t rows, size_t planes_first_row);
