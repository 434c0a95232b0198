#include "ck_winograd_blocks.h"

#include "ck_winograd_transforms.h"

/// Where a tile lies: its image, and its first output row and column.
typedef struct {
  size_t image, row, column;
} tile_place;

CK_INLINE tile_place place(const ck_winograd *plan, size_t tile) {
  size_t per_image = plan->tile_rows * plan->tile_columns, within = tile % per_image;
  return (tile_place){tile / per_image, within / plan->tile_columns * 4, within % plan->tile_columns * 4};
}

enum { AHEAD = 8 };  // rows that are asked for before they are needed
static const float zeros[CK_BLOCK_CHANNELS] = {0};

/// The pixels of a square of `size` x `size` from (row, column) on: where they lie, or zeros outside the map.
CK_INLINE void find_pixels(const float **pixel, const size_t size, const ck_winograd *plan, ck_map x, size_t image,
                           size_t row, size_t column, size_t channel) {
  for (size_t i = 0; i < size; i++) {
    size_t line = (image * plan->height + row + i) * plan->width + column;
    int inside = row + i < plan->height;  // below zero wraps far above
    for (size_t j = 0; j < size; j++)
      pixel[i * size + j] = inside && column + j < plan->width ? x.base + (line + j) * x.stride + channel : zeros;
  }
}

CK_INLINE void data_tile(float *v, size_t step, const float *const *pixel, const float *const *next, size_t c,
                         const size_t count) {
  ck_lanes d[36];
  for (size_t i = 0; i < 36; i++) __builtin_prefetch(next[i] + c);  // pixels lie far apart, often in another cache
  for (size_t j = 0; j < 6; j++) {
    ck_lanes column[6];
    for (size_t i = 0; i < 6; i++) column[i] = ck_load_part(pixel[6 * i + j] + c, count);
    ck_data_transform(column, column, 1);
    for (size_t i = 0; i < 6; i++) d[6 * i + j] = column[i];
  }
  for (size_t i = 0; i < 6; i++) {
    ck_data_transform(d + 6 * i, d + 6 * i, 1);
    for (size_t j = 0; j < 6; j++) ck_store(v + (6 * i + j) * step + c, d[6 * i + j]);
  }
}

CK_WIDE_CLONES void ck_transform_data(float *v, size_t step, size_t pitch, const ck_winograd *plan, ck_map x,
                                      size_t first, size_t tiles, size_t channel, size_t channels) {
  const float *pixels[2][36];  // of this tile and the next, each with its border of one pixel
  tile_place at = place(plan, first);
  find_pixels(pixels[0], 6, plan, x, at.image, at.row - 1, at.column - 1, channel);
  for (size_t t = 0; t < tiles; t++) {
    if (t + 1 < tiles) at = place(plan, first + t + 1);
    const float **pixel = pixels[t % 2], **next = pixels[(t + 1) % 2];
    find_pixels(next, 6, plan, x, at.image, at.row - 1, at.column - 1, channel);
    size_t c = 0;
    for (; c + CK_LANES <= channels; c += CK_LANES) data_tile(v + t * pitch, step, pixel, next, c, CK_LANES);
    if (c < channels) data_tile(v + t * pitch, step, pixel, next, c, channels - c);
  }
}

CK_INLINE void slope_tile(float *m, size_t step, const float *const *pixel, const float *const *next, size_t c,
                          const size_t count) {
  ck_lanes d[16], half[24];
  for (size_t i = 0; i < 16; i++) __builtin_prefetch(next[i] + c);
  for (size_t i = 0; i < 16; i++) d[i] = ck_load_part(pixel[i] + c, count);
  for (size_t j = 0; j < 4; j++) ck_slope_transform(half + j, 4, d + j, 4);
  for (size_t i = 0; i < 6; i++) {
    ck_lanes row[6];
    ck_slope_transform(row, 1, half + 4 * i, 1);
    for (size_t j = 0; j < 6; j++) ck_store(m + (6 * i + j) * step + c, row[j]);
  }
}

CK_WIDE_CLONES void ck_transform_slopes(float *m, size_t step, size_t pitch, const ck_winograd *plan,
                                        ck_map dy, size_t first, size_t tiles, size_t channel,
                                        size_t channels) {
  const float *pixels[2][16];  // of this tile and the next
  tile_place at = place(plan, first);
  find_pixels(pixels[0], 4, plan, dy, at.image, at.row, at.column, channel);
  for (size_t t = 0; t < tiles; t++) {
    if (t + 1 < tiles) at = place(plan, first + t + 1);
    const float **pixel = pixels[t % 2], **next = pixels[(t + 1) % 2];
    find_pixels(next, 4, plan, dy, at.image, at.row, at.column, channel);
    size_t c = 0;
    for (; c + CK_LANES <= channels; c += CK_LANES) slope_tile(m + t * pitch, step, pixel, next, c, CK_LANES);
    if (c < channels) slope_tile(m + t * pitch, step, pixel, next, c, channels - c);
  }
}

/// Which pixels of a tile lie in the map, and where its first one is.
typedef struct {
  size_t rows, columns, corner, image;
} output_tile;

CK_INLINE void store_outputs(const float *m, size_t step, const ck_winograd *plan,
                             const ck_winograd_operands *operands, output_tile at, size_t k, const size_t count) {
  ck_lanes half[24], start = {0};
  for (size_t j = 0; j < 6; j++) {
    ck_lanes column[6];
    for (size_t i = 0; i < 6; i++) column[i] = ck_load(m + (6 * i + j) * step);
    ck_output_transform(half + j, 6, column, 1);
  }
  if (operands->start) start = ck_load_part(operands->start + at.image * plan->output + k, count);
  for (size_t i = 0; i < at.rows; i++) {
    ck_lanes row[4];
    ck_output_transform(row, 1, half + 6 * i, 1);
    for (size_t j = 0; j < at.columns; j++) {
      size_t p = at.corner + i * plan->width + j;
      ck_lanes value = row[j] + start;
      if (operands->residual) value += ck_load_part(operands->residual + p * operands->residual_stride + k, count);
      ck_store_part(operands->y + p * operands->y_stride + k, value, count);
    }
  }
}

CK_INLINE output_tile place_outputs(const ck_winograd *plan, size_t t) {
  tile_place at = place(plan, t);
  return (output_tile){plan->height - at.row < 4 ? plan->height - at.row : 4,
                       plan->width - at.column < 4 ? plan->width - at.column : 4,
                       (at.image * plan->height + at.row) * plan->width + at.column, at.image};
}

/// Asks for the lines that a tile's outputs are written to, and for what is added to them.
CK_INLINE void expect_outputs(const ck_winograd *plan, const ck_winograd_operands *operands, output_tile at, size_t k) {
  for (size_t i = 0; i < at.rows; i++)
    for (size_t j = 0; j < at.columns; j++) {
      size_t p = at.corner + i * plan->width + j;
      __builtin_prefetch(operands->y + p * operands->y_stride + k, 1);
      if (operands->residual) __builtin_prefetch(operands->residual + p * operands->residual_stride + k);
    }
}

CK_WIDE_CLONES void ck_transform_outputs(const float *m, size_t step, size_t pitch, const ck_winograd *plan,
                                         const ck_winograd_operands *operands, size_t first, size_t tiles,
                                         size_t channel, size_t channels) {
  for (size_t t = 0; t < tiles; t++) {
    output_tile tile = place_outputs(plan, first + t);
    output_tile next = place_outputs(plan, first + (t + 1 < tiles ? t + 1 : t));
    size_t c = 0;
    for (; c + CK_LANES <= channels; c += CK_LANES) {
      expect_outputs(plan, operands, next, channel + c);
      store_outputs(m + t * pitch + c, step, plan, operands, tile, channel + c, CK_LANES);
    }
    if (c < channels) store_outputs(m + t * pitch + c, step, plan, operands, tile, channel + c, channels - c);
  }
}

/// One 3 x 3 kernel for sixteen pairs of channels to its 36 positions.
CK_INLINE void store_weights(float *u, size_t step, const ck_lanes *g) {
  ck_lanes half[18];
  for (size_t j = 0; j < 3; j++) ck_weight_transform(half + j, 3, g + j, 3);
  for (size_t i = 0; i < 6; i++) {
    ck_lanes row[6];
    ck_weight_transform(row, 1, half + 3 * i, 1);
    for (size_t j = 0; j < 6; j++) ck_store(u + (6 * i + j) * step, row[j]);
  }
}

/// One row of input channel c, sixteen output channels from k on.
CK_INLINE void weight_row(float *u, size_t step, const float *from, size_t tap, size_t ahead, const size_t count) {
  ck_lanes g[9];
  // Rows lie far apart: the hardware does not foresee them.
  for (size_t i = 0; i < 9; i++) __builtin_prefetch(from + i * tap + ahead);
  for (size_t i = 0; i < 9; i++) g[i] = ck_load_part(from + i * tap, count);
  store_weights(u, step, g);
}

/// Sixteen output channels from `from`'s row on, `inputs` input channels: turned by 180 degrees and transposed.
CK_INLINE void transposed_weights(float *u, size_t step, size_t pitch, const float *from, size_t tap, size_t row,
                                  size_t rows, const size_t inputs) {
  ck_lanes block[9][16];
  for (size_t i = 0; i < 9; i++) {
    for (size_t r = 0; r < CK_LANES; r++) {
      const float *line = from + (8 - i) * tap + r * row;
      __builtin_prefetch(line + CK_LANES * row);
      block[i][r] = r < rows ? ck_load_part(line, inputs) : (ck_lanes){0};
    }
    ck_transpose(block[i]);
  }
  for (size_t r = 0; r < inputs; r++) {
    ck_lanes g[9];
    for (size_t i = 0; i < 9; i++) g[i] = block[i][r];
    store_weights(u + r * pitch, step, g);
  }
}

CK_WIDE_CLONES void ck_transform_weights(float *u, size_t step, size_t pitch, const ck_winograd *plan,
                                         const float *weights, int transposed, size_t input, size_t inputs,
                                         size_t output, size_t outputs) {
  size_t tap = plan->input * plan->output;
  for (size_t k = 0; transposed && k < outputs; k += CK_LANES) {
    const float *from = weights + (output + k) * plan->input + input;
    size_t c = 0, rows = outputs - k < CK_LANES ? outputs - k : CK_LANES;
    if (rows == CK_LANES)
      for (; c + CK_LANES <= inputs; c += CK_LANES)
        transposed_weights(u + c * pitch + k, step, pitch, from + c, tap, plan->input, CK_LANES, CK_LANES);
    for (; c < inputs; c += CK_LANES)
      transposed_weights(u + c * pitch + k, step, pitch, from + c, tap, plan->input, rows,
                         inputs - c < CK_LANES ? inputs - c : CK_LANES);
  }
  for (size_t c = 0; !transposed && c < inputs; c++) {
    const float *from = weights + (input + c) * plan->output + output;
    size_t k = 0, ahead = AHEAD * plan->output;
    for (; k + CK_LANES <= outputs; k += CK_LANES)
      weight_row(u + c * pitch + k, step, from + k, tap, ahead, CK_LANES);
    if (k < outputs) weight_row(u + c * pitch + k, step, from + k, tap, ahead, outputs - k);
  }
}

CK_INLINE void weight_slope_row(const float *u, size_t step, float *to, size_t tap, size_t ahead, int accumulate,
                                const size_t count) {
  ck_lanes half[18], g[9];
  for (size_t i = 0; i < 9; i++) __builtin_prefetch(to + i * tap + ahead, 1);
  for (size_t j = 0; j < 6; j++) {
    ck_lanes column[6];
    for (size_t i = 0; i < 6; i++) column[i] = ck_load(u + (6 * i + j) * step);
    ck_weight_slope_transform(half + j, 6, column, 1);
  }
  for (size_t i = 0; i < 3; i++) ck_weight_slope_transform(g + 3 * i, 1, half + 6 * i, 1);
  for (size_t i = 0; i < 9; i++)
    ck_store_part(to + i * tap, accumulate ? ck_load_part(to + i * tap, count) + g[i] : g[i], count);
}

CK_WIDE_CLONES void ck_transform_weight_slopes(const float *u, size_t step, size_t pitch,
                                               const ck_winograd *plan, float *dw, int accumulate,
                                               size_t input, size_t inputs, size_t output, size_t outputs) {
  size_t tap = plan->input * plan->output, ahead = AHEAD * plan->output;
  for (size_t c = 0; c < inputs; c++) {
    float *to = dw + (input + c) * plan->output + output;
    size_t k = 0;
    for (; k + CK_LANES <= outputs; k += CK_LANES)
      weight_slope_row(u + c * pitch + k, step, to + k, tap, ahead, accumulate, CK_LANES);
    if (k < outputs) weight_slope_row(u + c * pitch + k, step, to + k, tap, ahead, accumulate, outputs - k);
  }
}
