#include "ck_internal.h"
#include "include/ck_convolution.h"

#include <string.h>

CK_CLONES void ck_unfold(float *planes, size_t plane_stride, const float *x, size_t x_stride, ck_unfolded shape,
                         size_t first_row, size_t rows) {
  size_t kernel = shape.kernel, channels = shape.channels;
  ptrdiff_t width = (ptrdiff_t)shape.width, pad = (ptrdiff_t)(kernel / 2);
  for (size_t tap = 0; tap < kernel * kernel; tap++)
    for (size_t i = 0; i < rows; i++) {
      ptrdiff_t row = (ptrdiff_t)(first_row + i + tap / kernel) - pad, shift = (ptrdiff_t)(tap % kernel) - pad;
      ptrdiff_t first = shift < 0 ? -shift : 0, end = shift > 0 ? width - shift : width;
      int is_within = row >= 0 && row < (ptrdiff_t)shape.height && first < end;
      for (size_t c = 0; c < channels; c++) {
        float *to = planes + (tap * channels + c) * plane_stride + i * shape.width;
        if (!is_within) {
          memset(to, 0, shape.width * sizeof(float));
          continue;
        }
        const float *from = x + (row * width + shift) * (ptrdiff_t)x_stride + c;
        for (ptrdiff_t j = 0; j < first; j++) to[j] = 0;
        for (ptrdiff_t j = first; j < end; j++) to[j] = from[j * (ptrdiff_t)x_stride];
        for (ptrdiff_t j = end; j < width; j++) to[j] = 0;
      }
    }
}

CK_CLONES void ck_fold(float *y, size_t y_stride, const float *planes, size_t plane_stride, ck_unfolded shape,
                       size_t first_row, size_t rows, size_t planes_first_row) {
  enum { COLUMNS = 256 };
  size_t kernel = shape.kernel, width = shape.width, channels = shape.channels, pad = kernel / 2;
  for (size_t row = first_row; row < first_row + rows; row++)
    for (size_t c = 0; c < channels; c++)
      for (size_t column = 0; column < width; column += COLUMNS) {
        size_t count = width - column < COLUMNS ? width - column : COLUMNS;
        float sums[COLUMNS] = {0};
        for (size_t tap = 0; tap < kernel * kernel; tap++) {
          ptrdiff_t source = (ptrdiff_t)(row + pad) - (ptrdiff_t)(tap / kernel);
          if (source < 0 || source >= (ptrdiff_t)shape.height) continue;
          ptrdiff_t shift = (ptrdiff_t)(column + pad) - (ptrdiff_t)(tap % kernel);
          ptrdiff_t first = shift < 0 ? -shift : 0, end = (ptrdiff_t)width - shift;
          if (end > (ptrdiff_t)count) end = (ptrdiff_t)count;
          const float *from = planes + (tap * channels + c) * plane_stride +
                              ((size_t)source - planes_first_row) * width;
          for (ptrdiff_t j = first; j < end; j++) sums[j] += from[j + shift];
        }
        float *to = y + (row * width + column) * y_stride + c;
        for (size_t j = 0; j < count; j++) to[j * y_stride] += sums[j];
      }
}
