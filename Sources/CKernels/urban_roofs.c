// Paths over roofs.
#include "include/ck_urban.h"

#include "ck_urban_internal.h"

#include <math.h>

// Places from (x, y) on towards a place of the border, one for each column or row, whichever are more.
static void go(double x, double y, int32_t column, int32_t row, size_t columns, size_t rows, const uint64_t *outdoors, float *first,
               float *last) {
  const size_t words = (columns + 63) / 64;
  const double dx = column - x, dy = row - y;
  const int is_wide = fabs(dx) >= fabs(dy);
  const double along = is_wide ? dx : dy, across = is_wide ? dy : dx;
  if (along == 0) return;
  const double slope = across / along, length = sqrt(1 + slope * slope), origin = is_wide ? x : y, side = is_wide ? y : x;
  const int32_t end = is_wide ? column : row, step = along > 0 ? 1 : -1;
  float entered = 0, left = 0;
  int is_inside = 0;
  for (int32_t at = (int32_t)(step > 0 ? floor(origin) + 1 : ceil(origin) - 1); step > 0 ? at <= end : at >= end; at += step) {
    const double way = fabs(at - origin);
    const int32_t beside = (int32_t)lrint(side + slope * (at - origin));
    if (beside < 0 || (size_t)beside >= (is_wide ? rows : columns)) return;
    const size_t place_row = (size_t)(is_wide ? beside : at), place_column = (size_t)(is_wide ? at : beside);
    const int is_outside = outdoors[place_row * words + place_column / 64] >> (place_column % 64) & 1;
    const float wall = (float)((way - 0.5) * length);
    if (is_inside == is_outside) {  // through a wall
      if (!is_inside && entered == 0) entered = wall > 0.1f ? wall : 0.1f;
      if (is_inside) left = wall;
      is_inside = !is_inside;
    }
    if (is_outside && entered > 0) {
      first[place_row * columns + place_column] = entered;
      last[place_row * columns + place_column] = (float)(way * length) - left;
    }
  }
}

void ck_walls_between(double x, double y, size_t rows, size_t columns, const uint64_t *outdoors, float *first, float *last) {
  for (size_t place = 0; place < rows * columns; place++) first[place] = last[place] = 0;
  const int32_t right = (int32_t)columns - 1, top = (int32_t)rows - 1;
  for (int32_t column = 0; column <= right; column++) {
    go(x, y, column, 0, columns, rows, outdoors, first, last);
    go(x, y, column, top, columns, rows, outdoors, first, last);
  }
  for (int32_t row = 0; row <= top; row++) {
    go(x, y, 0, row, columns, rows, outdoors, first, last);
    go(x, y, right, row, columns, rows, outdoors, first, last);
  }
}

// Of a slope, in degrees.
CK_INLINE float elevation(float slope) {
  float angle = ck_degrees(slope < 0.0f ? -slope : slope, 1.0f);
  return slope < 0.0f ? -angle : angle;
}

CK_CLONES
void ck_roof_losses(double x, double y, float spacing, float nearest, ck_heights heights, ck_pattern antenna,
                    ck_distance_law bent, ck_distance_law direct, float degree, float cost, size_t rows, size_t columns, const float *first,
                    const float *last, float *loss, float *length, float *corners, float *roofs) {
  const float ten = 0.43429448190f, rise = heights.roofs - heights.station, drop = heights.roofs - heights.user;
  const float whole = heights.user - heights.station;
  for (size_t row = 0; row < rows; row++) {
    const float by = (float)((double)row - y);
    for (size_t column = 0; column < columns; column++) {
      const size_t place = row * columns + column;
      const float bx = (float)((double)column - x);
      float plan = __builtin_sqrtf(bx * bx + by * by) * spacing;
      plan = plan < nearest ? nearest : plan;
      const int is_hidden = first[place] > 0.0f;
      float before = is_hidden ? first[place] * spacing : plan, behind = is_hidden ? last[place] * spacing : plan;
      // Both edges are within the way.
      before = before > plan ? plan : before;
      behind = behind > plan ? plan : behind;
      const float far = plan - behind > before ? plan - behind : before, other = plan - before > behind ? plan - before : behind;
      // The hull over both edges: the steepest way up from the station, and the steepest way up from the user.
      float up = rise / before, steep = rise / far;
      up = steep > up ? steep : up;
      up = whole / plan > up ? whole / plan : up;
      float down = drop / behind;
      steep = drop / other;
      down = steep > down ? steep : down;
      down = -whole / plan > down ? -whole / plan : down;
      const float turn = elevation(up) + elevation(down);
      const int sees = turn < 1e-2f;
      const float straight = __builtin_sqrtf(plan * plan + whole * whole), counted = sees ? straight : plan;
      const float value = (sees ? direct.intercept : bent.intercept) + (sees ? direct.slope : bent.slope) * ten * ck_log(counted) +
                          (sees ? 0.0f : cost + degree * turn) + ck_pattern_loss(antenna, bx, by);
      const float edges = (sees ? 0.0f : (rise > 0.0f ? 1.0f : 0.0f) + (drop > 0.0f ? 1.0f : 0.0f));
      const float known = loss[place];
      const int better = is_hidden && value < known;
      loss[place] = better ? value : known;
      length[place] = better ? counted : length[place];
      corners[place] = better ? edges : corners[place];
      roofs[place] = better ? 1.0f : 0.0f;
    }
  }
}
