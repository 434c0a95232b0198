// Light and shadow in a city, and losses along paths that bend around its corners.
//
// Lengths are in grid units: place (column, row) lies at (column, row). Rasters are [rows][columns]; sets of places have one
// bit a place, a row's first place lowest, in [rows][(columns + 63) / 64] words.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Outlines of buildings: closed rings of vertices with the building on their left, none crossing another.
typedef struct {
  size_t count;
  const double *x, *y;             // [count]
  const int32_t *next, *previous;  // [count] neighbours in the ring
} ck_outlines;

/// Places of a row, both ends included.
typedef struct {
  int32_t row, first, last;
} ck_run;

/// Directions of a horizon.
#define CK_HORIZON 1024

/// What stands around a point: in each of equal parts of a full turn, the distance behind which nothing is seen for certain.
typedef struct {
  double x, y;
  ptrdiff_t vertex;  // the vertex that stands there; -1: none
  double nearest[CK_HORIZON];
} ck_horizon;

/// Looks around from (x, y); walls that end in `vertex` do not count.
void ck_look_around(const ck_outlines *city, double x, double y, ptrdiff_t vertex, ck_horizon *horizon);

/// The walls that a point sees, from either side, by their first vertices: whatever is hidden from it is hidden by one of them or by
/// the horizon. Returns their number;
/// walls: room for all of the city's.
size_t ck_seen_walls(const ck_outlines *city, const ck_horizon *horizon, int32_t *walls);

/// Takes from `lit` the places that lie in the shadow of the walls that are seen.
void ck_take_shadows(const ck_outlines *city, const ck_horizon *horizon, const int32_t *walls, size_t count, size_t rows,
                     size_t columns, uint64_t *lit);

/// Whether none of the walls that are seen stands before another point; walls that end in its vertex `target` (or -1) do not count.
int ck_sees(const ck_outlines *city, const ck_horizon *horizon, const int32_t *walls, size_t count, double x, double y,
            ptrdiff_t target);

/// On which side a path in direction (dx, dy) passes the building at a convex vertex: 1 where the building is on its left, -1 on
/// its right, 0 where the path runs into it.
int ck_passes(const ck_outlines *city, size_t vertex, double dx, double dy);

/// The places out of `lit` to which a path may go on from a convex vertex with the building on its left (side 1) or right (-1).
/// Returns their number of runs; runs: room for rows (columns + 1) / 2.
size_t ck_corner_runs(const ck_outlines *city, size_t vertex, int side, size_t rows, size_t columns, const uint64_t *lit,
                      ck_run *runs);

/// A law of loss: intercept + slope lg(length in metres) [dB].
typedef struct {
  float intercept, slope;
} ck_distance_law;

/// A path up to a corner.
typedef struct {
  float length;            // [grid units]
  float weight;            // what its bends so far cost [dB]
  float dx, dy;            // its last direction, of length 1
  float corners;           // that it bends around, this one included
} ck_bent_path;

/// Heights above the ground [m].
typedef struct {
  float station, user, roofs;
} ck_heights;

/// An antenna's loss in azimuth: rate phi^2 [dB], phi in degrees from (dx, dy) of length 1, `most` at most. rate 0: none.
typedef struct {
  float dx, dy, rate, most;
} ck_pattern;

/// loss, length [m] and corners of the places that see (x, y) without a bend; distances count from `nearest` [m] on.
void ck_direct_losses(double x, double y, float spacing, float nearest, ck_heights heights, ck_pattern antenna, ck_distance_law law,
                      size_t rows, size_t columns, const uint64_t *lit, float *loss, float *length, float *corners);

/// Goes from (x, y) to all places: the distance [grid units] of the first wall from (x, y), and of the place from the last wall,
/// on the straight way to each place of `outdoors`; 0 where no wall stands between, and indoors.
/// first, last: [rows][columns].
void ck_walls_between(double x, double y, size_t rows, size_t columns, const uint64_t *outdoors, float *first, float *last);

/// The same of straight paths over roofs of one height, where they lose less than what is there, and among them those that see
/// the station over the roofs: the bent law over the length in plan, `degree` [dB] for each degree that they turn at roofs' edges,
/// and `cost` [dB]. roofs: set to 1 where such a path is the one.
void ck_roof_losses(double x, double y, float spacing, float nearest, ck_heights heights, ck_pattern antenna,
                    ck_distance_law bent, ck_distance_law direct, float degree, float cost, size_t rows, size_t columns, const float *first,
                    const float *last, float *loss, float *length, float *corners, float *roofs);

/// The same of paths that bend around a corner at (x, y), where they lose less than what is there: the law of the whole length,
/// their weights, and `degree` [dB] for each degree of the last turn up to `largest` degrees.
/// side: where the building is.
void ck_bent_losses(double x, double y, int side, const ck_run *runs, size_t run_count, const ck_bent_path *paths,
                    size_t path_count, float spacing, ck_distance_law law, float degree, float largest, size_t columns,
                    float *loss, float *length, float *corners);
