// Group norm, Swish and dropout as one pass: y = mask * swish(x a + b), a = gamma rstd, b = beta - mean a.
// All on one sample [pixels, channels]; partial sums are combined by the caller in a fixed order.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// For each channel: sums[c] = sum of (x - shift[c]), sums[channels + c] = sum of its square, in double.
/// `shift` is near the mean (one pixel's values), so that nothing cancels.
void ck_norm_sums(double *sums, const float *x, size_t stride, const float *shift, size_t pixels,
                  size_t channels);
/// y = x a[c] + b[c]; then Swish where `swish`; then times keep_scale where mask[p][c] != 0, else 0 (NULL: no
/// dropout).
void ck_norm_apply(float *y, size_t y_stride, const float *x, size_t x_stride, const float *a, const float *b,
                   const uint8_t *mask, float keep_scale, int swish, size_t pixels, size_t channels);
/// With dz the gradient of z = x a + b: sums[c] = sum of dz, sums[channels + c] = sum of dz (x - mean[c]) rstd[c].
void ck_norm_gradient_sums(float *sums, const float *dy, size_t dy_stride, const float *x, size_t x_stride,
                           const float *a, const float *b, const float *mean, const float *rstd,
                           const uint8_t *mask, float keep_scale, int swish, size_t pixels, size_t channels);
/// dx (+)= a dz - p[c] - q[c] (x - mean[c]): the mean over the group is folded into p and q.
void ck_norm_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride, const float *x,
                      size_t x_stride, const float *a, const float *b, const float *mean, const float *p,
                      const float *q, const uint8_t *mask, float keep_scale, int swish, int accumulate,
                      size_t pixels, size_t channels);
/// mask[i] = 1 where a 32-bit random number is at least `threshold`, else 0.
void ck_dropout_mask(uint8_t *mask, const uint32_t *bits, uint32_t threshold, size_t count);
/// y (+)= x keep_scale mask: dropout alone, and its own gradient.
void ck_masked_scale(float *y, const float *x, const uint8_t *mask, float keep_scale, size_t count,
                     int accumulate);
