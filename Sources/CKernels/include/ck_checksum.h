// XXH64 (Collet, xxHash specification 0.1.1): a 64-bit check sum at the speed of memory. It finds damage; it is no
// protection against forgery.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t lanes[4];
  uint8_t pending[32];
  size_t pending_count;
  uint64_t total;
} ck_checksum;

/// A sum over nothing yet, with seed 0.
void ck_checksum_begin(ck_checksum *sum);

/// Adds bytes[count]; how a sequence is cut into calls does not matter.
void ck_checksum_add(ck_checksum *sum, const void *bytes, size_t count);

/// The sum of what was added so far.
uint64_t ck_checksum_value(const ck_checksum *sum);
