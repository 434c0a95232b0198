// Elementary functions without libm or table, so that loops over them vectorise and every node computes the same.
#pragma once

#include "ck_math.h"

// ln(x) for normal x > 0: Cephes' logf (S. Moshier), m in [sqrt(1/2), sqrt(2)).
CK_INLINE float ck_log(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  int32_t e = (int32_t)(bits - 0x3F3504F3u) >> 23;
  bits -= (uint32_t)e << 23;
  float m;
  memcpy(&m, &bits, 4);
  float f = m - 1.0f, z = f * f;
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  float fe = (float)e;
  return f + (p * f * z + fe * -2.12194440e-4f - 0.5f * z) + fe * 0.693359375f;
}

// sine and cosine of a + quadrant pi / 2, a in [-pi/4, pi/4].
CK_INLINE void ck_quadrant(float a, uint32_t quadrant, float *sine, float *cosine) {
  float z = a * a;
  float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * a + a;
  float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z -
            0.5f * z + 1.0f;
  float u = (quadrant & 1) ? c : s, v = (quadrant & 1) ? s : c;
  *sine = (quadrant & 2) ? -u : u;
  *cosine = ((quadrant + 1) & 2) ? -v : v;
}

// sine and cosine of 2 pi bits / 2^32: the quadrant is exact, the rest lies in [-pi/4, pi/4].
CK_INLINE void ck_turn(uint32_t bits, float *sine, float *cosine) {
  uint32_t quadrant = (bits + 0x20000000u) >> 30;
  ck_quadrant((float)(int32_t)(bits - (quadrant << 30)) * 1.4629180792671596e-9f, quadrant, sine, cosine);
}

// sine and cosine of 2 pi t, |t| < 2^20; quarter turns are taken off exactly, and small t keep their precision.
CK_INLINE void ck_turns(float t, float *sine, float *cosine) {
  float shifted = 4.0f * t + 12582912.0f;  // 1.5 2^23: rounds to the nearest whole number
  uint32_t quadrant;
  memcpy(&quadrant, &shifted, 4);
  ck_quadrant((t - 0.25f * (shifted - 12582912.0f)) * 6.283185307179586f, quadrant & 3, sine, cosine);
}

// The normal distribution function, absolute error below 3e-7 (Abramowitz and Stegun, 7.1.26).
CK_INLINE float ck_normal_distribution(float x) {
  float a = x < 0.0f ? -x : x;
  float t = 1.0f / (1.0f + 0.3275911f * 0.70710678118654752f * a);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  float tail = 0.5f * p * t * ck_exp(-0.5f * a * a);
  return x < 0.0f ? tail : 1.0f - tail;
}

// Angle of (x, y), y >= 0, in degrees, within 0.001 (Abramowitz and Stegun, 4.4.49).
CK_INLINE float ck_degrees(float y, float x) {
  float width = x < 0.0f ? -x : x, low = y < width ? y : width, high = y < width ? width : y;
  float q = low / high, z = q * q;
  float angle = q * (0.9998660f + z * (-0.3302995f + z * (0.1801410f + z * (-0.0851330f + z * 0.0208351f))));
  angle = y < width ? angle : 1.57079632679f - angle;
  angle = x < 0.0f ? 3.14159265359f - angle : angle;
  return angle * 57.2957795131f;
}
