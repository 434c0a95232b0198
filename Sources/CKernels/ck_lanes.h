#pragma once

#include "ck_internal.h"

#include <string.h>

// Sixteen channels at a time: one AVX-512 register, two of AVX2, four of SSE. Kernels over lanes are cloned per
// instruction set like all others; without the attribute clang would cut them into 256-bit halves.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpsabi"  // lanes are passed to inlined functions only
#endif
typedef float ck_lanes __attribute__((vector_size(64), aligned(4)));
enum { CK_LANES = 16 };
#define CK_UNROLL _Pragma("clang loop unroll(full)")

#if defined(__x86_64__)
#define CK_WIDE_CLONES __attribute__((min_vector_width(512))) CK_CLONES
#else
#define CK_WIDE_CLONES
#endif

CK_INLINE ck_lanes ck_load(const float *from) { return *(const ck_lanes *)from; }
CK_INLINE void ck_store(float *to, ck_lanes value) { *(ck_lanes *)to = value; }

/// The first `count` lanes (1...16), zeros behind them.
CK_INLINE ck_lanes ck_load_part(const float *from, size_t count) {
  if (count == CK_LANES) return ck_load(from);
  float lanes[CK_LANES] = {0};
  float *to = lanes;
  for (size_t part = 8; part; part /= 2)
    if (count & part) {
      for (size_t i = 0; i < part; i++) to[i] = from[i];
      to += part;
      from += part;
    }
  return ck_load(lanes);
}

/// Stores the first `count` lanes.
CK_INLINE void ck_store_part(float *to, ck_lanes value, size_t count) {
  if (count == CK_LANES) {
    ck_store(to, value);
    return;
  }
  float lanes[CK_LANES];
  ck_store(lanes, value);
  for (size_t i = 0; i < count; i++) to[i] = lanes[i];
}

/// Sixteen rows of sixteen: columns become rows, by perfect shuffles.
CK_INLINE void ck_transpose(ck_lanes *rows) {
  for (int round = 0; round < 4; round++) {
    ck_lanes next[16];
    for (int i = 0; i < 8; i++) {
      next[2 * i] = __builtin_shufflevector(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                            22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                                29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; i++) rows[i] = next[i];
  }
}

/// Whether sums of 14 x 32 fit in the registers.
CK_INLINE int ck_has_wide_registers(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f");
#else
  return 0;
#endif
}
