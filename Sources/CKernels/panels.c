// The inner product of all fast kernels. Sums of `rows` x (16 `vectors`) stay in registers while k runs: 14 x 32 with
// AVX-512's 32 registers, 6 x 16 with AVX2's 16 (a vector of sixteen is two of those).
#include "include/ck_panels.h"

#include "ck_lanes.h"

CK_INLINE void block(const int rows, const int vectors, float *c, size_t c_row, const float *a, size_t a_row,
                     size_t a_step, const float *b, size_t b_step, const float *near, const float *far,
                     size_t depth, int accumulate) {
  ck_lanes sums[14][2];
  // Four row pointers with up to three strides each: all rows are reached without a register for every one.
  const float *quarter[4];
  CK_UNROLL for (int q = 0; q < 4; q++) quarter[q] = a + (size_t)(4 * q) * a_row;
  CK_UNROLL for (int r = 0; r < rows; r++) CK_UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = (ck_lanes){0};
  for (size_t k = 0; k < depth; k++) {
    __builtin_prefetch(near + k * b_step);
    __builtin_prefetch(far + k * b_step);
    ck_lanes right[2];
    CK_UNROLL for (int v = 0; v < vectors; v++) right[v] = ck_load(b + v * CK_LANES);
    CK_UNROLL for (int r = 0; r < rows; r++) {
      float left = quarter[r / 4][(size_t)(r % 4) * a_row];
      CK_UNROLL for (int v = 0; v < vectors; v++) sums[r][v] += left * right[v];
    }
    CK_UNROLL for (int q = 0; q < 4; q++) quarter[q] += a_step;
    b += b_step;
  }
  CK_UNROLL for (int r = 0; r < rows; r++) CK_UNROLL for (int v = 0; v < vectors; v++) {
    float *to = c + (size_t)r * c_row + v * CK_LANES;
    ck_store(to, accumulate ? ck_load(to) + sums[r][v] : sums[r][v]);
  }
}

#define CASE(n)                                                                             \
  case n:                                                                                   \
    block(n, vectors, c, c_row, a, a_row, a_step, b, b_step, near, far, depth, accumulate); \
    break;

// A switch over the rows at hand: each case is a loop of its own with all sums in registers.
CK_INLINE void wide_block(size_t rows, const int vectors, float *c, size_t c_row, const float *a, size_t a_row,
                          size_t a_step, const float *b, size_t b_step, const float *near, const float *far,
                          size_t depth, int accumulate) {
  switch (rows) {
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
    CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
  }
}

CK_INLINE void narrow_block(size_t rows, const int vectors, float *c, size_t c_row, const float *a,
                            size_t a_row, size_t a_step, const float *b, size_t b_step, const float *near,
                            const float *far, size_t depth, int accumulate) {
  switch (rows) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) }
}

CK_WIDE_CLONES void ck_panel_product(float *c, size_t c_row, const float *a, size_t a_row, size_t a_step,
                                     const float *b, size_t b_step, const float *next, size_t rows,
                                     size_t columns, size_t depth, int accumulate) {
  int wide = ck_has_wide_registers();
  size_t limit = wide ? 14 : 6, parts = (rows + limit - 1) / limit;
  for (size_t part = 0; part < parts; part++) {
    size_t first = rows * part / parts, count = rows * (part + 1) / parts - first;
    float *to = c + first * c_row;
    const float *from = a + first * a_row;
    // The first parts ask for one half each of every row to come, a part alone for both.
    const float *near = parts > 1 ? next + part % 2 * CK_LANES : next;
    const float *far = parts > 1 ? near : next + CK_LANES;
    if (wide && columns == CK_PANEL)
      wide_block(count, 2, to, c_row, from, a_row, a_step, b, b_step, near, far, depth, accumulate);
    else if (wide)
      wide_block(count, 1, to, c_row, from, a_row, a_step, b, b_step, near, far, depth, accumulate);
    else
      for (size_t j = 0; j < columns; j += CK_LANES)
        narrow_block(count, 1, to + j, c_row, from, a_row, a_step, b + j, b_step, near, far, depth,
                     accumulate);
  }
}
