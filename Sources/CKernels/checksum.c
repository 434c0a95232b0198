#include "ck_checksum.h"

#include <string.h>

static const uint64_t prime_1 = 0x9E3779B185EBCA87u;
static const uint64_t prime_2 = 0xC2B2AE3D27D4EB4Fu;
static const uint64_t prime_3 = 0x165667B19E3779F9u;
static const uint64_t prime_4 = 0x85EBCA77C2B2AE63u;
static const uint64_t prime_5 = 0x27D4EB2F165667C5u;

static inline uint64_t rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

static inline uint64_t little_endian_64(const uint8_t *bytes) {
  uint64_t value;
  memcpy(&value, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  return value;
}

static inline uint64_t little_endian_32(const uint8_t *bytes) {
  uint32_t value;
  memcpy(&value, bytes, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap32(value);
#endif
  return value;
}

static inline uint64_t mix(uint64_t lane, uint64_t input) { return rotate(lane + input * prime_2, 31) * prime_1; }

static inline uint64_t merge(uint64_t value, uint64_t lane) { return (value ^ mix(0, lane)) * prime_1 + prime_4; }

static void add_stripe(uint64_t lanes[4], const uint8_t *bytes) {
  for (int lane = 0; lane < 4; lane++) lanes[lane] = mix(lanes[lane], little_endian_64(bytes + 8 * lane));
}

void ck_checksum_begin(ck_checksum *sum) {
  memset(sum, 0, sizeof *sum);
  sum->lanes[0] = prime_1 + prime_2;
  sum->lanes[1] = prime_2;
  sum->lanes[3] = -prime_1;
}

void ck_checksum_add(ck_checksum *sum, const void *bytes, size_t count) {
  const uint8_t *next = bytes;
  sum->total += count;
  if (sum->pending_count > 0) {
    size_t room = sizeof sum->pending - sum->pending_count;
    size_t part = count < room ? count : room;
    memcpy(sum->pending + sum->pending_count, next, part);
    sum->pending_count += part;
    next += part;
    count -= part;
    if (sum->pending_count < sizeof sum->pending) return;
    add_stripe(sum->lanes, sum->pending);
    sum->pending_count = 0;
  }
  for (; count >= 32; next += 32, count -= 32) add_stripe(sum->lanes, next);
  if (count > 0) memcpy(sum->pending, next, count);
  sum->pending_count = count;
}

uint64_t ck_checksum_value(const ck_checksum *sum) {
  uint64_t value = prime_5;
  if (sum->total >= 32) {
    const uint64_t *lanes = sum->lanes;
    value = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (int lane = 0; lane < 4; lane++) value = merge(value, lanes[lane]);
  }
  value += sum->total;
  const uint8_t *next = sum->pending;
  size_t count = sum->pending_count;
  for (; count >= 8; next += 8, count -= 8)
    value = rotate(value ^ mix(0, little_endian_64(next)), 27) * prime_1 + prime_4;
  if (count >= 4) {
    value = rotate(value ^ little_endian_32(next) * prime_1, 23) * prime_2 + prime_3;
    next += 4;
    count -= 4;
  }
  for (; count > 0; next++, count--) value = rotate(value ^ *next * prime_5, 11) * prime_1;
  value = (value ^ value >> 33) * prime_2;
  value = (value ^ value >> 29) * prime_3;
  return value ^ value >> 32;
}
