#include "ck_lanes.h"
#include "ck_math.h"
#include "include/ck_tokens.h"

#include <math.h>
#include <string.h>

// Sums of a row go over sixteen lanes and then over these, in one order everywhere.
CK_INLINE float lane_sum(ck_lanes sums) {
  float lanes[CK_LANES], total = 0;
  ck_store(lanes, sums);
  for (size_t i = 0; i < CK_LANES; i++) total += lanes[i];
  return total;
}

CK_INLINE ck_lanes part_of_ones(size_t count) {
  static const float ones[CK_LANES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  return ck_load_part(ones, count);
}

CK_INLINE size_t part(size_t channels, size_t c) { return channels - c < CK_LANES ? channels - c : CK_LANES; }

CK_WIDE_CLONES void ck_layer_norm(float *y, size_t y_stride, float *statistics, const float *x, size_t x_stride,
                                  const float *gamma, const float *beta, float epsilon, size_t rows,
                                  size_t channels) {
  for (size_t r = 0; r < rows; r++) {
    const float *from = x + r * x_stride;
    float *to = y + r * y_stride;
    ck_lanes sums = {0}, squares = {0};
    for (size_t c = 0; c < channels; c += CK_LANES) sums += ck_load_part(from + c, part(channels, c));
    float mean = lane_sum(sums) / (float)channels;
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t n = part(channels, c);
      ck_lanes d = ck_load_part(from + c, n) - mean * part_of_ones(n);
      squares += d * d;
    }
    float rstd = 1.0f / sqrtf(lane_sum(squares) / (float)channels + epsilon);
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t n = part(channels, c);
      ck_lanes z = (ck_load_part(from + c, n) - mean) * rstd;
      ck_store_part(to + c, z * ck_load_part(gamma + c, n) + ck_load_part(beta + c, n), n);
    }
    statistics[2 * r] = mean;
    statistics[2 * r + 1] = rstd;
  }
}

CK_WIDE_CLONES void ck_layer_norm_gradient(float *dx, size_t dx_stride, float *sums, const float *dy,
                                           size_t dy_stride, const float *x, size_t x_stride,
                                           const float *statistics, const float *gamma, size_t rows,
                                           size_t channels, int accumulate) {
  memset(sums, 0, 2 * channels * sizeof(float));
  for (size_t r = 0; r < rows; r++) {
    const float *slope = dy + r * dy_stride, *from = x + r * x_stride;
    float mean = statistics[2 * r], rstd = statistics[2 * r + 1];
    ck_lanes first = {0}, second = {0};
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t n = part(channels, c);
      ck_lanes d = ck_load_part(slope + c, n), z = (ck_load_part(from + c, n) - mean) * rstd;
      ck_store_part(sums + c, ck_load_part(sums + c, n) + d, n);
      ck_store_part(sums + channels + c, ck_load_part(sums + channels + c, n) + d * z, n);
      d *= ck_load_part(gamma + c, n);
      first += d;
      second += d * z;
    }
    if (!dx) continue;
    float of_one = lane_sum(first) / (float)channels, of_z = lane_sum(second) / (float)channels;
    float *to = dx + r * dx_stride;
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t n = part(channels, c);
      ck_lanes d = ck_load_part(slope + c, n) * ck_load_part(gamma + c, n);
      ck_lanes z = (ck_load_part(from + c, n) - mean) * rstd;
      ck_lanes value = (d - of_one - z * of_z) * rstd;
      if (accumulate) value += ck_load_part(to + c, n);
      ck_store_part(to + c, value, n);
    }
  }
}

// Phi(x) by Abramowitz and Stegun's 7.1.26 (Hastings), error 1.5e-7 / 2; `density` receives phi(x).
CK_INLINE ck_lanes normal_share(ck_lanes x, ck_lanes *density) {
  ck_lanes zero = {0}, size = __builtin_elementwise_max(x, zero - x) * 0.70710678118654752f;
  ck_lanes bell = ck_exp_lanes(zero - size * size);
  ck_lanes t = 1.0f / (size * 0.3275911f + 1.0f);
  ck_lanes p = t * 1.061405429f - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  ck_lanes tail = p * t * bell * 0.5f;
  *density = bell * 0.39894228040143268f;
  typedef int32_t choice __attribute__((vector_size(64)));
  choice below = (choice)(x < zero);
  return (ck_lanes)(((choice)tail & below) | ((choice)(1.0f - tail) & ~below));
}

CK_INLINE ck_lanes gelu(ck_lanes x) {
  ck_lanes density;
  return x * normal_share(x, &density);
}

CK_INLINE ck_lanes gelu_slope(ck_lanes x) {
  ck_lanes density, share = normal_share(x, &density);
  return share + x * density;
}

CK_WIDE_CLONES void ck_gelu(float *y, const float *x, size_t count) {
  for (size_t i = 0; i < count; i += CK_LANES) {
    size_t n = part(count, i);
    ck_store_part(y + i, gelu(ck_load_part(x + i, n)), n);
  }
}

CK_WIDE_CLONES void ck_gelu_gradient(float *dx, const float *dy, const float *x, size_t count, int accumulate) {
  for (size_t i = 0; i < count; i += CK_LANES) {
    size_t n = part(count, i);
    ck_lanes value = ck_load_part(dy + i, n) * gelu_slope(ck_load_part(x + i, n));
    if (accumulate) value += ck_load_part(dx + i, n);
    ck_store_part(dx + i, value, n);
  }
}

CK_WIDE_CLONES void ck_geglu(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                             size_t inner) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < inner; c += CK_LANES) {
      size_t n = part(inner, c);
      const float *from = x + r * x_stride + c;
      ck_store_part(y + r * y_stride + c, ck_load_part(from, n) * gelu(ck_load_part(from + inner, n)), n);
    }
}

CK_WIDE_CLONES void ck_geglu_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride,
                                      const float *x, size_t x_stride, size_t rows, size_t inner) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < inner; c += CK_LANES) {
      size_t n = part(inner, c);
      const float *from = x + r * x_stride + c;
      float *to = dx + r * dx_stride + c;
      ck_lanes d = ck_load_part(dy + r * dy_stride + c, n), gate = ck_load_part(from + inner, n);
      ck_lanes value = ck_load_part(from, n);
      ck_store_part(to, d * gelu(gate), n);
      ck_store_part(to + inner, d * value * gelu_slope(gate), n);
    }
}

CK_CLONES void ck_rotate_rows(float *y, size_t y_stride, const float *x, size_t x_stride, const float *cosines,
                              const float *sines, size_t rows, size_t heads, size_t pairs) {
  for (size_t r = 0; r < rows; r++)
    for (size_t h = 0; h < heads; h++) {
      const float *from = x + r * x_stride + 2 * h * pairs;
      float *to = y + r * y_stride + 2 * h * pairs;
      for (size_t i = 0; i < pairs; i++) {
        float a = from[2 * i], b = from[2 * i + 1];
        to[2 * i] = a * cosines[i] - b * sines[i];
        to[2 * i + 1] = a * sines[i] + b * cosines[i];
      }
    }
}

/// `count` neighbouring pixels of a row, all of whose taps in x lie within the map, or one pixel at its border.
CK_INLINE void depthwise_pixels(const int count, float *y, size_t y_stride, const float *x, size_t x_stride,
                                const float *w, const float *bias, ck_depthwise s, size_t row, size_t column,
                                int flipped, int accumulate, size_t c, size_t n) {
  size_t pad = s.kernel / 2, taps = s.kernel * s.kernel;
  ck_lanes sums[4];
  ck_lanes start = bias ? ck_load_part(bias + c, n) : (ck_lanes){0};
  for (int i = 0; i < count; i++) sums[i] = start;
  size_t first_row = row < pad ? pad - row : 0;
  size_t end_row = row + s.kernel - pad > s.height ? s.height + pad - row : s.kernel;
  size_t first = column < pad ? pad - column : 0;
  size_t end = column + (size_t)count - 1 + s.kernel - pad > s.width ? s.width + pad - column : s.kernel;
  for (size_t ky = first_row; ky < end_row; ky++)
    for (size_t kx = first; kx < end; kx++) {
      size_t tap = ky * s.kernel + kx;
      ck_lanes weight = ck_load_part(w + (flipped ? taps - 1 - tap : tap) * s.channels + c, n);
      const float *from = x + ((row + ky - pad) * s.width + column + kx - pad) * x_stride + c;
      for (int i = 0; i < count; i++) sums[i] += ck_load_part(from + (size_t)i * x_stride, n) * weight;
    }
  for (int i = 0; i < count; i++) {
    float *to = y + (row * s.width + column + (size_t)i) * y_stride + c;
    ck_store_part(to, accumulate ? ck_load_part(to, n) + sums[i] : sums[i], n);
  }
}

CK_WIDE_CLONES void ck_depthwise_row(float *y, size_t y_stride, const float *x, size_t x_stride, const float *w,
                                     const float *bias, ck_depthwise s, size_t row, int flipped, int accumulate) {
  size_t pad = s.kernel / 2;
  for (size_t c = 0; c < s.channels; c += CK_LANES) {
    size_t n = part(s.channels, c), column = 0;
    while (column < s.width) {
      if (n == CK_LANES && column >= pad && column + 3 + s.kernel - pad <= s.width) {
        depthwise_pixels(4, y, y_stride, x, x_stride, w, bias, s, row, column, flipped, accumulate, c, CK_LANES);
        column += 4;
      } else {
        depthwise_pixels(1, y, y_stride, x, x_stride, w, bias, s, row, column, flipped, accumulate, c, n);
        column += 1;
      }
    }
  }
}

CK_WIDE_CLONES void ck_depthwise_weights(float *dw, const float *dy, size_t dy_stride, const float *x,
                                         size_t x_stride, ck_depthwise s, size_t first, size_t count) {
  size_t pad = s.kernel / 2;
  for (size_t c = first; c < first + count; c += CK_LANES) {
    size_t n = part(first + count, c);
    for (size_t ky = 0; ky < s.kernel; ky++)
      for (size_t kx = 0; kx < s.kernel; kx++) {
        ck_lanes sums = {0};
        size_t top = ky < pad ? pad - ky : 0, bottom = ky > pad ? s.height + pad - ky : s.height;
        size_t left = kx < pad ? pad - kx : 0, right = kx > pad ? s.width + pad - kx : s.width;
        for (size_t row = top; row < bottom; row++) {
          ck_lanes row_sums = {0};
          const float *slope = dy + row * s.width * dy_stride + c;
          const float *from = x + ((row + ky - pad) * s.width + kx - pad) * x_stride + c;
          for (size_t column = left; column < right; column++)
            row_sums += ck_load_part(slope + column * dy_stride, n) * ck_load_part(from + column * x_stride, n);
          sums += row_sums;
        }
        ck_store_part(dw + (ky * s.kernel + kx) * s.channels + c, sums, n);
      }
  }
}

CK_WIDE_CLONES void ck_product_sums(float *sums, const float *a, size_t a_stride, const float *b, size_t b_stride,
                                    size_t pixels, size_t channels) {
  for (size_t c = 0; c < channels; c += CK_LANES) {
    size_t n = part(channels, c);
    ck_lanes total = {0};
    for (size_t first = 0; first < pixels; first += 64) {  // sums of few terms, then of these
      size_t end = pixels - first < 64 ? pixels : first + 64;
      ck_lanes some = {0};
      for (size_t p = first; p < end; p++)
        some += ck_load_part(a + p * a_stride + c, n) * ck_load_part(b + p * b_stride + c, n);
      total += some;
    }
    ck_store_part(sums + c, total, n);
  }
}

CK_WIDE_CLONES void ck_blend_rows(float *y, size_t y_stride, const float *a, size_t a_stride, const float *f,
                                  const float *b, size_t b_stride, const float *g, size_t pixels, size_t channels,
                                  int accumulate) {
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t n = part(channels, c);
      ck_lanes value = ck_load_part(a + p * a_stride + c, n) * ck_load_part(f + c, n) +
                       ck_load_part(b + p * b_stride + c, n) * ck_load_part(g + c, n);
      float *to = y + p * y_stride + c;
      ck_store_part(to, accumulate ? ck_load_part(to, n) + value : value, n);
    }
}

CK_CLONES void ck_gather_patches(float *y, const float *x, size_t x_stride, ck_patches s, size_t row) {
  for (size_t column = 0; column < s.columns; column++)
    for (size_t ky = 0; ky < s.kernel; ky++)
      for (size_t kx = 0; kx < s.kernel; kx++) {
        // Unsigned: before the map is far beyond it.
        size_t from_row = row * s.stride + ky - s.before, from_column = column * s.stride + kx - s.before;
        float *to = y + ((column * s.kernel + ky) * s.kernel + kx) * s.channels;
        if (from_row < s.height && from_column < s.width)
          memcpy(to, x + (from_row * s.width + from_column) * x_stride, s.channels * sizeof(float));
        else
          memset(to, 0, s.channels * sizeof(float));
      }
}

CK_CLONES void ck_scatter_patches(float *x, size_t x_stride, const float *y, size_t y_stride, ck_patches s,
                                  size_t row, int accumulate) {
  for (size_t column = 0; column < s.width; column++) {
    float *to = x + (row * s.width + column) * x_stride;
    if (!accumulate) memset(to, 0, s.channels * sizeof(float));
    for (size_t ky = 0; ky < s.kernel; ky++) {
      size_t down = row + s.before - ky;
      if (row + s.before < ky || down % s.stride || down / s.stride >= s.rows) continue;
      for (size_t kx = 0; kx < s.kernel; kx++) {
        size_t across = column + s.before - kx;
        if (column + s.before < kx || across % s.stride || across / s.stride >= s.columns) continue;
        const float *from = y + (down / s.stride * s.columns + across / s.stride) * y_stride +
                            (ky * s.kernel + kx) * s.channels;
        for (size_t c = 0; c < s.channels; c++) to[c] += from[c];
      }
    }
  }
}
