// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// Key = seed; counter = (block, stream, sample, step); a block gives four numbers. Element i of a fill that
// starts at block b is lane i % 4 of block b + i / 4, so any part of a sequence is drawn without the rest of it.
// Neither libm nor contraction is used: every kind of node draws the same bits.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t seed;
  uint32_t stream;  // purpose and layer
  uint32_t sample;
  uint32_t step;
} ck_counter;

/// Raw 32-bit numbers: out[count], from block `first_block` on.
void ck_philox_bits(uint32_t *out, size_t count, ck_counter counter, uint32_t first_block);

/// Uniform on (0, 1), 24 bits: (k + 1/2) / 2^24.
void ck_philox_uniform(float *out, size_t count, ck_counter counter, uint32_t first_block);

/// Standard normal by Box-Muller, |x| < 5.9: lanes (0, 1) and (2, 3) are the two pairs of a block.
void ck_philox_gaussian(float *out, size_t count, ck_counter counter, uint32_t first_block);
