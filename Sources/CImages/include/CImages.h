// PNG in memory, read and written through libpng's row interface. libpng reports errors by longjmp, which must
// not cross Swift frames: it stays within png.c, and errors come back as text.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// What the header of a PNG says. The colour types are libpng's (0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA).
typedef struct {
  uint32_t width;
  uint32_t height;
  int bit_depth;
  int colour_type;
  int has_transparency;  // a tRNS chunk: one grey level stands for "transparent"
} ci_png_header;

/// Room for a message, its end included.
#define CI_ERROR_SIZE 200

/// Reads the header of the PNG in bytes[count]. Returns 0, or 1 with `error` filled.
int ci_png_read_header(const uint8_t *bytes, size_t count, ci_png_header *header, char error[CI_ERROR_SIZE]);

/// Decodes a PNG into samples[height * width * channels], row after row, in 8 or 16 bits as it is stored (palettes in 8),
/// narrower numbers spread over 0...255. One channel: a grey PNG without transparency. Four: any PNG, as red, green, blue and
/// alpha. `header` must be that of the same bytes. Returns 0, or 1 with `error` filled.
int ci_png_read(const uint8_t *bytes, size_t count, const ci_png_header *header, int channels, uint16_t *samples,
                char error[CI_ERROR_SIZE]);

/// Encodes pixels[height * width * channels]: 8-bit when `bit_depth` is 8, else uint16_t in the machine's order;
/// one channel is grey, three are RGB. On success (0), *bytes is the file's content, *count its length; free it
/// with ci_free. `note`, unless NULL, becomes a text (tEXt) of the key. Returns 1 with `error` filled otherwise.
int ci_png_write(const void *pixels, uint32_t width, uint32_t height, int channels, int bit_depth, const char *key,
                 const char *note, uint8_t **bytes, size_t *count, char error[CI_ERROR_SIZE]);

void ci_free(uint8_t *bytes);
