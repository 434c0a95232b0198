#pragma once

#include "ck_lanes.h"

#include <string.h>

// exp(x), relative error below 2e-7: Cody and Waite's reduction, Cephes' polynomial (S. Moshier). No libm, so
// that loops over it vectorise.
CK_INLINE float ck_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  float shifted = x * 1.44269504088896341f + 12582912.0f;  // 1.5 2^23: rounds to the nearest whole number
  int32_t n;
  memcpy(&n, &shifted, 4);
  float whole = shifted - 12582912.0f;
  float r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  uint32_t bits = (uint32_t)(n + 127 - 0x4B400000) << 23;
  float scale;
  memcpy(&scale, &bits, 4);
  return p * scale;
}

CK_INLINE float ck_sigmoid(float x) { return 1.0f / (1.0f + ck_exp(-x)); }

/// The same over lanes.
CK_INLINE ck_lanes ck_exp_lanes(ck_lanes x) {
  const ck_lanes low = (ck_lanes){0} - 87.0f, high = (ck_lanes){0} + 88.0f;
  x = __builtin_elementwise_min(__builtin_elementwise_max(x, low), high);
  ck_lanes shifted = x * 1.44269504088896341f + 12582912.0f;
  ck_lanes whole = shifted - 12582912.0f;
  ck_lanes r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  ck_lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  typedef uint32_t bits __attribute__((vector_size(64)));
  return p * (ck_lanes)(((bits)shifted + (127u - 0x4B400000u)) << 23);
}

CK_INLINE ck_lanes ck_sigmoid_lanes(ck_lanes x) { return 1.0f / (1.0f + ck_exp_lanes(-x)); }
