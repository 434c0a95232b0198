#include "include/ck_convolution.h"

#include "ck_lanes.h"
#include "include/ck_panels.h"

// Channels of a tap that are multiplied at a time, and the distance between gathered rows: an odd number of cache lines.
enum { DEPTH = 128, PITCH = DEPTH + CK_LANES, OUTPUT_PITCH = CK_TAP_OUTPUTS + CK_LANES };
enum { AHEAD = 8 };  // rows that are asked for before they are needed
enum { ROW_FLOATS = CK_TAP_INPUTS * PITCH, PANEL_FLOATS = DEPTH * OUTPUT_PITCH };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t padded(size_t n) { return (n + CK_LANES - 1) / CK_LANES * CK_LANES; }

size_t ck_taps_scratch(void) { return ROW_FLOATS + PANEL_FLOATS + CK_TAP_GROUP * OUTPUT_PITCH; }

CK_INLINE void copy_channels(float *to, const float *from, size_t count) {
  for (size_t c = 0; c < count; c += CK_LANES) {
    size_t part = count - c < CK_LANES ? count - c : CK_LANES;
    ck_store(to + c, from ? ck_load_part(from + c, part) : (ck_lanes){0});
  }
}

/// out[r][c] for `rows` targets from `first` on; lanes behind the last channel are zero.
CK_INLINE void gather(float *out, size_t pitch, const ck_taps *taps, size_t tap, size_t first, size_t rows,
                      size_t channel, size_t channels) {
  size_t i = first / taps->target_width, j = first % taps->target_width;
  for (size_t r = 0; r < rows; r++) {
    size_t row = i * taps->step + (size_t)taps->offsets[2 * tap];  // below zero wraps far above
    size_t column = j * taps->step + (size_t)taps->offsets[2 * tap + 1];
    int inside = row < taps->height && column < taps->width;
    const float *from = inside ? taps->x + (row * taps->width + column) * taps->stride + channel : NULL;
    for (size_t c = 0; inside && c < channels; c += CK_LANES) __builtin_prefetch(from + AHEAD / 2 * taps->stride + c);
    copy_channels(out + r * pitch, from, channels);
    if (++j == taps->target_width) {
      j = 0;
      i++;
    }
  }
}

/// panels[k][c][32] of the matrix [.., outputs], lanes behind the last output zero.
CK_INLINE void pack(float *panels, const float *w, size_t row, size_t channels, size_t outputs) {
  for (size_t c = 0; c < channels; c++)
    for (size_t k = 0; k < outputs; k += CK_PANEL) {
      const float *from = w + c * row + k;
      __builtin_prefetch(from + AHEAD * row);  // rows lie far apart: the hardware does not foresee them
      __builtin_prefetch(from + AHEAD * row + CK_LANES);
      copy_channels(panels + k * DEPTH + c * CK_PANEL, from, least(CK_PANEL, outputs - k));
    }
}

/// The same of a matrix that is stored transposed, [outputs, ..].
CK_INLINE void pack_transposed(float *panels, const float *w, size_t row, size_t channels, size_t outputs) {
  for (size_t k = 0; k < outputs; k += CK_LANES)
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t part = channels - c < CK_LANES ? channels - c : CK_LANES;
      ck_lanes block[CK_LANES];
      for (size_t r = 0; r < CK_LANES; r++)
        block[r] = k + r < outputs ? ck_load_part(w + (k + r) * row + c, part) : (ck_lanes){0};
      ck_transpose(block);
      float *to = panels + k / CK_PANEL * CK_PANEL * DEPTH + k % CK_PANEL + c * CK_PANEL;
      for (size_t r = 0; r < part; r++) ck_store(to + r * CK_PANEL, block[r]);
    }
}

CK_INLINE void store_targets(const ck_targets *to, const float *sums, size_t target_width, size_t first,
                             size_t rows, size_t output, size_t outputs) {
  size_t i = first / target_width, j = first % target_width;
  for (size_t r = 0; r < rows; r++) {
    size_t pixel = (to->row + i * to->step) * to->width + to->column + j * to->step;
    for (size_t k = 0; k < outputs; k += CK_LANES) {
      size_t part = outputs - k < CK_LANES ? outputs - k : CK_LANES;
      __builtin_prefetch(to->y + (pixel + AHEAD / 4 * to->step) * to->stride + output + k, 1);
      ck_lanes value = ck_load(sums + r * OUTPUT_PITCH + k);
      if (to->start) value += ck_load_part(to->start + output + k, part);
      if (to->residual) value += ck_load_part(to->residual + pixel * to->residual_stride + output + k, part);
      ck_store_part(to->y + pixel * to->stride + output + k, value, part);
    }
    if (++j == target_width) {
      j = 0;
      i++;
    }
  }
}

CK_WIDE_CLONES void ck_taps_product(const ck_taps *taps, const ck_targets *targets, const float *w,
                                    int transposed, size_t inputs, size_t outputs, size_t first, size_t rows,
                                    size_t output, float *scratch) {
  float *gathered = scratch, *panels = gathered + ROW_FLOATS, *sums = panels + PANEL_FLOATS;
  size_t width = least(CK_TAP_OUTPUTS, outputs - output);
  size_t parts = (rows + CK_TAP_ROWS - 1) / CK_TAP_ROWS;
  int accumulate = 0;
  for (size_t t = 0; t < taps->taps; t++) {
    const float *matrix = w + (size_t)taps->matrices[t] * inputs * outputs;
    for (size_t c = 0; c < inputs; c += DEPTH, accumulate = 1) {
      size_t depth = least(DEPTH, inputs - c);
      if (transposed)
        pack_transposed(panels, matrix + output * inputs + c, inputs, depth, width);
      else
        pack(panels, matrix + c * outputs + output, outputs, depth, width);
      for (size_t part = 0; part < parts; part++) {
        size_t from = rows * part / parts, count = rows * (part + 1) / parts - from;
        gather(gathered, PITCH, taps, t, first + from, count, c, depth);
        for (size_t k = 0; k < width; k += CK_PANEL)
          ck_panel_product(sums + from * OUTPUT_PITCH + k, OUTPUT_PITCH, gathered, PITCH, 1, panels + k * DEPTH,
                           CK_PANEL, panels + (k + CK_PANEL < width ? k + CK_PANEL : 0) * DEPTH, count,
                           least(CK_PANEL, padded(width - k)), depth, accumulate);
      }
    }
  }
  if (!taps->taps) memset(sums, 0, rows * OUTPUT_PITCH * sizeof *sums);
  store_targets(targets, sums, taps->target_width, first, rows, output, width);
}

CK_WIDE_CLONES void ck_taps_gradient(const ck_taps *taps, size_t tap, const float *dy, size_t dy_stride,
                                     size_t inputs, size_t outputs, size_t first, size_t rows, size_t input,
                                     size_t output, float *sums, int accumulate, float *scratch) {
  float *gathered = scratch, *panels = gathered + ROW_FLOATS;
  size_t height = least(CK_TAP_INPUTS, inputs - input), width = least(CK_TAP_OUTPUTS, outputs - output);
  for (size_t r = 0; r < rows; r += DEPTH, accumulate = 1) {
    size_t depth = least(DEPTH, rows - r);
    gather(gathered, PITCH, taps, tap, first + r, depth, input, height);
    pack(panels, dy + (first + r) * dy_stride + output, dy_stride, depth, width);
    for (size_t k = 0; k < width; k += CK_PANEL)
      ck_panel_product(sums + k, CK_TAP_OUTPUTS, gathered, 1, PITCH, panels + k * DEPTH, CK_PANEL,
                       panels + k * DEPTH, height, least(CK_PANEL, padded(width - k)), depth, accumulate);
  }
}

CK_WIDE_CLONES void ck_add_block(float *dw, const float *sums, size_t inputs, size_t outputs, size_t input,
                                 size_t output) {
  size_t height = least(CK_TAP_INPUTS, inputs - input), width = least(CK_TAP_OUTPUTS, outputs - output);
  for (size_t c = 0; c < height; c++)
    for (size_t k = 0; k < width; k++) dw[(input + c) * outputs + output + k] += sums[c * CK_TAP_OUTPUTS + k];
}
