#include "ck_internal.h"
#include "include/ck_philox.h"

#include <string.h>

// Goals, in this order: the same bits on every node; vectorised over blocks; no table, no libm.
#pragma STDC FP_CONTRACT OFF

#include "ck_elementary.h"

enum { LANES = 16 };  // blocks drawn side by side

typedef struct {
  uint32_t word[4][LANES];
} blocks;

CK_INLINE void draw(blocks *out, ck_counter counter, uint32_t first) {
  uint32_t x0[LANES], x1[LANES], x2[LANES], x3[LANES];
  for (int j = 0; j < LANES; j++) {
    x0[j] = first + (uint32_t)j;
    x1[j] = counter.stream;
    x2[j] = counter.sample;
    x3[j] = counter.step;
  }
  uint32_t k0 = (uint32_t)counter.seed, k1 = (uint32_t)(counter.seed >> 32);
  for (int round = 0; round < 10; round++) {
    for (int j = 0; j < LANES; j++) {
      uint64_t p = (uint64_t)x0[j] * 0xD2511F53u, q = (uint64_t)x2[j] * 0xCD9E8D57u;
      uint32_t a = (uint32_t)(q >> 32) ^ x1[j] ^ k0, b = (uint32_t)(p >> 32) ^ x3[j] ^ k1;
      x0[j] = a;
      x1[j] = (uint32_t)q;
      x2[j] = b;
      x3[j] = (uint32_t)p;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int j = 0; j < LANES; j++) {
    out->word[0][j] = x0[j];
    out->word[1][j] = x1[j];
    out->word[2][j] = x2[j];
    out->word[3][j] = x3[j];
  }
}

CK_INLINE float open_unit(uint32_t bits) { return ((float)(bits >> 8) + 0.5f) * 0x1p-24f; }

CK_CLONES void ck_philox_bits(uint32_t *out, size_t count, ck_counter counter, uint32_t first_block) {
  for (size_t start = 0; start < count; start += 4 * LANES) {
    blocks b;
    uint32_t group[4 * LANES];
    draw(&b, counter, first_block + (uint32_t)(start / 4));
    for (int j = 0; j < LANES; j++)
      for (int w = 0; w < 4; w++) group[4 * j + w] = b.word[w][j];
    size_t n = count - start < 4 * LANES ? count - start : 4 * LANES;
    memcpy(out + start, group, n * sizeof(uint32_t));
  }
}

CK_CLONES void ck_philox_uniform(float *out, size_t count, ck_counter counter, uint32_t first_block) {
  for (size_t start = 0; start < count; start += 4 * LANES) {
    blocks b;
    float group[4 * LANES];
    draw(&b, counter, first_block + (uint32_t)(start / 4));
    for (int j = 0; j < LANES; j++)
      for (int w = 0; w < 4; w++) group[4 * j + w] = open_unit(b.word[w][j]);
    size_t n = count - start < 4 * LANES ? count - start : 4 * LANES;
    memcpy(out + start, group, n * sizeof(float));
  }
}

CK_CLONES void ck_philox_gaussian(float *out, size_t count, ck_counter counter, uint32_t first_block) {
  for (size_t start = 0; start < count; start += 4 * LANES) {
    blocks b;
    float lane[4][LANES], group[4 * LANES];
    draw(&b, counter, first_block + (uint32_t)(start / 4));
    for (int pair = 0; pair < 4; pair += 2)
      for (int j = 0; j < LANES; j++) {
        float radius = __builtin_elementwise_sqrt(-2.0f * ck_log(open_unit(b.word[pair][j])));
        float sine, cosine;
        ck_turn(b.word[pair + 1][j], &sine, &cosine);
        lane[pair][j] = radius * cosine;
        lane[pair + 1][j] = radius * sine;
      }
    for (int j = 0; j < LANES; j++)
      for (int w = 0; w < 4; w++) group[4 * j + w] = lane[w][j];
    size_t n = count - start < 4 * LANES ? count - start : 4 * LANES;
    memcpy(out + start, group, n * sizeof(float));
  }
}
