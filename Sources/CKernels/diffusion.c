#include "include/ck_diffusion.h"

#include "ck_internal.h"

#pragma STDC FP_CONTRACT OFF

CK_CLONES void ck_blend(float *out, float a, const float *x, float b, const float *y, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = a * x[i] + b * y[i];
}

CK_INLINE float next_state(float state, float output, ck_step step) {
  float clean = step.from_state * state + step.from_output * output;
  clean = clean < step.low ? step.low : clean;
  clean = clean > step.high ? step.high : clean;
  return step.clean * clean + step.keep * state;
}

CK_CLONES void ck_sampler_step(float *state, const float *output, const float *noise, ck_step step,
                               size_t count) {
  if (!noise) {
    for (size_t i = 0; i < count; i++) state[i] = next_state(state[i], output[i], step);
    return;
  }
  for (size_t i = 0; i < count; i++)
    state[i] = next_state(state[i], output[i], step) + step.noise * noise[i];
}
