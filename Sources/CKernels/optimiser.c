#include "ck_internal.h"
#include "include/ck_dense.h"

// Neither contraction nor libm: every kind of node computes the same bits, so replicas do not drift.
#pragma STDC FP_CONTRACT OFF

CK_CLONES void ck_adam_step(float *weights, const float *gradients, float *first, float *second, size_t count,
                            ck_adam rule) {
  float keep1 = 1.0f - rule.beta1, keep2 = 1.0f - rule.beta2;
  for (size_t i = 0; i < count; i++) {
    float g = gradients[i] * rule.gradient_scale;
    float m = rule.beta1 * first[i] + keep1 * g;
    float v = rule.beta2 * second[i] + keep2 * (g * g);
    first[i] = m;
    second[i] = v;
    float root = __builtin_elementwise_sqrt(v) * rule.root_correction + rule.epsilon;
    float w = weights[i];
    weights[i] = w - rule.decay * w - rule.step_size * (m / root);
  }
}

CK_CLONES void ck_sgd_step(float *weights, const float *gradients, float *first, size_t count,
                           float gradient_scale, float momentum, float rate, float decay) {
  for (size_t i = 0; i < count; i++) {
    float m = momentum * first[i] + (gradients[i] * gradient_scale + decay * weights[i]);
    first[i] = m;
    weights[i] = weights[i] - rate * m;
  }
}

CK_CLONES void ck_momentum_step(float *direction, float *first, const float *gradients, size_t count,
                                float gradient_scale, float momentum) {
  for (size_t i = 0; i < count; i++) {
    float g = gradients[i] * gradient_scale;
    float m = first[i] + (1.0f - momentum) * (g - first[i]);
    first[i] = m;
    direction[i] = g + momentum * (m - g);
  }
}

CK_CLONES void ck_descend(float *weights, const float *direction, size_t count, float step_size, float decay) {
  for (size_t i = 0; i < count; i++) weights[i] = weights[i] - decay * weights[i] - step_size * direction[i];
}

CK_CLONES void ck_average_step(float *ema, const float *weights, size_t count, float one_minus_decay) {
  for (size_t i = 0; i < count; i++) ema[i] = ema[i] + one_minus_decay * (weights[i] - ema[i]);
}

// Eight running sums in a fixed order: the same bits on every node.
CK_CLONES double ck_sum_of_squares(const float *x, size_t count) {
  double sums[8] = {0};
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int j = 0; j < 8; j++) sums[j] += (double)x[i + (size_t)j] * (double)x[i + (size_t)j];
  for (int j = 0; i < count; i++, j++) sums[j] += (double)x[i] * (double)x[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}
