#include "ck_elementary.h"
#include "include/ck_channel.h"

CK_CLONES void ck_phasors(float *cosine, float *sine, const float *turns, size_t count) {
  for (size_t i = 0; i < count; i++) ck_turns(turns[i], &sine[i], &cosine[i]);
}

CK_CLONES void ck_sinusoid_rows(float *rows, const float *real, const float *imaginary, const float *cosine,
                                const float *sine, size_t count, size_t n) {
  for (size_t r = 0; r < count; r++) {
    const float *c = cosine + r * n, *s = sine + r * n;
    float *even = rows + r * 2 * n, *odd = even + n;
    for (size_t k = 0; k < n; k++) {
      even[k] = real[k] * c[k] - imaginary[k] * s[k];
      odd[k] = -real[k] * s[k] - imaginary[k] * c[k];
    }
  }
}

CK_CLONES void ck_uniform_from_normal(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = ck_normal_distribution(x[i]);
}

CK_CLONES void ck_sinusoid_fields(float *rows, const float *real, const float *imaginary, const float *cosine,
                                  const float *sine, size_t fields, size_t n) {
  for (size_t f = 0; f < fields; f++) {
    const float *re = real + f * n, *im = imaginary + f * n;
    float *even = rows + f * 2 * n, *odd = even + n;
    for (size_t k = 0; k < n; k++) {
      even[k] = re[k] * cosine[k] - im[k] * sine[k];
      odd[k] = -re[k] * sine[k] - im[k] * cosine[k];
    }
  }
}
