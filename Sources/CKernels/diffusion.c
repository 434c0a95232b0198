#include "include/ck_diffusion.h"

#include "ck_internal.h"

#pragma STDC FP_CONTRACT OFF

CK_CLONES void ck_blend(float *out, float a, const float *x, float b, const float *y, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = a * x[i] + b * y[i];
}

CK_INLINE void step_all(float *state, const float *output, const float *noise, float *memory, ck_step step,
                        size_t count) {
  for (size_t i = 0; i < count; i++) {
    float clean = step.from_state * state[i] + step.from_output * output[i];
    clean = clean < step.low ? step.low : clean;
    clean = clean > step.high ? step.high : clean;
    float wanted = clean;
    if (memory) {
      wanted = step.current * clean + step.previous * memory[i];
      memory[i] = clean;
    }
    float next = step.clean * wanted + step.keep * state[i];
    state[i] = noise ? next + step.noise * noise[i] : next;
  }
}

// One loop for each case, without a test inside.
CK_CLONES void ck_sampler_step(float *state, const float *output, const float *noise, float *memory, ck_step step,
                               size_t count) {
  if (memory && noise) step_all(state, output, noise, memory, step, count);
  else if (memory) step_all(state, output, NULL, memory, step, count);
  else if (noise) step_all(state, output, noise, NULL, step, count);
  else step_all(state, output, NULL, NULL, step, count);
}
