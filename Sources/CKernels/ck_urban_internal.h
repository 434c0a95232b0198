// What the kernels of cities share.
#pragma once

#include "ck_elementary.h"
#include "include/ck_urban.h"

// Towards (x, y), of any length.
CK_INLINE float ck_pattern_loss(ck_pattern antenna, float x, float y) {
  if (antenna.rate == 0.0f) return 0.0f;
  float across = antenna.dx * y - antenna.dy * x, along = antenna.dx * x + antenna.dy * y;
  float angle = ck_degrees(across < 0.0f ? -across : across, along);
  float lost = antenna.rate * angle * angle;
  lost = lost > antenna.most ? antenna.most : lost;
  return x * x + y * y > 0.0f ? lost : 0.0f;
}
