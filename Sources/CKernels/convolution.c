#include "ck_internal.h"
#include "include/ck_convolution.h"

#include <string.h>

CK_CLONES void ck_gather_taps(float *out, const float *x, size_t height, size_t width, size_t channels,
                              size_t stride, size_t target_width, size_t step, const int *offsets,
                              size_t taps, size_t first, size_t count) {
  for (size_t r = first; r < first + count; r++) {
    ptrdiff_t i = (ptrdiff_t)(r / target_width * step), j = (ptrdiff_t)(r % target_width * step);
    for (size_t t = 0; t < taps; t++, out += channels) {
      ptrdiff_t row = i + offsets[2 * t], column = j + offsets[2 * t + 1];
      if (row < 0 || column < 0 || row >= (ptrdiff_t)height || column >= (ptrdiff_t)width) {
        for (size_t c = 0; c < channels; c++) out[c] = 0;
      } else {
        const float *from = x + ((size_t)row * width + (size_t)column) * stride;
        for (size_t c = 0; c < channels; c++) out[c] = from[c];
      }
    }
  }
}

CK_CLONES void ck_scatter_class(float *image, size_t width, size_t stride, const float *rows, size_t channels,
                                size_t class_width, size_t step, size_t row0, size_t column0, size_t first,
                                size_t count, int accumulate) {
  for (size_t r = first; r < first + count; r++, rows += channels) {
    size_t i = row0 + r / class_width * step, j = column0 + r % class_width * step;
    float *to = image + (i * width + j) * stride;
    if (accumulate)
      for (size_t c = 0; c < channels; c++) to[c] += rows[c];
    else
      for (size_t c = 0; c < channels; c++) to[c] = rows[c];
  }
}
