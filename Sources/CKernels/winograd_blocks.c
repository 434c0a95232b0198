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
static const float zeros[CK_LANES] = {0};

CK_WIDE_CLONES void ck_transform_data(float *v, size_t step, size_t pitch, const ck_winograd *plan, ck_map x,
                                      size_t first, size_t tiles, size_t channel, size_t channels) {
  for (size_t t = 0; t < tiles; t++) {
    tile_place at = place(plan, first + t);
    const float *pixel[36];
    size_t moves[36];
    for (size_t i = 0; i < 36; i++) {  // the tile with its border of one pixel; zeros outside the map
      size_t row = at.row + i / 6 - 1, column = at.column + i % 6 - 1;
      int inside = row < plan->height && column < plan->width;  // below zero wraps far above
      pixel[i] = inside ? x.base + ((at.image * plan->height + row) * plan->width + column) * x.stride + channel
                        : zeros;
      moves[i] = inside;
    }
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t count = channels - c < CK_LANES ? channels - c : CK_LANES;
      ck_lanes d[36];
      for (size_t i = 0; i < 36; i++) d[i] = ck_load_part(pixel[i] + moves[i] * c, count);
      ck_lanes half[36];
      for (size_t j = 0; j < 6; j++) ck_data_transform(half + j, d + j, 6);
      for (size_t i = 0; i < 6; i++) {
        ck_lanes row[6];
        ck_data_transform(row, half + 6 * i, 1);
        for (size_t j = 0; j < 6; j++) ck_store(v + (6 * i + j) * step + t * pitch + c, row[j]);
      }
    }
  }
}

CK_WIDE_CLONES void ck_transform_slopes(float *m, size_t step, size_t pitch, const ck_winograd *plan,
                                        ck_map dy, size_t first, size_t tiles, size_t channel,
                                        size_t channels) {
  for (size_t t = 0; t < tiles; t++) {
    tile_place at = place(plan, first + t);
    const float *pixel[16];
    size_t moves[16];
    for (size_t i = 0; i < 16; i++) {
      size_t row = at.row + i / 4, column = at.column + i % 4;
      int inside = row < plan->height && column < plan->width;
      pixel[i] = inside
                     ? dy.base + ((at.image * plan->height + row) * plan->width + column) * dy.stride + channel
                     : zeros;
      moves[i] = inside;
    }
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t count = channels - c < CK_LANES ? channels - c : CK_LANES;
      ck_lanes d[16], half[24];
      for (size_t i = 0; i < 16; i++) d[i] = ck_load_part(pixel[i] + moves[i] * c, count);
      for (size_t j = 0; j < 4; j++) ck_slope_transform(half + j, 4, d + j, 4);
      for (size_t i = 0; i < 6; i++) {
        ck_lanes row[6];
        ck_slope_transform(row, 1, half + 4 * i, 1);
        for (size_t j = 0; j < 6; j++) ck_store(m + (6 * i + j) * step + t * pitch + c, row[j]);
      }
    }
  }
}

CK_WIDE_CLONES void ck_transform_outputs(const float *m, size_t step, size_t pitch, const ck_winograd *plan,
                                         const ck_winograd_operands *operands, size_t first, size_t tiles,
                                         size_t channel, size_t channels) {
  for (size_t t = 0; t < tiles; t++) {
    tile_place at = place(plan, first + t);
    size_t rows = plan->height - at.row < 4 ? plan->height - at.row : 4;
    size_t columns = plan->width - at.column < 4 ? plan->width - at.column : 4;
    size_t corner = (at.image * plan->height + at.row) * plan->width + at.column;
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t count = channels - c < CK_LANES ? channels - c : CK_LANES;
      ck_lanes d[36], half[24], out[16], start = {0};
      for (size_t i = 0; i < 36; i++) d[i] = ck_load(m + i * step + t * pitch + c);
      for (size_t j = 0; j < 6; j++) ck_output_transform(half + j, 6, d + j, 6);
      for (size_t i = 0; i < 4; i++) ck_output_transform(out + 4 * i, 1, half + 6 * i, 1);
      if (operands->start)
        start = ck_load_part(operands->start + at.image * plan->output + channel + c, count);
      for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
          size_t p = corner + i * plan->width + j;
          ck_lanes value = out[4 * i + j] + start;
          if (operands->residual)
            value += ck_load_part(operands->residual + p * operands->residual_stride + channel + c, count);
          ck_store_part(operands->y + p * operands->y_stride + channel + c, value, count);
        }
    }
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

CK_WIDE_CLONES void ck_transform_weights(float *u, size_t step, size_t pitch, const ck_winograd *plan,
                                         const float *weights, int transposed, size_t input, size_t inputs,
                                         size_t output, size_t outputs) {
  size_t tap = plan->input * plan->output;
  if (!transposed) {
    for (size_t c = 0; c < inputs; c++)
      for (size_t k = 0; k < outputs; k += CK_LANES) {
        size_t count = outputs - k < CK_LANES ? outputs - k : CK_LANES;
        ck_lanes g[9];
        for (size_t i = 0; i < 9; i++)  // rows lie far apart: the hardware does not foresee them
          __builtin_prefetch(weights + i * tap + (input + c + AHEAD) * plan->output + output + k);
        for (size_t i = 0; i < 9; i++)
          g[i] = ck_load_part(weights + i * tap + (input + c) * plan->output + output + k, count);
        store_weights(u + c * pitch + k, step, g);
      }
    return;
  }
  for (size_t c = 0; c < inputs; c += CK_LANES)
    for (size_t k = 0; k < outputs; k += CK_LANES) {
      size_t count = inputs - c < CK_LANES ? inputs - c : CK_LANES;
      ck_lanes block[9][16];
      for (size_t i = 0; i < 9; i++) {
        const float *from = weights + (8 - i) * tap + (output + k) * plan->input + input + c;
        for (size_t r = 0; r < 16; r++) {
          __builtin_prefetch(from + r * plan->input + 2 * CK_LANES);
          block[i][r] = k + r < outputs ? ck_load_part(from + r * plan->input, count) : (ck_lanes){0};
        }
        ck_transpose(block[i]);
      }
      for (size_t r = 0; r < count; r++) {
        ck_lanes g[9];
        for (size_t i = 0; i < 9; i++) g[i] = block[i][r];
        store_weights(u + (c + r) * pitch + k, step, g);
      }
    }
}

CK_WIDE_CLONES void ck_transform_weight_slopes(const float *u, size_t step, size_t pitch,
                                               const ck_winograd *plan, float *dw, int accumulate,
                                               size_t input, size_t inputs, size_t output, size_t outputs) {
  size_t tap = plan->input * plan->output;
  for (size_t c = 0; c < inputs; c++)
    for (size_t k = 0; k < outputs; k += CK_LANES) {
      size_t count = outputs - k < CK_LANES ? outputs - k : CK_LANES;
      ck_lanes d[36], half[18], g[9];
      for (size_t i = 0; i < 9; i++)
        __builtin_prefetch(dw + i * tap + (input + c + AHEAD) * plan->output + output + k, 1);
      for (size_t i = 0; i < 36; i++) d[i] = ck_load(u + i * step + c * pitch + k);
      for (size_t j = 0; j < 6; j++) ck_weight_slope_transform(half + j, 6, d + j, 6);
      for (size_t i = 0; i < 3; i++) ck_weight_slope_transform(g + 3 * i, 1, half + 6 * i, 1);
      for (size_t i = 0; i < 9; i++) {
        float *to = dw + i * tap + (input + c) * plan->output + output + k;
        ck_store_part(to, accumulate ? ck_load_part(to, count) + g[i] : g[i], count);
      }
    }
}
