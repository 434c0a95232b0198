// Dense products, and the elementwise kernels of the tape.
//
// Matrices are row-major with a leading dimension; a "pixel" is one row of channels.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// OpenBLAS single-threaded from now on: our own pool calls it. Once, before the first pool.
void ck_gemm_prepare(void);

/// C[m][n] = alpha op(A) op(B) + beta C; transpose_* != 0 takes the transpose.
void ck_gemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
             size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc);

/// Column-orthonormal Q of a rows x columns matrix (rows >= columns, column-major), with R's diagonal made
/// positive (Haar measure for Gaussian input). Returns LAPACK's info, 0 when all is well.
int ck_orthonormalise(float *matrix, int rows, int columns);

/// y[p][c] = x[p][c], or += where `accumulate`.
void ck_copy_rows(float *y, size_t y_stride, const float *x, size_t x_stride, size_t pixels, size_t channels,
                  int accumulate);
/// y = first[c] (NULL: 0) + second[c] (NULL: 0) + residual[p][c] (NULL: 0): what a convolution's output starts from.
void ck_fill_rows(float *y, size_t y_stride, const float *first, const float *second, const float *residual,
                  size_t residual_stride, size_t pixels, size_t channels);
/// y[i] = factor * x[i], or += where `accumulate`.
void ck_scale(float *y, const float *x, size_t count, float factor, int accumulate);
/// sums[c] = sum over pixels of x[p][c].
void ck_channel_sums(float *sums, const float *x, size_t stride, size_t pixels, size_t channels);
/// y = x sigmoid(x).
void ck_swish(float *y, const float *x, size_t count);
/// dx (+)= dy d(swish)/dx.
void ck_swish_gradient(float *dx, const float *dy, const float *x, size_t count, int accumulate);
/// y = max(x, 0) + slope min(x, 0).
void ck_rectify(float *y, size_t y_stride, const float *x, size_t x_stride, float slope, size_t pixels,
                size_t channels);
/// dx (+)= dy, times slope where x <= 0.
void ck_rectify_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride, const float *x,
                         size_t x_stride, float slope, size_t pixels, size_t channels, int accumulate);
/// The derivative of sum(dy y) by the slope: the sum of dy min(x, 0).
double ck_rectify_slope_gradient(const float *dy, size_t dy_stride, const float *x, size_t x_stride,
                                 size_t pixels, size_t channels);
/// Softmax of every row of x[rows][n], in place.
void ck_softmax_rows(float *x, size_t rows, size_t n);
/// The same over the places i with mask[i] != 0; 0 elsewhere, and in all places where none is left.
void ck_masked_softmax_rows(float *x, const uint8_t *mask, size_t rows, size_t n);
/// ds[r][i] = p (dp - sum_j dp_j p_j), in place over dp.
void ck_softmax_rows_gradient(float *dp, const float *p, size_t rows, size_t n);
/// Sum of w (x - target)^2 over pixels x channels, in double; w as target lies, null for 1.
double ck_squared_error(const float *x, size_t x_stride, const float *target, const float *weights,
                        size_t target_stride, size_t pixels, size_t channels);
/// dx (+)= factor w (x - target).
void ck_difference(float *dx, size_t dx_stride, const float *x, size_t x_stride, const float *target,
                   const float *weights, size_t target_stride, size_t pixels, size_t channels, float factor,
                   int accumulate);
/// y[2i + a][2j + b] = x[i][j]: one image [h, w, c] to [2h, 2w, c], rows `first_row` to `first_row + rows` of x.
void ck_upsample_nearest(float *y, size_t y_stride, const float *x, size_t x_stride, size_t width,
                         size_t channels, size_t first_row, size_t rows);
/// The transpose of ck_upsample_nearest.
void ck_upsample_nearest_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride, size_t width,
                                  size_t channels, size_t first_row, size_t rows, int accumulate);
/// y[2i + a][2j + b][c] = x[i][j][4c + 2a + b]: one image [h, w, 4 channels] to [2h, 2w, channels], rows `first_row` to
/// `first_row + rows` of x (Shi et al. 2016).
void ck_pixel_shuffle(float *y, size_t y_stride, const float *x, size_t x_stride, size_t width, size_t channels,
                      size_t first_row, size_t rows);
/// The transpose of ck_pixel_shuffle.
void ck_pixel_shuffle_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride, size_t width,
                               size_t channels, size_t first_row, size_t rows, int accumulate);
/// y[i][j] = the greatest of x[2i + a][2j + b]: rows `first_row` to `first_row + rows` of y, of an image x [2h, 2w, channels].
void ck_max_pool(float *y, size_t y_stride, const float *x, size_t x_stride, size_t width, size_t channels,
                 size_t first_row, size_t rows);
/// dx (+)= dy where x is the greatest of its four places, the first of equal ones.
void ck_max_pool_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride, const float *x,
                          size_t x_stride, size_t width, size_t channels, size_t first_row, size_t rows,
                          int accumulate);
/// y[i][j] = sqrt((x[i][j + 1] - x[i][j])^2 + (x[i + 1][j] - x[i][j])^2 + epsilon^2): contiguous [h, w, channels] to
/// [h - 1, w - 1, channels].
void ck_edge_strength(float *y, const float *x, size_t height, size_t width, size_t channels, float epsilon);
/// dx += dy d(edge strength)/dx.
void ck_edge_strength_gradient(float *dx, const float *dy, const float *x, const float *y, size_t height,
                               size_t width, size_t channels);

/// Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019; `decay` = lr times the
/// decay, 0 for plain Adam) over flat arenas:
/// m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w = w - decay w - step_size m / (sqrt(v) root_correction + epsilon).
typedef struct {
  float gradient_scale, beta1, beta2, epsilon, step_size, root_correction, decay;
} ck_adam;
void ck_adam_step(float *weights, const float *gradients, float *first, float *second, size_t count,
                  ck_adam rule);
/// Gradient descent with momentum and weight decay as PyTorch has them: m = momentum m + g + decay w, w = w - rate m, where
/// g is scaled.
void ck_sgd_step(float *weights, const float *gradients, float *first, size_t count, float gradient_scale,
                 float momentum, float rate, float decay);
/// Muon's momentum with Nesterov's look ahead (Jordan et al. 2024): m += (1 - momentum)(g - m), then
/// direction = g + momentum (m - g), where g is scaled.
void ck_momentum_step(float *direction, float *first, const float *gradients, size_t count, float gradient_scale,
                      float momentum);
/// Replaces a row-major matrix by nearly its polar factor, the nearest semi-orthogonal matrix: five quintic
/// Newton-Schulz iterations with Muon's coefficients, which bring singular values of 0.002 to 1 times the Frobenius
/// norm to 0.68 to 1.21, and let smaller ones stay smaller. Zeros, and what is below 1e-30, stay as they are.
void ck_polar_factor(float *matrix, size_t rows, size_t columns, float *scratch);
/// Floats of working memory that ck_polar_factor needs.
size_t ck_polar_scratch(size_t rows, size_t columns);
/// w = w - decay w - step_size direction.
void ck_descend(float *weights, const float *direction, size_t count, float step_size, float decay);
/// ema += (1 - decay)(weights - ema).
void ck_average_step(float *ema, const float *weights, size_t count, float one_minus_decay);
/// Sum of squares in double; NaN or infinity where a value is not finite.
double ck_sum_of_squares(const float *x, size_t count);
