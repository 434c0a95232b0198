#include <string.h>

#include "ck_lanes.h"
#include "include/ck_dense.h"

// Neither contraction nor libm, and no BLAS: every kind of node computes the same bits, so replicas do not drift.
#pragma STDC FP_CONTRACT OFF

enum { ROWS = 6, DEPTH = 256, ITERATIONS = 5 };
// A momentum below it has died away, and is no direction; its inverse would not be finite.
static const double LEAST = 1e-30;

// Adds op(a) b to c over `rows` x 16, or sets it; an element of op(a) lies at a[row * step_row + t * step_t].
CK_INLINE void tile(const size_t rows, size_t depth, const float *a, size_t step_row, size_t step_t,
                    const float *panel, float *c, size_t pitch, int is_first) {
  ck_lanes sums[ROWS];
  CK_UNROLL for (size_t i = 0; i < rows; i++) sums[i] = is_first ? (ck_lanes){0} : ck_load(c + i * pitch);
  for (size_t t = 0; t < depth; t++) {
    ck_lanes right = ck_load(panel + t * CK_LANES);
    CK_UNROLL for (size_t i = 0; i < rows; i++) sums[i] += a[i * step_row + t * step_t] * right;
  }
  CK_UNROLL for (size_t i = 0; i < rows; i++) ck_store(c + i * pitch, sums[i]);
}

#define CASE(n)                                                            \
  case n:                                                                  \
    tile(n, length, from, step_row, step_t, panel, to, pitch, first == 0); \
    break;

// c[rows][pitch] = op(a) b[depth][pitch]. Of a symmetric product only tiles that meet the upper triangle are computed.
// Panels of b are copied together to stay in the first cache; each sum runs through the depth in one order.
CK_INLINE void product(int is_symmetric, size_t rows, size_t depth, const float *a, size_t step_row, size_t step_t,
                       const float *b, float *c, size_t pitch) {
  float panel[DEPTH * CK_LANES];
  for (size_t first = 0; first < depth; first += DEPTH) {
    size_t length = depth - first < DEPTH ? depth - first : DEPTH;
    for (size_t j = 0; j < pitch; j += CK_LANES) {
      for (size_t t = 0; t < length; t++) ck_store(panel + t * CK_LANES, ck_load(b + (first + t) * pitch + j));
      size_t last = is_symmetric && j + CK_LANES < rows ? j + CK_LANES : rows;
      for (size_t i = 0; i < last; i += ROWS) {
        const float *from = a + i * step_row + first * step_t;
        float *to = c + i * pitch + j;
        switch (last - i < ROWS ? last - i : ROWS) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) }
      }
    }
  }
  if (!is_symmetric) return;
  for (size_t i = CK_LANES; i < rows; i++)
    for (size_t j = 0; j < i / CK_LANES * CK_LANES; j++) c[i * pitch + j] = c[j * pitch + i];
}

static size_t padded(size_t count) { return (count + CK_LANES - 1) / CK_LANES * CK_LANES; }

size_t ck_polar_scratch(size_t rows, size_t columns) {
  size_t few = padded(rows < columns ? rows : columns), many = rows < columns ? columns : rows;
  return 2 * many * few + 4 * few * few;
}

// X takes p(XᵀX) = a + b XᵀX + c (XᵀX)² at each iteration. All factors are polynomials of the first Gram matrix and so
// commute: the iteration runs on the small matrices alone, and meets X once at the end. Rows of all are padded to whole
// vectors; the padding of X stays 0.
CK_WIDE_CLONES void ck_polar_factor(float *matrix, size_t rows, size_t columns, float *scratch) {
  const float a = 3.4445f, b = -4.7750f, c = 2.0315f;
  double norm = __builtin_sqrt(ck_sum_of_squares(matrix, rows * columns));
  if (!(norm > LEAST)) return;
  size_t few = rows < columns ? rows : columns, many = rows < columns ? columns : rows;
  size_t row_step = rows < columns ? 1 : columns, column_step = rows < columns ? columns : 1;
  size_t n = padded(few), square = n * n;
  float *x = scratch, *result = x + many * n;
  float *gram = result + many * n, *factor = gram + square, *total = factor + square, *spare = total + square;

  float scale = (float)(1 / norm);
  memset(x, 0, many * n * sizeof(float));
  for (size_t i = 0; i < many; i++)
    for (size_t j = 0; j < few; j++) x[i * n + j] = scale * matrix[i * row_step + j * column_step];
  product(1, n, many, x, 1, n, x, gram, n);
  for (int iteration = 0; iteration < ITERATIONS; iteration++) {
    product(1, n, n, gram, n, 1, gram, factor, n);
    for (size_t i = 0; i < square; i++) factor[i] = b * gram[i] + c * factor[i];
    for (size_t i = 0; i < n; i++) factor[i * n + i] += a;
    if (iteration == 0) {
      memcpy(total, factor, square * sizeof(float));
    } else {
      product(1, n, n, total, n, 1, factor, spare, n);
      memcpy(total, spare, square * sizeof(float));
    }
    if (iteration == ITERATIONS - 1) break;
    product(1, n, n, gram, n, 1, factor, spare, n);
    product(1, n, n, spare, n, 1, factor, gram, n);
  }
  product(0, many, n, x, n, 1, total, result, n);
  for (size_t i = 0; i < many; i++)
    for (size_t j = 0; j < few; j++) matrix[i * row_step + j * column_step] = result[i * n + j];
}
