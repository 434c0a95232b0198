#include "include/ck_double.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

#include "ck_lanes.h"

// Eight doubles: one AVX-512 register, two of AVX2, four of SSE.
typedef double ck_doubles __attribute__((vector_size(64), aligned(8)));
enum { CK_DOUBLES = 8 };

void ck_gemm_double(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, double alpha, const double *a,
                    size_t lda, const double *b, size_t ldb, double beta, double *c, size_t ldc) {
  if (!m || !n) return;
  cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
              (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c,
              (blasint)ldc);
}

// LAPACK, which OpenBLAS carries; its Fortran names, since its C header is another package.
void dsyevd_(const char *, const char *, const int *, double *, const int *, double *, double *, const int *, int *,
             const int *, int *);
void dpotrf_(const char *, const int *, double *, const int *, int *);

int ck_symmetric_eigen(double *matrix, double *values, size_t n) {
  int order = (int)n, info = 0, query = -1, integers = 0;
  double size = 0;
  dsyevd_("V", "L", &order, matrix, &order, values, &size, &query, &integers, &query, &info);
  if (info) return info;
  int reals = (int)size;
  double *work = malloc((size_t)reals * sizeof(double));
  int *whole = malloc((size_t)integers * sizeof(int));
  if (work && whole)
    dsyevd_("V", "L", &order, matrix, &order, values, work, &reals, whole, &integers, &info);
  else
    info = -1000;
  free(work);
  free(whole);
  return info;
}

int ck_cholesky(double *matrix, size_t n, size_t stride) {
  // The lower triangle by rows is the upper one by columns.
  int order = (int)n, leading = (int)stride, info = 0;
  dpotrf_("U", &order, matrix, &leading, &info);
  return info;
}

void ck_solve_lower(int transpose, const double *lower, size_t stride, double *b, size_t b_stride, size_t n,
                    size_t columns) {
  if (!n || !columns) return;
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, transpose ? CblasTrans : CblasNoTrans, CblasNonUnit, (blasint)n,
              (blasint)columns, 1, lower, (blasint)stride, b, (blasint)b_stride);
}

CK_INLINE void spectral_terms(ck_doubles *sums, ck_doubles w, ck_doubles a, ck_doubles b, ck_doubles c) {
  ck_doubles products[CK_SPECTRAL_SUMS] = {a * a, a * b, a * c, b * b, b * c, c * c};
  for (int i = 0; i < CK_SPECTRAL_SUMS; i++) sums[i] += w * products[i];
}

CK_INLINE ck_doubles load_part(const double *from, size_t count, double rest) {
  ck_doubles lanes;
  for (size_t i = 0; i < CK_DOUBLES; i++) lanes[i] = i < count ? from[i] : rest;
  return lanes;
}

CK_WIDE_CLONES void ck_spectral_sums(double *sums, const double *z, const double *lambda_y, const double *lambda_x,
                                     size_t rows, size_t columns, double nugget) {
  ck_doubles partial[CK_SPECTRAL_SUMS] = {0};
  size_t field = rows * columns;
  double all[CK_DOUBLES];
  for (size_t i = 0; i < CK_DOUBLES; i++) all[i] = nugget;
  for (size_t i = 0; i < rows; i++) {
    const double *a = z + i * columns, *b = a + field, *c = b + field;
    size_t j = 0;
    for (; j + CK_DOUBLES <= columns; j += CK_DOUBLES) {
      ck_doubles w = 1 / (lambda_y[i] * *(const ck_doubles *)(lambda_x + j) + nugget);
      spectral_terms(partial, w, *(const ck_doubles *)(a + j), *(const ck_doubles *)(b + j),
                     *(const ck_doubles *)(c + j));
    }
    if (j == columns) continue;
    size_t rest = columns - j;
    // Lanes beyond the row get the weight 0: 1 / infinity.
    ck_doubles w = 1 / (lambda_y[i] * load_part(lambda_x + j, rest, 0) + load_part(all, rest, HUGE_VAL));
    spectral_terms(partial, w, load_part(a + j, rest, 0), load_part(b + j, rest, 0), load_part(c + j, rest, 0));
  }
  for (int i = 0; i < CK_SPECTRAL_SUMS; i++) {
    sums[i] = 0;
    for (int lane = 0; lane < CK_DOUBLES; lane++) sums[i] += partial[i][lane];
  }
}
