#include "ck_internal.h"
#include "ck_math.h"
#include "include/ck_normalise.h"

CK_CLONES void ck_norm_sums(double *sums, const float *x, size_t stride, const float *shift, size_t pixels,
                            size_t channels) {
  for (size_t c = 0; c < 2 * channels; c++) sums[c] = 0;
  enum { CHANNELS = 64, PIXELS = 32 };  // float sums of few terms, then double
  for (size_t c0 = 0; c0 < channels; c0 += CHANNELS) {
    size_t n = channels - c0 < CHANNELS ? channels - c0 : CHANNELS;
    for (size_t p0 = 0; p0 < pixels; p0 += PIXELS) {
      size_t end = pixels - p0 < PIXELS ? pixels : p0 + PIXELS;
      float first[CHANNELS] = {0}, second[CHANNELS] = {0};
      for (size_t p = p0; p < end; p++) {
        const float *from = x + p * stride + c0;
        for (size_t c = 0; c < n; c++) {
          float d = from[c] - shift[c0 + c];
          first[c] += d;
          second[c] += d * d;
        }
      }
      for (size_t c = 0; c < n; c++) {
        sums[c0 + c] += (double)first[c];
        sums[channels + c0 + c] += (double)second[c];
      }
    }
  }
}

CK_CLONES void ck_norm_apply(float *y, size_t y_stride, const float *x, size_t x_stride, const float *a,
                             const float *b, const uint8_t *mask, float keep_scale, int swish, size_t pixels,
                             size_t channels) {
  for (size_t p = 0; p < pixels; p++) {
    float *to = y + p * y_stride;
    const float *from = x + p * x_stride;
    if (swish)
      for (size_t c = 0; c < channels; c++) {
        float z = from[c] * a[c] + b[c];
        to[c] = z * ck_sigmoid(z);
      }
    else
      for (size_t c = 0; c < channels; c++) to[c] = from[c] * a[c] + b[c];
    if (mask) {
      const uint8_t *kept = mask + p * channels;
      for (size_t c = 0; c < channels; c++) to[c] *= (float)kept[c] * keep_scale;
    }
  }
}

CK_INLINE float pre_activation_gradient(float dy, float z, int swish) {
  if (!swish) return dy;
  float s = ck_sigmoid(z);
  return dy * s * (1.0f + z * (1.0f - s));
}

CK_CLONES void ck_norm_gradient_sums(float *sums, const float *dy, size_t dy_stride, const float *x,
                                     size_t x_stride, const float *a, const float *b, const float *mean,
                                     const float *rstd, const uint8_t *mask, float keep_scale, int swish,
                                     size_t pixels, size_t channels) {
  for (size_t c = 0; c < 2 * channels; c++) sums[c] = 0;
  for (size_t p = 0; p < pixels; p++) {
    const float *g = dy + p * dy_stride, *from = x + p * x_stride;
    const uint8_t *kept = mask ? mask + p * channels : NULL;
    float *plain = sums, *scaled = sums + channels;
    if (kept)
      for (size_t c = 0; c < channels; c++) {
        float dz = pre_activation_gradient(g[c] * (float)kept[c] * keep_scale, from[c] * a[c] + b[c], swish);
        plain[c] += dz;
        scaled[c] += dz * (from[c] - mean[c]) * rstd[c];
      }
    else
      for (size_t c = 0; c < channels; c++) {
        float dz = pre_activation_gradient(g[c], from[c] * a[c] + b[c], swish);
        plain[c] += dz;
        scaled[c] += dz * (from[c] - mean[c]) * rstd[c];
      }
  }
}

// `swish`, `masked` and `accumulate` are constants at each call below, so that the loop over channels vectorises.
CK_INLINE void gradient_row(float *restrict to, const float *restrict g, const float *restrict from,
                            const float *restrict a, const float *restrict b, const float *restrict mean,
                            const float *restrict p, const float *restrict q, const uint8_t *restrict kept,
                            float keep_scale, int swish, int masked, int accumulate, size_t channels) {
  for (size_t c = 0; c < channels; c++) {
    float incoming = masked ? g[c] * (float)kept[c] * keep_scale : g[c];
    float dz = pre_activation_gradient(incoming, from[c] * a[c] + b[c], swish);
    float d = a[c] * dz - p[c] - q[c] * (from[c] - mean[c]);
    to[c] = accumulate ? to[c] + d : d;
  }
}

CK_CLONES void ck_norm_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride, const float *x,
                                size_t x_stride, const float *a, const float *b, const float *mean,
                                const float *p, const float *q, const uint8_t *mask, float keep_scale,
                                int swish, int accumulate, size_t pixels, size_t channels) {
#define ROWS(swish, masked, accumulate)                                                                      \
  for (size_t r = 0; r < pixels; r++)                                                                        \
  gradient_row(dx + r * dx_stride, dy + r * dy_stride, x + r * x_stride, a, b, mean, p, q,                   \
               masked ? mask + r * channels : NULL, keep_scale, swish, masked, accumulate, channels)
  switch ((swish ? 4 : 0) | (mask ? 2 : 0) | (accumulate ? 1 : 0)) {
    case 0: ROWS(0, 0, 0); break;
    case 1: ROWS(0, 0, 1); break;
    case 2: ROWS(0, 1, 0); break;
    case 3: ROWS(0, 1, 1); break;
    case 4: ROWS(1, 0, 0); break;
    case 5: ROWS(1, 0, 1); break;
    case 6: ROWS(1, 1, 0); break;
    default: ROWS(1, 1, 1); break;
  }
#undef ROWS
}

CK_CLONES void ck_dropout_mask(uint8_t *mask, const uint32_t *bits, uint32_t threshold, size_t count) {
  for (size_t i = 0; i < count; i++) mask[i] = bits[i] >= threshold;
}

CK_CLONES void ck_masked_scale(float *y, const float *x, const uint8_t *mask, float keep_scale, size_t count,
                               int accumulate) {
  for (size_t i = 0; i < count; i++) {
    float d = x[i] * (float)mask[i] * keep_scale;
    y[i] = accumulate ? y[i] + d : d;
  }
}
