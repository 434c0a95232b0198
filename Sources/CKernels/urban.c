#include "include/ck_urban.h"

#include "ck_urban_internal.h"

#include <math.h>

static double cross(double ax, double ay, double bx, double by) { return ax * by - ay * bx; }

// All p with cross((dx, dy), p - (x, y)) >= 0, as a x + b y + c >= 0: what lies to the left of a line.
typedef struct {
  double a, b, c;
} half_plane;

static half_plane left_of(double dx, double dy, double x, double y) { return (half_plane){-dy, dx, dy * x - dx * y}; }

// The columns of a row that lie in all of some half planes; 0 where none does.
static int span(const half_plane *planes, size_t count, double row, size_t columns, int32_t *first, int32_t *last) {
  double low = 0, high = (double)columns - 1;
  for (size_t i = 0; i < count; i++) {
    double rest = planes[i].b * row + planes[i].c, bound = -rest / planes[i].a;
    if (planes[i].a > 0) low = bound > low ? bound : low;
    else if (planes[i].a < 0) high = bound < high ? bound : high;
    else if (rest < 0) return 0;
  }
  if (!(low <= high)) return 0;
  *first = (int32_t)ceil(low);
  *last = (int32_t)floor(high);
  return *first <= *last;
}

static void take(uint64_t *row, int32_t first, int32_t last) {
  int32_t begin = first >> 6, end = last >> 6;
  uint64_t head = ~(uint64_t)0 << (first & 63), tail = ~(uint64_t)0 >> (63 - (last & 63));
  if (begin == end) {
    row[begin] &= ~(head & tail);
    return;
  }
  row[begin] &= ~head;
  for (int32_t word = begin + 1; word < end; word++) row[word] = 0;
  row[end] &= ~tail;
}

static void take_region(const half_plane *planes, size_t count, double lowest, double highest, size_t rows, size_t columns,
                        uint64_t *lit) {
  if (!(highest >= 0) || !(lowest <= (double)rows - 1)) return;
  size_t words = (columns + 63) / 64;
  size_t begin = lowest <= 0 ? 0 : (size_t)ceil(lowest);
  size_t end = highest >= (double)rows - 1 ? rows : (size_t)floor(highest) + 1;
  for (size_t row = begin; row < end; row++) {
    int32_t first, last;
    if (span(planes, count, (double)row, columns, &first, &last)) take(lit + row * words, first, last);
  }
}

// Grows with the angle of (x, y) as that does, from 0 to CK_HORIZON a full turn.
static double around(double x, double y) {
  double width = fabs(x), height = fabs(y), part = height / (width + height);
  double turn = x >= 0 ? (y >= 0 ? part : 4 - part) : (y >= 0 ? 2 - part : 2 + part);
  return turn * (CK_HORIZON / 4);
}

// A wall that shows its outside, seen from the horizon's point: from where to where, anticlockwise, and how far it is.
typedef struct {
  double ax, ay, bx, by;  // its ends from the point
  double first, last;
} wall;

// Its ends; 1 where it shows its outside, -1 where it does not, 0 where it ends in the horizon's vertex.
static int look_at(const ck_outlines *city, const ck_horizon *horizon, size_t i, wall *seen) {
  size_t j = (size_t)city->next[i];
  if ((ptrdiff_t)i == horizon->vertex || (ptrdiff_t)j == horizon->vertex) return 0;
  seen->ax = city->x[i] - horizon->x, seen->ay = city->y[i] - horizon->y;
  seen->bx = city->x[j] - horizon->x, seen->by = city->y[j] - horizon->y;
  return cross(seen->ax, seen->ay, seen->bx, seen->by) < 0 ? 1 : -1;
}

// From where to where; outside: as `look_at` says.
static void spread(wall *seen, int outside) {
  double begin = around(seen->ax, seen->ay), end = around(seen->bx, seen->by);
  seen->first = outside > 0 ? end : begin;
  seen->last = outside > 0 ? begin : end;
  if (seen->last < seen->first) seen->last += CK_HORIZON;
}

// Squared distance of the nearest point of a wall.
static double nearest_of(const wall *seen) {
  double wx = seen->bx - seen->ax, wy = seen->by - seen->ay;
  double along = -(seen->ax * wx + seen->ay * wy) / (wx * wx + wy * wy);
  along = along < 0 ? 0 : along > 1 ? 1 : along;
  double x = seen->ax + along * wx, y = seen->ay + along * wy;
  return x * x + y * y;
}

void ck_look_around(const ck_outlines *city, double x, double y, ptrdiff_t vertex, ck_horizon *horizon) {
  *horizon = (ck_horizon){.x = x, .y = y, .vertex = vertex};
  for (size_t part = 0; part < CK_HORIZON; part++) horizon->nearest[part] = INFINITY;
  for (size_t i = 0; i < city->count; i++) {
    wall seen;
    if (look_at(city, horizon, i, &seen) <= 0) continue;
    spread(&seen, 1);
    double a = seen.ax * seen.ax + seen.ay * seen.ay, b = seen.bx * seen.bx + seen.by * seen.by, farther = a > b ? a : b;
    // Parts that it fills from side to side.
    for (size_t part = (size_t)ceil(seen.first); (double)part + 1 <= seen.last; part++) {
      double *known = &horizon->nearest[part % CK_HORIZON];
      *known = farther < *known ? farther : *known;
    }
  }
}

size_t ck_seen_walls(const ck_outlines *city, const ck_horizon *horizon, int32_t *walls) {
  size_t count = 0;
  for (size_t i = 0; i < city->count; i++) {
    // From the inside too: a way may graze the end of one.
    wall seen;
    int outside = look_at(city, horizon, i, &seen);
    if (outside == 0) continue;
    spread(&seen, outside);
    double distance = nearest_of(&seen);
    int is_hidden = 1;
    for (size_t part = (size_t)seen.first; is_hidden && (double)part <= seen.last; part++)
      is_hidden = horizon->nearest[part % CK_HORIZON] < distance;
    if (!is_hidden) walls[count++] = (int32_t)i;
  }
  return count;
}

void ck_take_shadows(const ck_outlines *city, const ck_horizon *horizon, const int32_t *walls, size_t count, size_t rows,
                     size_t columns, uint64_t *lit) {
  const double x = horizon->x, y = horizon->y;
  for (size_t k = 0; k < count; k++) {
    // Walls that show their outside are enough: whoever is behind another is behind one of these.
    wall seen;
    if (look_at(city, horizon, (size_t)walls[k], &seen) <= 0) continue;
    half_plane planes[3] = {left_of(seen.bx - seen.ax, seen.by - seen.ay, x + seen.ax, y + seen.ay),
                            left_of(-seen.ax, -seen.ay, x, y), left_of(seen.bx, seen.by, x, y)};
    double lowest = y + (seen.ay < seen.by ? seen.ay : seen.by), highest = y + (seen.ay > seen.by ? seen.ay : seen.by);
    if (seen.ay < 0 || seen.by < 0) lowest = -INFINITY;
    if (seen.ay > 0 || seen.by > 0) highest = INFINITY;
    take_region(planes, 3, lowest, highest, rows, columns, lit);
  }
  if (horizon->vertex < 0) return;
  // The building whose corner this is.
  size_t next = (size_t)city->next[horizon->vertex], previous = (size_t)city->previous[horizon->vertex];
  half_plane planes[2] = {left_of(city->x[next] - x, city->y[next] - y, x, y),
                          left_of(x - city->x[previous], y - city->y[previous], x, y)};
  take_region(planes, 2, -INFINITY, INFINITY, rows, columns, lit);
}

int ck_sees(const ck_outlines *city, const ck_horizon *horizon, const int32_t *walls, size_t count, double x, double y,
            ptrdiff_t target) {
  double ax = horizon->x, ay = horizon->y, dx = x - ax, dy = y - ay;
  // A hair's breadth nearer: the target may end the wall that hides what is behind it.
  if (horizon->nearest[(size_t)around(dx, dy) % CK_HORIZON] < (dx * dx + dy * dy) * (1 - 1e-9)) return 0;
  for (size_t k = 0; k < count; k++) {
    ptrdiff_t begin = walls[k], end = city->next[walls[k]];
    if (begin == target || end == target) continue;
    double ox = city->x[begin], oy = city->y[begin], wx = city->x[end] - ox, wy = city->y[end] - oy;
    if ((cross(dx, dy, ox - ax, oy - ay) >= 0) == (cross(dx, dy, ox + wx - ax, oy + wy - ay) >= 0)) continue;
    if ((cross(wx, wy, ax - ox, ay - oy) >= 0) != (cross(wx, wy, x - ox, y - oy) >= 0)) return 0;
  }
  return 1;
}

int ck_passes(const ck_outlines *city, size_t vertex, double dx, double dy) {
  size_t next = (size_t)city->next[vertex], previous = (size_t)city->previous[vertex];
  double x = city->x[vertex], y = city->y[vertex];
  double one = cross(dx, dy, city->x[next] - x, city->y[next] - y);
  double other = cross(dx, dy, city->x[previous] - x, city->y[previous] - y);
  // Along a wall counts as past it.
  const double tiny = 1e-9;
  if (one >= -tiny && other >= -tiny) return 1;
  return one <= tiny && other <= tiny ? -1 : 0;
}

size_t ck_corner_runs(const ck_outlines *city, size_t vertex, int side, size_t rows, size_t columns, const uint64_t *lit,
                      ck_run *runs) {
  size_t words = (columns + 63) / 64, count = 0;
  size_t next = (size_t)city->next[vertex], previous = (size_t)city->previous[vertex];
  double x = city->x[vertex], y = city->y[vertex];
  // Directions with both walls on that side: the place is on the other side of both.
  half_plane planes[2] = {left_of(-side * (city->x[next] - x), -side * (city->y[next] - y), x, y),
                          left_of(-side * (city->x[previous] - x), -side * (city->y[previous] - y), x, y)};
  for (size_t row = 0; row < rows; row++) {
    int32_t first, last;
    if (!span(planes, 2, (double)row, columns, &first, &last)) continue;
    const uint64_t *bits = lit + row * words;
    for (int32_t column = first; column <= last;) {
      uint64_t rest = bits[column >> 6] >> (column & 63);
      if (rest == 0) {
        column = (column | 63) + 1;
        continue;
      }
      column += __builtin_ctzll(rest);
      if (column > last) break;
      int32_t begin = column;
      while (column <= last) {
        uint64_t dark = ~bits[column >> 6] >> (column & 63);
        if (dark != 0) {
          column += __builtin_ctzll(dark);
          break;
        }
        column = (column | 63) + 1;
      }
      runs[count++] = (ck_run){(int32_t)row, begin, (column - 1 < last ? column - 1 : last)};
    }
  }
  return count;
}

CK_CLONES
void ck_direct_losses(double x, double y, float spacing, float nearest, ck_heights heights, ck_pattern antenna, ck_distance_law law,
                      size_t rows, size_t columns, const uint64_t *lit, float *loss, float *length, float *corners) {
  size_t words = (columns + 63) / 64;
  const float slope = law.slope * 0.43429448190f, rise = heights.station - heights.user;
  for (size_t row = 0; row < rows; row++) {
    float by = (float)((double)row - y);
    for (size_t column = 0; column < columns; column++) {
      if (!(lit[row * words + column / 64] >> (column % 64) & 1)) continue;
      float bx = (float)((double)column - x);
      float metres = __builtin_sqrtf((bx * bx + by * by) * spacing * spacing + rise * rise);
      metres = metres < nearest ? nearest : metres;
      size_t place = row * columns + column;
      loss[place] = law.intercept + slope * ck_log(metres) + ck_pattern_loss(antenna, bx, by);
      length[place] = metres;
      corners[place] = 0;
    }
  }
}

CK_CLONES
void ck_bent_losses(double x, double y, int side, const ck_run *runs, size_t run_count, const ck_bent_path *paths,
                    size_t path_count, float spacing, ck_distance_law law, float degree, float largest, size_t columns,
                    float *loss, float *length, float *corners) {
  const float slope = law.slope * 0.43429448190f, sign = (float)side;
  for (size_t r = 0; r < run_count; r++) {
    const size_t count = (size_t)(runs[r].last - runs[r].first + 1);
    const size_t place = (size_t)runs[r].row * columns + (size_t)runs[r].first;
    const float by = (float)((double)runs[r].row - y), begin = (float)((double)runs[r].first - x);
    for (size_t p = 0; p < path_count; p++) {
      const ck_bent_path path = paths[p];
      const float dx = path.dx, dy = path.dy;
      for (size_t i = 0; i < count; i++) {
        float bx = begin + (float)(int32_t)i;
        float turn = (dx * by - dy * bx) * sign, along = dx * bx + dy * by;
        float whole = path.length + __builtin_sqrtf(bx * bx + by * by);
        float angle = ck_degrees(turn < 0.0f ? 0.0f : turn, along);
        angle = angle > largest ? largest : angle;
        float value = law.intercept + slope * ck_log(whole * spacing) + path.weight + degree * angle;
        // Without a turn towards the building the place is not in its shadow; its border is within rounding of both.
        value = turn < -1e-3f ? INFINITY : value;
        float before = loss[place + i];
        int better = value < before;
        loss[place + i] = better ? value : before;
        length[place + i] = better ? whole * spacing : length[place + i];
        corners[place + i] = better ? path.corners : corners[place + i];
      }
    }
  }
}
