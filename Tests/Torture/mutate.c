// Damages a file: mutate SEED FROM TO. The same seed does the same; most changes hit what describes the data, not the data.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
static uint64_t draw(uint64_t below) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (z ^ (z >> 31)) % below;
}

// A place near one of HDF5's signatures (File Format Specification 3.0), or anywhere.
static size_t place(const unsigned char *bytes, size_t size) {
  static const char *signs[] = {"\211HDF", "OHDR", "OCHK", "SNOD", "HEAP", "TREE", "GCOL", "FRHP", "FHDB", "BTHD", "FAHD", "EAHD"};
  if (draw(4) == 0) return draw(size);
  for (int tries = 0; tries < 64; tries++) {
    const char *sign = signs[draw(sizeof signs / sizeof *signs)];
    size_t begin = draw(size);
    for (size_t i = 0; i < size; i++) {
      size_t at = (begin + i) % size;
      if (at + 4 > size || memcmp(bytes + at, sign, 4) != 0) continue;
      size_t hit = at + draw(160);
      if (hit < size) return hit;
      break;
    }
  }
  return draw(size);
}

int main(int count, char **arguments) {
  if (count != 4) return fputs("mutate SEED FROM TO\n", stderr), 64;
  state = strtoull(arguments[1], NULL, 10) * 0x2545f4914f6cdd1du + 1;
  FILE *from = fopen(arguments[2], "rb");
  if (!from || fseek(from, 0, SEEK_END) != 0) return perror(arguments[2]), 1;
  size_t size = (size_t)ftell(from);
  rewind(from);
  unsigned char *bytes = malloc(size + 1);
  if (!bytes || size < 8 || fread(bytes, 1, size, from) != size) return perror(arguments[2]), 1;

  static const uint64_t telling[] = {0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 4096, 65535, 0x7fffffff, 0xffffffff,
                                     0x7fffffffffffffff, 0xffffffffffffffff, 0x8000000000000000};
  int changes = 1 + (int)draw(draw(2) ? 2 : 12);
  for (int change = 0; change < changes; change++) {
    size_t at = place(bytes, size), width = (size_t)1 << draw(4);
    if (at + width > size) width = 1;
    switch (draw(7)) {
    case 0: bytes[at] ^= (unsigned char)(1u << draw(8)); break;
    case 1: bytes[at] = (unsigned char)draw(256); break;
    case 2: memcpy(bytes + at, &telling[draw(sizeof telling / sizeof *telling)], width); break;
    case 3: { // A number a little beside itself, or of the file's size.
      uint64_t value = 0;
      memcpy(&value, bytes + at, width);
      value = draw(3) ? value + draw(17) - 8 : size + draw(33) - 16;
      memcpy(bytes + at, &value, width);
      break;
    }
    case 4: { // A piece of the file elsewhere.
      size_t length = 1 + draw(32), other = place(bytes, size);
      if (at + length <= size && other + length <= size) memmove(bytes + at, bytes + other, length);
      break;
    }
    case 5: { // Something taken out.
      size_t length = 1 + draw(16);
      if (draw(4) == 0 && at + length < size) {
        memmove(bytes + at, bytes + at + length, size - at - length);
        size -= length;
      }
      break;
    }
    default:
      if (draw(12) == 0 && at > 8) size = at;
    }
  }
  FILE *to = fopen(arguments[3], "wb");
  if (!to || fwrite(bytes, 1, size, to) != size || fclose(to) != 0) return perror(arguments[3]), 1;
  return 0;
}
