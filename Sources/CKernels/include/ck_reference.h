// The naive kernels, in double: the oracles that every fast kernel is held against. Contiguous arrays,
// no blocking, no fusion, one definition a line.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
  size_t batch, height, width, in, out, kernel, stride;  // padding is kernel / 2
} ck_convolution_shape;

size_t ck_convolution_out_height(ck_convolution_shape s);
size_t ck_convolution_out_width(ck_convolution_shape s);

/// y[n][oy][ox][co] = sum x[n][oy s + ky - p][ox s + kx - p][ci] w[ky][kx][ci][co].
void ck_reference_convolution(double *y, const double *x, const double *w, ck_convolution_shape s);
/// dx = transpose of the above applied to dy.
void ck_reference_convolution_input_gradient(double *dx, const double *dy, const double *w,
                                             ck_convolution_shape s);
/// dw = the derivative of sum(dy y) by w.
void ck_reference_convolution_weight_gradient(double *dw, const double *dy, const double *x,
                                              ck_convolution_shape s);
/// Group norm over [batch, pixels, channels] with `groups` groups, Swish where `swish`, mask (NULL: none).
void ck_reference_group_norm(double *y, const double *x, const double *gamma, const double *beta, size_t batch,
                             size_t pixels, size_t channels, size_t groups, double epsilon, int swish,
                             const uint8_t *mask, double keep_scale);
/// out[n][i][c] = sum_j softmax_j(q_i k_j / sqrt(C)) v_j, qkv [batch, pixels, 3 channels].
void ck_reference_attention(double *out, const double *qkv, size_t batch, size_t pixels, size_t channels);
/// y[r][o] = b[o] + sum_i x[r][i] w[i][o].
void ck_reference_linear(double *y, const double *x, const double *w, const double *b, size_t rows, size_t in,
                         size_t out);
