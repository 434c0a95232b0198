#include "ck_internal.h"
#include "include/ck_philox.h"

#include <string.h>

// Goals, in this order: the same bits on every node; vectorised over blocks; no table, no libm.
#pragma STDC FP_CONTRACT OFF

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

// ln(x) for normal x > 0: Cephes' logf (S. Moshier), m in [sqrt(1/2), sqrt(2)).
CK_INLINE float natural_log(float x) {
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

// sine and cosine of 2 pi bits / 2^32: the quadrant is exact, the rest lies in [-pi/4, pi/4].
CK_INLINE void turn(uint32_t bits, float *sine, float *cosine) {
  uint32_t quadrant = (bits + 0x20000000u) >> 30;
  float a = (float)(int32_t)(bits - (quadrant << 30)) * 1.4629180792671596e-9f;
  float z = a * a;
  float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * a + a;
  float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z -
            0.5f * z + 1.0f;
  float u = (quadrant & 1) ? c : s, v = (quadrant & 1) ? s : c;
  *sine = (quadrant & 2) ? -u : u;
  *cosine = ((quadrant + 1) & 2) ? -v : v;
}

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
        float radius = __builtin_elementwise_sqrt(-2.0f * natural_log(open_unit(b.word[pair][j])));
        float sine, cosine;
        turn(b.word[pair + 1][j], &sine, &cosine);
        lane[pair][j] = radius * cosine;
        lane[pair + 1][j] = radius * sine;
      }
    for (int j = 0; j < LANES; j++)
      for (int w = 0; w < 4; w++) group[4 * j + w] = lane[w][j];
    size_t n = count - start < 4 * LANES ? count - start : 4 * LANES;
    memcpy(out + start, group, n * sizeof(float));
  }
}
