#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "CImages.h"

// One decoding or encoding: where the bytes are, and where to say what went wrong.
typedef struct {
  const uint8_t *input;
  size_t input_count;
  size_t position;
  uint8_t *output;
  size_t output_count;
  size_t output_capacity;
  char *error;
} transfer;

static void on_error(png_structp png, png_const_charp message) {
  transfer *io = png_get_error_ptr(png);
  strncpy(io->error, message, CI_ERROR_SIZE - 1);
  io->error[CI_ERROR_SIZE - 1] = 0;
  png_longjmp(png, 1);
}

// A warning concerns chunks that are not used here.
static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static void take(png_structp png, png_bytep destination, size_t count) {
  transfer *io = png_get_io_ptr(png);
  if (io->input_count - io->position < count) png_error(png, "the file ends before the image does");
  memcpy(destination, io->input + io->position, count);
  io->position += count;
}

static void give(png_structp png, png_bytep source, size_t count) {
  transfer *io = png_get_io_ptr(png);
  if (io->output_capacity - io->output_count < count) {
    size_t capacity = io->output_capacity * 2 + count;
    uint8_t *grown = realloc(io->output, capacity);
    if (!grown) png_error(png, "not enough memory for the encoded image");
    io->output = grown;
    io->output_capacity = capacity;
  }
  memcpy(io->output + io->output_count, source, count);
  io->output_count += count;
}

static void nothing_to_flush(png_structp png) { (void)png; }

// Opens a reader and reads up to the first row. Returns 0 with both handles set.
static int open_reader(transfer *io, png_structp *png, png_infop *info) {
  *info = NULL;
  *png = png_create_read_struct(PNG_LIBPNG_VER_STRING, io, on_error, on_warning);
  if (!*png) {
    strcpy(io->error, "libpng does not start");
    return 1;
  }
  if (setjmp(png_jmpbuf(*png))) return 1;
  *info = png_create_info_struct(*png);
  if (!*info) png_error(*png, "not enough memory");
  if (io->input_count < 8 || png_sig_cmp(io->input, 0, 8)) png_error(*png, "not a PNG file");
  png_set_read_fn(*png, io, take);
  // Text, profiles and the like are no part of a map; skipping them leaves nothing to inflate but pixels.
  png_set_keep_unknown_chunks(*png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(*png, *info);
  return 0;
}

int ci_png_read_header(const uint8_t *bytes, size_t count, ci_png_header *header, char error[CI_ERROR_SIZE]) {
  transfer io = {.input = bytes, .input_count = count, .error = error};
  png_structp png = NULL;
  png_infop info = NULL;
  int failed = open_reader(&io, &png, &info);
  if (!failed) {
    header->width = png_get_image_width(png, info);
    header->height = png_get_image_height(png, info);
    header->bit_depth = png_get_bit_depth(png, info);
    header->colour_type = png_get_color_type(png, info);
    header->has_transparency = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  }
  png_destroy_read_struct(&png, &info, NULL);
  return failed;
}

// Brings every kind of picture to grey, or to red, green, blue and alpha, of 8 or 16 bits in this machine's order.
static void set_transforms(png_structp png, const ci_png_header *header, int channels) {
  if (channels == 4) {
    // Palettes become colours, transparent colours alpha, few bits eight.
    png_set_expand(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xFFFF, PNG_FILLER_AFTER);
  } else if (header->bit_depth < 8) {
    png_set_expand_gray_1_2_4_to_8(png);
  }
  const uint16_t probe = 1;
  if (header->bit_depth == 16 && *(const uint8_t *)&probe == 1) png_set_swap(png);
}

// The rows are decoded as 16-bit numbers straight into `samples`, or as bytes into the front of it and widened
// from the back: no second copy, and interlaced images work alike.
static int decode_rows(
    png_structp png, png_infop info, const ci_png_header *header, int channels, uint16_t *samples, png_bytep *rows) {
  if (setjmp(png_jmpbuf(png))) return 1;
  set_transforms(png, header, channels);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t row_bytes = (size_t)header->width * (header->bit_depth == 16 ? 2 : 1) * (size_t)channels;
  if (png_get_rowbytes(png, info) != row_bytes) png_error(png, "the rows have an unexpected length");
  for (size_t row = 0; row < header->height; row++) rows[row] = (uint8_t *)samples + row * row_bytes;
  png_read_image(png, rows);
  png_read_end(png, NULL);
  return 0;
}

int ci_png_read(const uint8_t *bytes, size_t count, const ci_png_header *header, int channels, uint16_t *samples,
                char error[CI_ERROR_SIZE]) {
  transfer io = {.input = bytes, .input_count = count, .error = error};
  png_structp png = NULL;
  png_infop info = NULL;
  png_bytep *rows = malloc(sizeof(png_bytep) * header->height);
  int failed = 1;
  if (!rows) {
    strcpy(error, "not enough memory for the rows");
  } else if (!open_reader(&io, &png, &info)) {
    failed = decode_rows(png, info, header, channels, samples, rows);
  }
  if (!failed && header->bit_depth != 16) {
    const uint8_t *narrow = (const uint8_t *)samples;
    for (size_t i = (size_t)header->width * header->height * (size_t)channels; i-- > 0;) samples[i] = narrow[i];
  }
  png_destroy_read_struct(&png, &info, NULL);
  free(rows);
  return failed;
}

static int encode(png_structp png, png_infop info, transfer *io, const void *pixels, const ci_png_header *header,
                  png_text *text) {
  if (setjmp(png_jmpbuf(png))) return 1;
  png_set_write_fn(png, io, give, nothing_to_flush);
  png_set_IHDR(png, info, header->width, header->height, header->bit_depth, header->colour_type, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (text->text) png_set_text(png, info, text, 1);
  png_write_info(png, info);
  const uint16_t probe = 1;
  if (header->bit_depth == 16 && *(const uint8_t *)&probe == 1) png_set_swap(png);
  size_t row_bytes = png_get_rowbytes(png, info);
  for (size_t row = 0; row < header->height; row++)
    png_write_row(png, (png_const_bytep)pixels + row * row_bytes);
  png_write_end(png, info);
  return 0;
}

int ci_png_write(const void *pixels, uint32_t width, uint32_t height, int channels, int bit_depth, const char *key,
                 const char *note, uint8_t **bytes, size_t *count, char error[CI_ERROR_SIZE]) {
  transfer io = {.error = error};
  png_text text = {.compression = PNG_TEXT_COMPRESSION_NONE, .key = (char *)key, .text = (char *)note};
  ci_png_header header = {.width = width,
                          .height = height,
                          .bit_depth = bit_depth,
                          .colour_type = channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &io, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  int failed = 1;
  if (!info) {
    strcpy(error, "not enough memory");
  } else {
    failed = encode(png, info, &io, pixels, &header, &text);
  }
  png_destroy_write_struct(&png, &info);
  if (failed) {
    free(io.output);
    return 1;
  }
  *bytes = io.output;
  *count = io.output_count;
  return 0;
}

void ci_free(uint8_t *bytes) { free(bytes); }
