// The channel simulator's kernels: fields as sums of sinusoids, clusters, coherent power.
//
// "Places" are positions of the user equipment, laid out row after row. Fields are [field][place].
#pragma once

#include <stddef.h>
#include <stdint.h>

/// cosine[i] = cos(2 pi turns[i]), sine[i] = sin(2 pi turns[i]); |turns| < 2^22.
void ck_phasors(float *cosine, float *sine, const float *turns, size_t count);

/// rows[r][0..<n] = Re(c e^{j b_k y_r}), rows[r][n..<2n] = -Im(c e^{j b_k y_r}) with c = real + j imaginary [n]:
/// times [cos a_k x; sin a_k x] that is the field, Re sum_k c_k e^{j (a_k x + b_k y)}.
/// cosine, sine: [count][n], the phasors b_k y of `count` rows.
void ck_sinusoid_rows(float *rows, const float *real, const float *imaginary, const float *cosine, const float *sine,
                      size_t count, size_t n);

/// fields[m][places] = (beta ? fields : 0) + rows[m][k] columns[k][places], row-major and dense.
void ck_field_product(float *fields, const float *rows, const float *columns, size_t m, size_t k, size_t places,
                      int accumulate);

/// x[i] = Phi(x[i]): standard normal to uniform.
void ck_uniform_from_normal(float *x, size_t count);
