// Diffusion on flat buffers. Neither contraction nor libm: every kind of node computes the same bits.
#pragma once

#include <stddef.h>

/// out = a x + b y, elementwise; out may be x or y.
void ck_blend(float *out, float a, const float *x, float b, const float *y, size_t count);

/// The coefficients of one sampler step: the estimate of the clean map is
/// c = min(max(from_state * state + from_output * output, low), high), with that of the step before
/// d = current * c + previous * memory, and the next state is clean * d + keep * state + noise * noise[i].
typedef struct {
  float from_state, from_output;
  float low, high;
  float current, previous;
  float clean, keep, noise;
} ck_step;

/// One sampler step in place; `noise` may be NULL when step.noise is 0. `memory` holds the estimates of the step before
/// and receives this step's; NULL when there is none to look at: then d = c. A NaN stays a NaN.
void ck_sampler_step(float *state, const float *output, const float *noise, float *memory, ck_step step,
                     size_t count);
