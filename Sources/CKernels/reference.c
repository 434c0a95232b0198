#include "include/ck_reference.h"

#include <math.h>
#include <string.h>

size_t ck_convolution_out_height(ck_convolution_shape s) { return (s.height - 1) / s.stride + 1; }
size_t ck_convolution_out_width(ck_convolution_shape s) { return (s.width - 1) / s.stride + 1; }

// Calls `body` for every (n, oy, ox, ky, kx) whose input pixel lies in the image.
#define EACH_TAP(s, body)                                                                            \
  for (size_t n = 0; n < s.batch; n++)                                                               \
    for (size_t oy = 0; oy < ck_convolution_out_height(s); oy++)                                     \
      for (size_t ox = 0; ox < ck_convolution_out_width(s); ox++)                                    \
        for (size_t ky = 0; ky < s.kernel; ky++)                                                     \
          for (size_t kx = 0; kx < s.kernel; kx++) {                                                 \
            size_t iy = oy * s.stride + ky - s.kernel / 2, ix = ox * s.stride + kx - s.kernel / 2;   \
            if (iy >= s.height || ix >= s.width) continue; /* below zero wraps far above */          \
            size_t out = ((n * ck_convolution_out_height(s) + oy) * ck_convolution_out_width(s) + ox) * s.out; \
            size_t in = ((n * s.height + iy) * s.width + ix) * s.in;                                 \
            size_t tap = (ky * s.kernel + kx) * s.in * s.out;                                        \
            for (size_t ci = 0; ci < s.in; ci++)                                                     \
              for (size_t co = 0; co < s.out; co++) body;                                            \
          }

void ck_reference_convolution(double *y, const double *x, const double *w, ck_convolution_shape s) {
  memset(y, 0, s.batch * ck_convolution_out_height(s) * ck_convolution_out_width(s) * s.out * sizeof *y);
  EACH_TAP(s, y[out + co] += x[in + ci] * w[tap + ci * s.out + co])
}

void ck_reference_convolution_input_gradient(double *dx, const double *dy, const double *w,
                                             ck_convolution_shape s) {
  memset(dx, 0, s.batch * s.height * s.width * s.in * sizeof *dx);
  EACH_TAP(s, dx[in + ci] += dy[out + co] * w[tap + ci * s.out + co])
}

void ck_reference_convolution_weight_gradient(double *dw, const double *dy, const double *x,
                                              ck_convolution_shape s) {
  memset(dw, 0, s.kernel * s.kernel * s.in * s.out * sizeof *dw);
  EACH_TAP(s, dw[tap + ci * s.out + co] += x[in + ci] * dy[out + co])
}

void ck_reference_group_norm(double *y, const double *x, const double *gamma, const double *beta, size_t batch,
                             size_t pixels, size_t channels, size_t groups, double epsilon, int swish,
                             const uint8_t *mask, double keep_scale) {
  size_t width = channels / groups;
  for (size_t n = 0; n < batch; n++)
    for (size_t g = 0; g < groups; g++) {
      double sum = 0, square = 0, count = (double)(pixels * width);
      for (size_t p = 0; p < pixels; p++)
        for (size_t c = g * width; c < (g + 1) * width; c++) sum += x[(n * pixels + p) * channels + c];
      double mean = sum / count;
      for (size_t p = 0; p < pixels; p++)
        for (size_t c = g * width; c < (g + 1) * width; c++) {
          double d = x[(n * pixels + p) * channels + c] - mean;
          square += d * d;
        }
      double rstd = 1 / sqrt(square / count + epsilon);
      for (size_t p = 0; p < pixels; p++)
        for (size_t c = g * width; c < (g + 1) * width; c++) {
          size_t i = (n * pixels + p) * channels + c;
          double z = (x[i] - mean) * rstd * gamma[c] + beta[c];
          if (swish) z = z / (1 + exp(-z));
          y[i] = mask ? z * (mask[i] ? keep_scale : 0) : z;
        }
    }
}

void ck_reference_attention(double *out, const double *qkv, size_t batch, size_t pixels, size_t channels) {
  for (size_t n = 0; n < batch; n++)
    for (size_t i = 0; i < pixels; i++) {
      const double *q = qkv + (n * pixels + i) * 3 * channels;
      double *o = out + (n * pixels + i) * channels, total = 0;
      for (size_t c = 0; c < channels; c++) o[c] = 0;
      for (size_t j = 0; j < pixels; j++) {
        const double *k = qkv + (n * pixels + j) * 3 * channels + channels, *v = k + channels;
        double dot = 0;
        for (size_t c = 0; c < channels; c++) dot += q[c] * k[c];
        double weight = exp(dot / sqrt((double)channels));
        total += weight;
        for (size_t c = 0; c < channels; c++) o[c] += weight * v[c];
      }
      for (size_t c = 0; c < channels; c++) o[c] /= total;
    }
}

void ck_reference_linear(double *y, const double *x, const double *w, const double *b, size_t rows, size_t in,
                         size_t out) {
  for (size_t r = 0; r < rows; r++)
    for (size_t o = 0; o < out; o++) {
      double sum = b ? b[o] : 0;
      for (size_t i = 0; i < in; i++) sum += x[r * in + i] * w[i * out + o];
      y[r * out + o] = sum;
    }
}
