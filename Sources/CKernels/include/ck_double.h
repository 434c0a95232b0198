// Dense linear algebra in double, for Gaussian processes: covariances of smooth fields are too ill-conditioned for
// float. Row-major unless said otherwise; nothing here keeps state.
#pragma once

#include <stddef.h>

/// C[m][n] = alpha op(A) op(B) + beta C; transpose_* != 0 takes the transpose.
void ck_gemm_double(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, double alpha, const double *a,
                    size_t lda, const double *b, size_t ldb, double beta, double *c, size_t ldc);

/// Eigenvalues, rising, of the symmetric matrix[n][n], which receives the eigenvectors, one a row. Returns LAPACK's
/// info, 0 when all is well, -1000 without memory.
int ck_symmetric_eigen(double *matrix, double *values, size_t n);

/// L of A = L L^T in the lower triangle of matrix[n][n]; what lies above the diagonal is left. Returns 0, or the number
/// of the leading minor that is not positive.
int ck_cholesky(double *matrix, size_t n, size_t stride);

/// b[n][columns] becomes L^-1 b (transpose != 0: L^-T b), L the lower triangle of lower[n][n].
void ck_solve_lower(int transpose, const double *lower, size_t stride, double *b, size_t b_stride, size_t n,
                    size_t columns);

enum { CK_SPECTRAL_SUMS = 6 };
/// With w = 1 / (lambda_y[i] lambda_x[j] + nugget) over i < rows, j < columns, of three fields z[3][rows][columns]:
/// sums = sum of w z_a z_b for (a, b) = 00 01 02 11 12 22.
void ck_spectral_sums(double *sums, const double *z, const double *lambda_y, const double *lambda_x, size_t rows,
                      size_t columns, double nugget);
