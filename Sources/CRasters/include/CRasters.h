// TIFF rasters through libtiff, without its macros, variadic calls and messages on standard error: errors come back as text.
// A handle is used by one thread at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Room for a message, its end included.
#define CR_ERROR_SIZE 300

/// An open file.
typedef struct cr_raster cr_raster;

/// What a page of the file says of its pixels, as TIFF numbers it.
typedef struct {
  uint32_t width;
  uint32_t height;
  uint16_t bits;         // of a sample
  uint16_t samples;      // of a pixel
  uint16_t format;       // 1 unsigned, 2 signed, 3 floating point, 5 complex integers, 6 complex floating point
  uint16_t planar;       // 1 a pixel's samples together, 2 apart
  uint16_t photometric;  // 0 white is 0, 1 black is 0, 2 RGB, 3 palette
  uint16_t compression;
  uint16_t orientation;  // 1: row 0 is the top
  uint16_t alpha;        // samples of a pixel that are its opacity
  uint32_t kind;         // bits: 1 a smaller copy, 4 a mask
  int is_tiled;
  uint32_t block_width;   // of a tile, or the width
  uint32_t block_height;  // of a tile, or rows of a strip
  uint64_t block_bytes;   // of a block, unpacked
  uint32_t blocks;
  uint64_t offset;  // of the page in the file: goes to it with cr_go_to
} cr_page;

/// Opens a regular file for reading, at its first page. `most` [byte] bounds each allocation of libtiff's.
/// Returns NULL with `error` filled where that fails.
cr_raster *cr_open(const char *path, uint64_t most, char error[CR_ERROR_SIZE]);

/// Makes a file, for `cr_write_page`; `is_big`: with offsets of 64 bits.
cr_raster *cr_create(const char *path, int is_big, char error[CR_ERROR_SIZE]);

/// Closes a file; returns 1 with `error` filled where what was written cannot be ended. NULL is let pass.
int cr_close(cr_raster *raster, char error[CR_ERROR_SIZE]);

/// What the page says. Returns 0, or 1 with `error` filled.
int cr_read_page(cr_raster *raster, cr_page *page, char error[CR_ERROR_SIZE]);

/// Goes to the next page: 0, or 1 where there is none, or 2 with `error` filled.
int cr_next_page(cr_raster *raster, char error[CR_ERROR_SIZE]);

/// Goes to a page by its offset.
int cr_go_to(cr_raster *raster, uint64_t offset, char error[CR_ERROR_SIZE]);

/// Whether libtiff can unpack a compression.
int cr_can_unpack(uint16_t compression);

/// Bytes of a block in the file; 0 where it was left out.
uint64_t cr_packed_bytes(cr_raster *raster, uint32_t block);

/// Unpacks a strip or tile into bytes[room]. Returns how many bytes were filled, or -1 with `error` filled.
int64_t cr_read_block(cr_raster *raster, uint32_t block, int is_tiled, void *bytes, size_t room,
                      char error[CR_ERROR_SIZE]);

/// Up to `room` numbers of a tag of floating-point numbers; returns how many there are, 0 where there is no such tag.
size_t cr_doubles(cr_raster *raster, uint32_t tag, double *values, size_t room);

/// Up to `room` numbers of a tag of 16-bit numbers.
size_t cr_shorts(cr_raster *raster, uint32_t tag, uint16_t *values, size_t room);

/// A tag's text, valid until the handle goes to another page; NULL where there is none.
const char *cr_text(cr_raster *raster, uint32_t tag);

/// What is written of a raster of float32.
typedef struct {
  uint32_t width;
  uint32_t height;
  uint16_t bands;
  uint32_t strip_rows;
  double scale[3];
  double tie[6];
  uint16_t keys[32];
  uint16_t key_count;
  const char *nodata;
  const char *metadata;
  const char *software;
} cr_description;

/// Describes the page that `cr_write_band` fills.
int cr_describe(cr_raster *raster, const cr_description *description, char error[CR_ERROR_SIZE]);

/// Writes a band's rows, top first; the bands in order.
int cr_write_band(cr_raster *raster, const cr_description *description, uint16_t band, float *values,
                  char error[CR_ERROR_SIZE]);
