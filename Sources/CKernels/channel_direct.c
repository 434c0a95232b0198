#include "ck_channel_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The oracle of the coherent power: eq. (1) term by term in double, subcarrier by subcarrier.

static const double TURN = 6.283185307179586;

typedef struct {
  const ck_link *link;
  double direct[3];  // unit vector of the direct path
  double direct_length, wavelength;
} scene;

static void unit_vector(double *u, double azimuth, double elevation) {
  u[0] = cos(TURN * elevation) * cos(TURN * azimuth);
  u[1] = cos(TURN * elevation) * sin(TURN * azimuth);
  u[2] = sin(TURN * elevation);
}

// Phase [turns] of element (row, column) relative to the array's centre for a wave that leaves along u;
// `far` is the scatterer's distance [m].
static double element_phase(const scene *s, const double *u, double far, size_t column, size_t row) {
  double y = ((double)column - 0.5 * (double)(s->link->horizontal - 1)) * (double)s->link->spacing;
  double z = ((double)row - 0.5 * (double)(s->link->vertical - 1)) * (double)s->link->spacing;
  if (!s->link->spherical) return y * u[1] + z * u[2];
  double d = far / s->wavelength, p[3] = {d * u[0], d * u[1] - y, d * u[2] - z};
  return d - sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]);
}

static double scatterer_distance(const scene *s, const double *u, double delay) {
  double length = s->direct_length + 3.0e8 * delay;
  double k = u[0] * s->direct[0] + u[1] * s->direct[1] + u[2] * s->direct[2];
  double slack = length - s->direct_length * k;
  double far = slack > 0 ? (length * length - s->direct_length * s->direct_length) / (2 * slack) : 0;
  return far < 1 ? 1 : far;
}

static scene scene_at(const ck_link *link, const ck_places *at, size_t place) {
  scene s = {.link = link, .direct_length = (double)at->distance[place], .wavelength = 3.0e8 / link->frequency};
  unit_vector(s.direct, (double)at->azimuth[place], (double)at->elevation[place]);
  return s;
}

// out += a wave of the given amplitude and phase [turns] that leaves along u.
static void add_wave(double *out, const scene *s, const double *u, double far, double amplitude, double phase) {
  size_t v = s->link->vertical, elements = s->link->horizontal * v;
  for (size_t e = 0; e < elements; e++) {
    double angle = TURN * (phase + element_phase(s, u, far, e / v, e % v));
    out[e] += amplitude * cos(angle);
    out[elements + e] += amplitude * sin(angle);
  }
}

void ck_group_vector(double *out, const ck_link *link, const ck_places *at, size_t place, ck_clusters clusters,
                     const float *phase, const float *kept, size_t cluster, size_t first, size_t count) {
  scene s = scene_at(link, at, place);
  size_t c = place * link->clusters + cluster, start = cluster * link->rays + first;
  memset(out, 0, 2 * link->horizontal * link->vertical * sizeof *out);
  for (size_t i = start; i < start + count; i++) {
    double u[3];
    unit_vector(u, (double)clusters.azimuth[c] + (double)link->azimuth_offset[i],
                (double)clusters.elevation[c] + (double)link->zenith_shape[i] * (double)at->cluster_zenith[place]);
    add_wave(out, &s, u, scatterer_distance(&s, u, (double)clusters.delay[c]), kept ? sqrt((double)kept[i]) : 1,
             (double)phase[i]);
  }
}

static void normalise(double *vector, size_t elements, double power) {
  double energy = 0;
  for (size_t e = 0; e < 2 * elements; e++) energy += vector[e] * vector[e];
  double scale = energy > 0 ? sqrt(power * (double)elements / energy) : 0;
  for (size_t e = 0; e < 2 * elements; e++) vector[e] *= scale;
}

// vectors: [delays][2][elements]; phasors: [delays][2], scratch for the phases of one subcarrier.
static double mean_power(const ck_link *link, const double *vectors, const double *tau, double *phasors, size_t delays) {
  size_t elements = link->horizontal * link->vertical;
  double sum = 0;
  for (int k = -link->subcarriers / 2; k < link->subcarriers - link->subcarriers / 2; k++) {
    double f = link->frequency + k * link->subcarrier_spacing;
    for (size_t d = 0; d < delays; d++) {
      phasors[2 * d] = cos(TURN * fmod(f * tau[d], 1.0));
      phasors[2 * d + 1] = -sin(TURN * fmod(f * tau[d], 1.0));
    }
    for (size_t e = 0; e < elements; e++) {
      double re = 0, im = 0;
      for (size_t d = 0; d < delays; d++) {
        double a = vectors[d * 2 * elements + e], b = vectors[(d * 2 + 1) * elements + e];
        re += a * phasors[2 * d] - b * phasors[2 * d + 1];
        im += a * phasors[2 * d + 1] + b * phasors[2 * d];
      }
      sum += re * re + im * im;
    }
  }
  return sum / (double)elements / link->subcarriers;
}

static void fill_vectors(const ck_link *link, const ck_places *at, size_t p, ck_clusters clusters, const float *phase,
                         const float *kept, float kept_all, double *vectors, double *tau) {
  size_t elements = link->horizontal * link->vertical, delay = 0;
  for (size_t c = 0; c < link->clusters; c++) {
    size_t first = 0, place_cluster = p * link->clusters + c;
    for (size_t g = 0; g < link->groups; g++, delay++) {
      double share = 0, *vector = vectors + delay * 2 * elements;
      size_t count = link->group_rays[g];
      for (size_t i = c * link->rays + first; i < c * link->rays + first + count; i++)
        share += kept ? (double)kept[i] : (double)kept_all;
      ck_group_vector(vector, link, at, p, clusters, phase, kept, c, first, count);
      normalise(vector, elements, share * (double)clusters.power[place_cluster] / (double)link->rays);
      tau[delay] = (double)clusters.delay[place_cluster] + (double)link->group_delay[g];
      first += count;
    }
  }
  scene s = scene_at(link, at, p);
  double k = (double)at->k_factor[p], *vector = vectors + delay * 2 * elements;
  memset(vector, 0, 2 * elements * sizeof *vector);
  add_wave(vector, &s, s.direct, s.direct_length, 1, 0);
  normalise(vector, elements, k / (1 + k));
  tau[delay] = 0;
}

int ck_coherent_share_direct(float *share, const ck_link *link, const ck_places *at, size_t places,
                             const uint8_t *mask, ck_clusters clusters, const float *phase, size_t phase_stride,
                             const float *kept, size_t kept_stride, const float *kept_all) {
  size_t elements = link->horizontal * link->vertical, delays = link->clusters * link->groups + 1;
  double *vectors = malloc(delays * (2 * elements + 3) * sizeof *vectors);
  if (!vectors) return -1;
  double *tau = vectors + delays * 2 * elements, *phasors = tau + delays;
  for (size_t p = 0; p < places; p++) {
    if (!mask[p]) continue;
    fill_vectors(link, at, p, clusters, phase + p * phase_stride, kept ? kept + p * kept_stride : NULL, kept_all[p],
                 vectors, tau);
    share[p] = (float)mean_power(link, vectors, tau, phasors, delays);
  }
  free(vectors);
  return 0;
}
