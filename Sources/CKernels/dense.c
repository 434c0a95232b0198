#include "ck_internal.h"
#include "include/ck_dense.h"

#include <cblas.h>
#include <float.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ck_lanes.h"
#include "ck_math.h"

// OpenBLAS 0.3.21 takes processors newer than itself (AMD's Zen 4 and 5, for instance) for Haswells: half their speed.
// Its table of kernels can be chosen anew while nothing is being computed; builds for one processor lack these names.
void gotoblas_dynamic_init(void) __attribute__((weak));
void gotoblas_dynamic_quit(void) __attribute__((weak));

static void choose_kernels(void) {
#if defined(__x86_64__)
  const char *core = openblas_get_corename();
  int is_guess = !strcmp(core, "Haswell") || !strcmp(core, "Zen");
  if (!is_guess || !__builtin_cpu_supports("avx512vl") || !gotoblas_dynamic_init || !gotoblas_dynamic_quit) return;
  if (setenv("OPENBLAS_CORETYPE", "SkylakeX", 0)) return;  // what the user has set stands
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
#endif
}

void ck_gemm_prepare(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, choose_kernels);
  openblas_set_num_threads(1);
}

void ck_gemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
             size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  if (!m || !n) return;
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
              (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c,
              (blasint)ldc);
}

// LAPACK, which OpenBLAS carries; its Fortran names, since its C header is another package.
void sgeqrf_(const int *, const int *, float *, const int *, float *, float *, const int *, int *);
void sorgqr_(const int *, const int *, const int *, float *, const int *, const float *, float *, const int *,
             int *);

int ck_orthonormalise(float *matrix, int rows, int columns) {
  int info = 0, size = 64 * columns;
  float *work = malloc(((size_t)size + 2 * (size_t)columns) * sizeof(float));
  if (!work) return -1000;
  float *tau = work + size, *sign = tau + columns;
  sgeqrf_(&rows, &columns, matrix, &rows, tau, work, &size, &info);
  for (int j = 0; j < columns; j++) sign[j] = matrix[(size_t)j * (size_t)rows + (size_t)j] < 0 ? -1.0f : 1.0f;
  if (!info) sorgqr_(&rows, &columns, &columns, matrix, &rows, tau, work, &size, &info);
  for (int j = 0; j < columns; j++)
    for (int i = 0; i < rows; i++) matrix[(size_t)j * (size_t)rows + (size_t)i] *= sign[j];
  free(work);
  return info;
}

CK_CLONES void ck_copy_rows(float *y, size_t y_stride, const float *x, size_t x_stride, size_t pixels,
                            size_t channels, int accumulate) {
  for (size_t p = 0; p < pixels; p++) {
    float *to = y + p * y_stride;
    const float *from = x + p * x_stride;
    if (accumulate)
      for (size_t c = 0; c < channels; c++) to[c] += from[c];
    else
      for (size_t c = 0; c < channels; c++) to[c] = from[c];
  }
}

CK_CLONES void ck_fill_rows(float *y, size_t y_stride, const float *first, const float *second,
                            const float *residual, size_t residual_stride, size_t pixels, size_t channels) {
  for (size_t p = 0; p < pixels; p++) {
    float *to = y + p * y_stride;
    if (residual) {
      const float *from = residual + p * residual_stride;
      for (size_t c = 0; c < channels; c++) to[c] = from[c];
    } else {
      for (size_t c = 0; c < channels; c++) to[c] = 0;
    }
    if (first)
      for (size_t c = 0; c < channels; c++) to[c] += first[c];
    if (second)
      for (size_t c = 0; c < channels; c++) to[c] += second[c];
  }
}

CK_CLONES void ck_scale(float *y, const float *x, size_t count, float factor, int accumulate) {
  if (accumulate)
    for (size_t i = 0; i < count; i++) y[i] += factor * x[i];
  else
    for (size_t i = 0; i < count; i++) y[i] = factor * x[i];
}

CK_CLONES void ck_channel_sums(float *sums, const float *x, size_t stride, size_t pixels, size_t channels) {
  for (size_t c = 0; c < channels; c++) sums[c] = 0;
  for (size_t p = 0; p < pixels; p++) {
    const float *from = x + p * stride;
    for (size_t c = 0; c < channels; c++) sums[c] += from[c];
  }
}

CK_CLONES void ck_swish(float *y, const float *x, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = x[i] * ck_sigmoid(x[i]);
}

CK_CLONES void ck_swish_gradient(float *dx, const float *dy, const float *x, size_t count, int accumulate) {
  for (size_t i = 0; i < count; i++) {
    float s = ck_sigmoid(x[i]), d = dy[i] * s * (1.0f + x[i] * (1.0f - s));
    dx[i] = accumulate ? dx[i] + d : d;
  }
}

CK_CLONES void ck_rectify(float *y, size_t y_stride, const float *x, size_t x_stride, float slope, size_t pixels,
                          size_t channels) {
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c++) {
      float value = x[p * x_stride + c];
      y[p * y_stride + c] = value > 0 ? value : slope * value;
    }
}

CK_CLONES void ck_rectify_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride, const float *x,
                                   size_t x_stride, float slope, size_t pixels, size_t channels, int accumulate) {
  for (size_t p = 0; p < pixels; p++) {
    float *to = dx + p * dx_stride;
    const float *from = dy + p * dy_stride, *value = x + p * x_stride;
    if (accumulate)
      for (size_t c = 0; c < channels; c++) to[c] += value[c] > 0 ? from[c] : slope * from[c];
    else
      for (size_t c = 0; c < channels; c++) to[c] = value[c] > 0 ? from[c] : slope * from[c];
  }
}

CK_WIDE_CLONES double ck_rectify_slope_gradient(const float *dy, size_t dy_stride, const float *x,
                                                size_t x_stride, size_t pixels, size_t channels) {
  ck_lanes sums = {0};
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c += CK_LANES) {
      size_t n = channels - c < CK_LANES ? channels - c : CK_LANES;
      ck_lanes below = __builtin_elementwise_min(ck_load_part(x + p * x_stride + c, n), (ck_lanes){0});
      sums += below * ck_load_part(dy + p * dy_stride + c, n);
    }
  double total = 0;
  for (size_t lane = 0; lane < CK_LANES; lane++) total += (double)sums[lane];
  return total;
}

// Chains of dependent sums and comparisons take longer than the exponentials beside them, so long rows are summed in
// lanes. Short ones keep the order in which networks of 256 tokens at most have been trained.
enum { LANES = 16, SHORT_ROW = 256 };

CK_INLINE float row_top(const float *x, size_t n) {
  float tops[LANES], top = x[0];
  size_t whole = n / LANES * LANES;
  for (size_t l = 0; l < LANES; l++) tops[l] = x[0];
  for (size_t i = 0; i < whole; i += LANES)
    for (size_t l = 0; l < LANES; l++) tops[l] = x[i + l] > tops[l] ? x[i + l] : tops[l];
  for (size_t l = 0; l < LANES; l++) top = tops[l] > top ? tops[l] : top;
  for (size_t i = whole; i < n; i++) top = x[i] > top ? x[i] : top;
  return top;
}

CK_INLINE float row_sum(const float *x, size_t n) {
  float sums[LANES] = {0}, sum = 0;
  size_t whole = n > SHORT_ROW ? n / LANES * LANES : 0;
  for (size_t i = 0; i < whole; i += LANES)
    for (size_t l = 0; l < LANES; l++) sums[l] += x[i + l];
  for (size_t l = 0; l < LANES && whole; l++) sum += sums[l];
  for (size_t i = whole; i < n; i++) sum += x[i];
  return sum;
}

/// A function of its own: in a shared one the compiler fuses multiplication and sum otherwise, and bits change.
CK_INLINE float row_dot(const float *x, const float *y, size_t n) {
  float sums[LANES] = {0}, sum = 0;
  size_t whole = n > SHORT_ROW ? n / LANES * LANES : 0;
  for (size_t i = 0; i < whole; i += LANES)
    for (size_t l = 0; l < LANES; l++) sums[l] += x[i + l] * y[i + l];
  for (size_t l = 0; l < LANES && whole; l++) sum += sums[l];
  for (size_t i = whole; i < n; i++) sum += x[i] * y[i];
  return sum;
}

CK_CLONES void ck_softmax_rows(float *x, size_t rows, size_t n) {
  for (size_t r = 0; r < rows; r++) {
    float *row = x + r * n, top = row_top(row, n);
    for (size_t i = 0; i < n; i++) row[i] = ck_exp(row[i] - top);
    float inverse = 1.0f / row_sum(row, n);
    for (size_t i = 0; i < n; i++) row[i] *= inverse;
  }
}

CK_CLONES void ck_masked_softmax_rows(float *x, const uint8_t *mask, size_t rows, size_t n) {
  for (size_t r = 0; r < rows; r++) {
    float *row = x + r * n;
    for (size_t i = 0; i < n; i++) row[i] = mask[i] ? row[i] : -FLT_MAX;
    float top = row_top(row, n);
    for (size_t i = 0; i < n; i++) row[i] = mask[i] ? ck_exp(row[i] - top) : 0;
    float sum = row_sum(row, n), inverse = sum == 0 ? 0 : 1.0f / sum;  // 0: nothing is left of the row
    for (size_t i = 0; i < n; i++) row[i] *= inverse;
  }
}

CK_CLONES void ck_softmax_rows_gradient(float *dp, const float *p, size_t rows, size_t n) {
  for (size_t r = 0; r < rows; r++) {
    float *d = dp + r * n;
    const float *q = p + r * n;
    float dot = row_dot(d, q, n);
    for (size_t i = 0; i < n; i++) d[i] = q[i] * (d[i] - dot);
  }
}

CK_CLONES double ck_squared_error(const float *x, size_t x_stride, const float *target, const float *weights,
                                  size_t target_stride, size_t pixels, size_t channels) {
  double total = 0;
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c++) {
      double d = (double)x[p * x_stride + c] - (double)target[p * target_stride + c];
      total += weights ? weights[p * target_stride + c] * d * d : d * d;
    }
  return total;
}

CK_CLONES void ck_difference(float *dx, size_t dx_stride, const float *x, size_t x_stride, const float *target,
                             const float *weights, size_t target_stride, size_t pixels, size_t channels,
                             float factor, int accumulate) {
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c++) {
      float w = weights ? weights[p * target_stride + c] : 1;
      float d = factor * w * (x[p * x_stride + c] - target[p * target_stride + c]);
      float *to = dx + p * dx_stride + c;
      *to = accumulate ? *to + d : d;
    }
}

CK_CLONES void ck_upsample_nearest(float *y, size_t y_stride, const float *x, size_t x_stride, size_t width,
                                   size_t channels, size_t first_row, size_t rows) {
  for (size_t i = first_row; i < first_row + rows; i++)
    for (size_t j = 0; j < width; j++) {
      const float *from = x + (i * width + j) * x_stride;
      for (size_t corner = 0; corner < 4; corner++) {
        float *to = y + ((2 * i + corner / 2) * 2 * width + 2 * j + corner % 2) * y_stride;
        for (size_t c = 0; c < channels; c++) to[c] = from[c];
      }
    }
}

CK_CLONES void ck_upsample_nearest_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride,
                                            size_t width, size_t channels, size_t first_row, size_t rows,
                                            int accumulate) {
  for (size_t i = first_row; i < first_row + rows; i++)
    for (size_t j = 0; j < width; j++) {
      float *to = dx + (i * width + j) * dx_stride;
      const float *a = dy + (2 * i * 2 * width + 2 * j) * dy_stride, *b = a + 2 * width * dy_stride;
      for (size_t c = 0; c < channels; c++) {
        float sum = (a[c] + a[dy_stride + c]) + (b[c] + b[dy_stride + c]);
        to[c] = accumulate ? to[c] + sum : sum;
      }
    }
}

CK_CLONES void ck_pixel_shuffle(float *y, size_t y_stride, const float *x, size_t x_stride, size_t width,
                                size_t channels, size_t first_row, size_t rows) {
  for (size_t i = first_row; i < first_row + rows; i++)
    for (size_t j = 0; j < width; j++) {
      const float *from = x + (i * width + j) * x_stride;
      for (size_t corner = 0; corner < 4; corner++) {
        float *to = y + ((2 * i + corner / 2) * 2 * width + 2 * j + corner % 2) * y_stride;
        for (size_t c = 0; c < channels; c++) to[c] = from[4 * c + corner];
      }
    }
}

CK_CLONES void ck_pixel_shuffle_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride,
                                         size_t width, size_t channels, size_t first_row, size_t rows,
                                         int accumulate) {
  for (size_t i = first_row; i < first_row + rows; i++)
    for (size_t j = 0; j < width; j++) {
      float *to = dx + (i * width + j) * dx_stride;
      for (size_t corner = 0; corner < 4; corner++) {
        const float *from = dy + ((2 * i + corner / 2) * 2 * width + 2 * j + corner % 2) * dy_stride;
        for (size_t c = 0; c < channels; c++)
          to[4 * c + corner] = accumulate ? to[4 * c + corner] + from[c] : from[c];
      }
    }
}

CK_CLONES void ck_max_pool(float *y, size_t y_stride, const float *x, size_t x_stride, size_t width,
                           size_t channels, size_t first_row, size_t rows) {
  for (size_t i = first_row; i < first_row + rows; i++)
    for (size_t j = 0; j < width; j++) {
      float *to = y + (i * width + j) * y_stride;
      const float *a = x + (4 * i * width + 2 * j) * x_stride, *b = a + 2 * width * x_stride;
      for (size_t c = 0; c < channels; c++) {
        float above = a[c] > a[x_stride + c] ? a[c] : a[x_stride + c];
        float below = b[c] > b[x_stride + c] ? b[c] : b[x_stride + c];
        to[c] = above > below ? above : below;
      }
    }
}

CK_CLONES void ck_max_pool_gradient(float *dx, size_t dx_stride, const float *dy, size_t dy_stride, const float *x,
                                    size_t x_stride, size_t width, size_t channels, size_t first_row, size_t rows,
                                    int accumulate) {
  for (size_t i = first_row; i < first_row + rows; i++)
    for (size_t j = 0; j < width; j++) {
      const float *from = dy + (i * width + j) * dy_stride;
      for (size_t c = 0; c < channels; c++) {
        const size_t first = 4 * i * width + 2 * j, places[] = {first, first + 1, first + 2 * width, first + 2 * width + 1};
        size_t greatest = 0;
        for (size_t corner = 1; corner < 4; corner++)
          if (x[places[corner] * x_stride + c] > x[places[greatest] * x_stride + c]) greatest = corner;
        for (size_t corner = 0; corner < 4; corner++) {
          float *to = dx + places[corner] * dx_stride + c, share = corner == greatest ? from[c] : 0;
          *to = accumulate ? *to + share : share;
        }
      }
    }
}

CK_CLONES void ck_edge_strength(float *y, const float *x, size_t height, size_t width, size_t channels,
                                float epsilon) {
  size_t below = width * channels, across = (width - 1) * channels;
  for (size_t i = 0; i + 1 < height; i++)
    for (size_t k = 0; k < across; k++) {
      const float *at = x + i * below + k;
      float right = at[channels] - at[0], down = at[below] - at[0];
      y[i * across + k] = __builtin_elementwise_sqrt(right * right + down * down + epsilon * epsilon);
    }
}

CK_CLONES void ck_edge_strength_gradient(float *dx, const float *dy, const float *x, const float *y,
                                         size_t height, size_t width, size_t channels) {
  size_t below = width * channels, across = (width - 1) * channels;
  for (size_t i = 0; i + 1 < height; i++)
    for (size_t k = 0; k < across; k++) {
      const float *at = x + i * below + k;
      float *to = dx + i * below + k;
      float share = dy[i * across + k] / y[i * across + k];
      float right = share * (at[channels] - at[0]), down = share * (at[below] - at[0]);
      to[channels] += right;
      to[below] += down;
      to[0] -= right + down;
    }
}
