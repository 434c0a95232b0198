// Convolution by gathered rows ("im2col") and its two gradients; the products are GEMMs of the caller.
#pragma once

#include <stddef.h>

/// Rows of a gathered matrix: for target pixel r (r = i * target_width + j, `count` of them from `first`) and
/// tap t, out[r - first][t][0..<channels] = x[i * step + offsets[2t]][j * step + offsets[2t + 1]], zero outside.
/// x is one image [height, width, channels]; `step` is the convolution's stride (forward) or 1 (gradient).
void ck_gather_taps(float *out, const float *x, size_t height, size_t width, size_t channels, size_t stride,
                    size_t target_width, size_t step, const int *offsets, size_t taps, size_t first,
                    size_t count);

/// Spreads rows over one parity class of an image: row r goes to pixel (row0 + step i, column0 + step j) with
/// r = i * class_width + j, stored, or added where `accumulate`.
void ck_scatter_class(float *image, size_t width, size_t stride, const float *rows, size_t channels,
                      size_t class_width, size_t step, size_t row0, size_t column0, size_t first, size_t count,
                      int accumulate);
