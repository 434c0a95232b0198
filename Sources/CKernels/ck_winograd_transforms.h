// The one-dimensional transforms of F(4, 3) over lanes, and their transposes.
//
// Points 0, ±a, ±b, infinity (Toom and Cook; Lavin and Gray, "Fast algorithms for convolutional neural networks",
// CVPR 2016). With m = 4 outputs, r = 3 taps, n = 6 inputs: y = At [(G g) * (Bt d)], one matrix row per point p:
//   At column: 1, p, p^2, p^3        G row: (1, p, p^2) / N_p, N_p = product of (p - q) over the finite q != p
//   Bt row: the coefficients of the product of (x - q) over the finite q != p
// These points more than halve the rounding of the usual ±1, ±2, whose matrices have larger norms (Barabasz et al.,
// "Error analysis and improving the accuracy of Winograd convolution for deep neural networks", ACM TOMS 2020).
#pragma once

#include "ck_lanes.h"

#define A 0.625f
#define B 1.5f
#define AA (A * A)
#define BB (B * B)
#define NA (2.0f * AA * (AA - BB))  // N at ±a
#define NB (2.0f * BB * (BB - AA))  // N at ±b

/// Bt d: 6 -> 6. `s` is the distance between neighbours, in d and in v alike.
CK_INLINE void ck_data_transform(ck_lanes *v, const ck_lanes *d, const size_t s) {
  ck_lanes even_a = d[4 * s] - BB * d[2 * s], odd_a = A * (d[3 * s] - BB * d[s]);
  ck_lanes even_b = d[4 * s] - AA * d[2 * s], odd_b = B * (d[3 * s] - AA * d[s]);
  ck_lanes first = d[4 * s] + (AA * BB * d[0] - (AA + BB) * d[2 * s]);
  ck_lanes last = d[5 * s] + (AA * BB * d[s] - (AA + BB) * d[3 * s]);
  v[0] = first;
  v[s] = even_a + odd_a;
  v[2 * s] = even_a - odd_a;
  v[3 * s] = even_b + odd_b;
  v[4 * s] = even_b - odd_b;
  v[5 * s] = last;
}

/// G g: 3 -> 6.
CK_INLINE void ck_weight_transform(ck_lanes *u, const size_t us, const ck_lanes *g, const size_t gs) {
  ck_lanes even_a = (1 / NA) * g[0] + (AA / NA) * g[2 * gs], odd_a = (A / NA) * g[gs];
  ck_lanes even_b = (1 / NB) * g[0] + (BB / NB) * g[2 * gs], odd_b = (B / NB) * g[gs];
  u[0] = (1 / (AA * BB)) * g[0];
  u[us] = even_a + odd_a;
  u[2 * us] = even_a - odd_a;
  u[3 * us] = even_b + odd_b;
  u[4 * us] = even_b - odd_b;
  u[5 * us] = g[2 * gs];
}

/// At m: 6 -> 4.
CK_INLINE void ck_output_transform(ck_lanes *y, const size_t ys, const ck_lanes *m, const size_t ms) {
  ck_lanes sum_a = m[ms] + m[2 * ms], difference_a = m[ms] - m[2 * ms];
  ck_lanes sum_b = m[3 * ms] + m[4 * ms], difference_b = m[3 * ms] - m[4 * ms];
  y[0] = (m[0] + sum_a) + sum_b;
  y[ys] = A * difference_a + B * difference_b;
  y[2 * ys] = AA * sum_a + BB * sum_b;
  y[3 * ys] = m[5 * ms] + (AA * A) * difference_a + (BB * B) * difference_b;
}

/// A dy, the transpose of At: 4 -> 6.
CK_INLINE void ck_slope_transform(ck_lanes *m, const size_t ms, const ck_lanes *y, const size_t ys) {
  ck_lanes even_a = y[0] + AA * y[2 * ys], odd_a = A * y[ys] + (AA * A) * y[3 * ys];
  ck_lanes even_b = y[0] + BB * y[2 * ys], odd_b = B * y[ys] + (BB * B) * y[3 * ys];
  m[0] = y[0];
  m[ms] = even_a + odd_a;
  m[2 * ms] = even_a - odd_a;
  m[3 * ms] = even_b + odd_b;
  m[4 * ms] = even_b - odd_b;
  m[5 * ms] = y[3 * ys];
}

/// Gt du, the transpose of G: 6 -> 3.
CK_INLINE void ck_weight_slope_transform(ck_lanes *g, const size_t gs, const ck_lanes *u, const size_t us) {
  ck_lanes sum_a = u[us] + u[2 * us], difference_a = u[us] - u[2 * us];
  ck_lanes sum_b = u[3 * us] + u[4 * us], difference_b = u[3 * us] - u[4 * us];
  g[0] = (1 / (AA * BB)) * u[0] + (1 / NA) * sum_a + (1 / NB) * sum_b;
  g[gs] = (A / NA) * difference_a + (B / NB) * difference_b;
  g[2 * gs] = u[5 * us] + (AA / NA) * sum_a + (BB / NB) * sum_b;
}

#undef A
#undef B
#undef AA
#undef BB
#undef NA
#undef NB
