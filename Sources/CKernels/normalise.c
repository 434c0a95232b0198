#include "ck_lanes.h"
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

/// keep_scale where the mask is 1, else 0; 1 without a mask.
CK_INLINE ck_lanes kept(const uint8_t *mask, float keep_scale, size_t count) {
  typedef uint8_t bytes __attribute__((vector_size(16), aligned(1)));
  bytes flags = {0};
  if (count == CK_LANES)
    flags = *(const bytes *)mask;
  else
    for (size_t i = 0; i < count; i++) flags[i] = mask[i];
  return __builtin_convertvector(flags, ck_lanes) * keep_scale;
}

// `swish` and `masked` are constants where the bodies below are inlined: no pass asks for them in its inner loop.
CK_INLINE void apply(const int swish, const int masked, float *y, size_t y_stride, const float *x,
                     size_t x_stride, const float *a, const float *b, const uint8_t *mask, float keep_scale,
                     size_t pixels, size_t channels) {
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t n = channels - c < CK_LANES ? channels - c : CK_LANES;
      ck_lanes z = ck_load_part(x + p * x_stride + c, n) * ck_load_part(a + c, n) + ck_load_part(b + c, n);
      if (swish) z *= ck_sigmoid_lanes(z);
      if (masked) z *= kept(mask + p * channels + c, keep_scale, n);
      ck_store_part(y + p * y_stride + c, z, n);
    }
}

CK_WIDE_CLONES void ck_norm_apply(float *y, size_t y_stride, const float *x, size_t x_stride, const float *a,
                                  const float *b, const uint8_t *mask, float keep_scale, int swish,
                                  size_t pixels, size_t channels) {
  if (swish && mask)
    apply(1, 1, y, y_stride, x, x_stride, a, b, mask, keep_scale, pixels, channels);
  else if (swish)
    apply(1, 0, y, y_stride, x, x_stride, a, b, mask, keep_scale, pixels, channels);
  else
    apply(0, mask != NULL, y, y_stride, x, x_stride, a, b, mask, keep_scale, pixels, channels);
}

/// The gradient of z = x a + b out of that of mask swish(z).
CK_INLINE ck_lanes before_activation(const int swish, const int masked, ck_lanes dy, ck_lanes z,
                                     const uint8_t *mask, float keep_scale, size_t count) {
  if (masked) dy *= kept(mask, keep_scale, count);
  if (!swish) return dy;
  ck_lanes s = ck_sigmoid_lanes(z);
  return dy * s * (1.0f + z * (1.0f - s));
}

CK_INLINE void gradient_sums(const int swish, const int masked, float *sums, const float *dy, size_t dy_stride,
                             const float *x, size_t x_stride, const float *a, const float *b, const float *mean,
                             const float *rstd, const uint8_t *mask, float keep_scale, size_t pixels,
                             size_t channels) {
  for (size_t c = 0; c < channels; c += CK_LANES) {
    size_t n = channels - c < CK_LANES ? channels - c : CK_LANES;
    ck_lanes scale = ck_load_part(a + c, n), shift = ck_load_part(b + c, n), centre = ck_load_part(mean + c, n);
    ck_lanes plain = {0}, scaled = {0};
    for (size_t p = 0; p < pixels; p++) {
      ck_lanes value = ck_load_part(x + p * x_stride + c, n);
      ck_lanes dz = before_activation(swish, masked, ck_load_part(dy + p * dy_stride + c, n),
                                      value * scale + shift, mask + p * channels + c, keep_scale, n);
      plain += dz;
      scaled += dz * (value - centre);
    }
    ck_store_part(sums + c, plain, n);
    ck_store_part(sums + channels + c, scaled * ck_load_part(rstd + c, n), n);
  }
}

CK_WIDE_CLONES void ck_norm_gradient_sums(float *sums, const float *dy, size_t dy_stride, const float *x,
                                          size_t x_stride, const float *a, const float *b, const float *mean,
                                          const float *rstd, const uint8_t *mask, float keep_scale, int swish,
                                          size_t pixels, size_t channels) {
  static const uint8_t none;
  if (swish && mask)
    gradient_sums(1, 1, sums, dy, dy_stride, x, x_stride, a, b, mean, rstd, mask, keep_scale, pixels, channels);
  else if (swish)
    gradient_sums(1, 0, sums, dy, dy_stride, x, x_stride, a, b, mean, rstd, &none, 1, pixels, channels);
  else
    gradient_sums(0, mask != NULL, sums, dy, dy_stride, x, x_stride, a, b, mean, rstd, mask, keep_scale, pixels,
                  channels);
}

CK_INLINE void gradient(const int swish, const int masked, float *dx, size_t dx_stride, const float *dy,
                        size_t dy_stride, const float *x, size_t x_stride, const float *a, const float *b,
                        const float *mean, const float *p_, const float *q, const uint8_t *mask,
                        float keep_scale, int accumulate, size_t pixels, size_t channels) {
  for (size_t c = 0; c < channels; c += CK_LANES) {
    size_t n = channels - c < CK_LANES ? channels - c : CK_LANES;
    ck_lanes scale = ck_load_part(a + c, n), shift = ck_load_part(b + c, n), centre = ck_load_part(mean + c, n);
    ck_lanes constant = ck_load_part(p_ + c, n), slope = ck_load_part(q + c, n);
    for (size_t p = 0; p < pixels; p++) {
      float *to = dx + p * dx_stride + c;
      ck_lanes value = ck_load_part(x + p * x_stride + c, n);
      ck_lanes dz = before_activation(swish, masked, ck_load_part(dy + p * dy_stride + c, n),
                                      value * scale + shift, mask + p * channels + c, keep_scale, n);
      ck_lanes d = scale * dz - constant - slope * (value - centre);
      ck_store_part(to, accumulate ? ck_load_part(to, n) + d : d, n);
    }
  }
}

CK_WIDE_CLONES void ck_norm_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride,
                                     const float *x, size_t x_stride, const float *a, const float *b,
                                     const float *mean, const float *p_, const float *q, const uint8_t *mask,
                                     float keep_scale, int swish, int accumulate, size_t pixels,
                                     size_t channels) {
  static const uint8_t none;
  if (swish && mask)
    gradient(1, 1, dx, dx_stride, dy, dy_stride, x, x_stride, a, b, mean, p_, q, mask, keep_scale, accumulate,
             pixels, channels);
  else if (swish)
    gradient(1, 0, dx, dx_stride, dy, dy_stride, x, x_stride, a, b, mean, p_, q, &none, 1, accumulate, pixels,
             channels);
  else
    gradient(0, mask != NULL, dx, dx_stride, dy, dy_stride, x, x_stride, a, b, mean, p_, q, mask, keep_scale,
             accumulate, pixels, channels);
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
