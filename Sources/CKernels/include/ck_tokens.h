// Kernels of transformers and of ConvNeXt: rows of channels ("tokens"), and patches of pixels.
#pragma once

#include <stddef.h>

/// y[r] = (x[r] - mean) rstd gamma + beta over each row; statistics[r] = {mean, rstd}.
void ck_layer_norm(float *y, size_t y_stride, float *statistics, const float *x, size_t x_stride,
                   const float *gamma, const float *beta, float epsilon, size_t rows, size_t channels);
/// dx (+)= the gradient (dx NULL: not wanted); sums[0][c] = sum dy, sums[1][c] = sum dy (x - mean) rstd.
void ck_layer_norm_gradient(float *dx, size_t dx_stride, float *sums, const float *dy, size_t dy_stride,
                            const float *x, size_t x_stride, const float *statistics, const float *gamma,
                            size_t rows, size_t channels, int accumulate);

/// y = x Phi(x), Phi the normal distribution's (Hendrycks and Gimpel 2016), to 2e-7.
void ck_gelu(float *y, const float *x, size_t count);
/// dx (+)= dy (Phi(x) + x phi(x)).
void ck_gelu_gradient(float *dx, const float *dy, const float *x, size_t count, int accumulate);
/// y[r][i] = x[r][i] gelu(x[r][inner + i]) (Shazeer 2020).
void ck_geglu(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows, size_t inner);
/// dx = its gradient, both halves.
void ck_geglu_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride, const float *x,
                       size_t x_stride, size_t rows, size_t inner);

/// Turns pairs of channels: of each pair (a, b) y = (a c - b s, a s + b c), with cosines c and sines s of `pairs` angles,
/// again for every head.
void ck_rotate_rows(float *y, size_t y_stride, const float *x, size_t x_stride, const float *cosines,
                    const float *sines, size_t rows, size_t heads, size_t pairs);

/// The extents of a map of channels apart, and of its kernel (odd).
typedef struct {
  size_t height, width, channels, kernel;
} ck_depthwise;

/// Row `row` of y = bias + x * w, padding kernel / 2; w[k][k][c]; bias may be NULL; `flipped` takes taps in reverse order.
void ck_depthwise_row(float *y, size_t y_stride, const float *x, size_t x_stride, const float *w, const float *bias,
                      ck_depthwise shape, size_t row, int flipped, int accumulate);
/// dw[k][k][c] = the derivative of sum(dy y) by w over one map, channels first ... first + count.
void ck_depthwise_weights(float *dw, const float *dy, size_t dy_stride, const float *x, size_t x_stride,
                          ck_depthwise shape, size_t first, size_t count);

/// sums[c] = sum over pixels of a[p][c] b[p][c].
void ck_product_sums(float *sums, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t pixels,
                     size_t channels);
/// y (+)= a[p][c] f[c] + b[p][c] g[c].
void ck_blend_rows(float *y, size_t y_stride, const float *a, size_t a_stride, const float *f, const float *b,
                   size_t b_stride, const float *g, size_t pixels, size_t channels, int accumulate);

/// Patches of a map: that at (row, column) begins at pixel (row stride - before, column stride - before); pixels beyond the map
/// are 0.
typedef struct {
  size_t height, width, channels;
  size_t kernel, stride, before;
  size_t rows, columns;
} ck_patches;

/// Row `row` of patches, y[column][k][k][c].
void ck_gather_patches(float *y, const float *x, size_t x_stride, ck_patches shape, size_t row);
/// Row `row` of the map: x (+)= what every patch holds of it.
void ck_scatter_patches(float *x, size_t x_stride, const float *y, size_t y_stride, ck_patches shape, size_t row,
                        int accumulate);
