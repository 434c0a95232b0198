#include "include/ck_channel.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

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

static void normalise(double complex *vector, size_t elements, double power) {
  double energy = 0;
  for (size_t e = 0; e < elements; e++) energy += creal(vector[e] * conj(vector[e]));
  double scale = energy > 0 ? sqrt(power * (double)elements / energy) : 0;
  for (size_t e = 0; e < elements; e++) vector[e] *= scale;
}

static double mean_power(const ck_link *link, const double complex *vectors, const double *tau, size_t delays) {
  size_t elements = link->horizontal * link->vertical;
  double sum = 0;
  for (int k = -link->subcarriers / 2; k < link->subcarriers - link->subcarriers / 2; k++) {
    double f = link->frequency + k * link->subcarrier_spacing;
    for (size_t e = 0; e < elements; e++) {
      double complex h = 0;
      for (size_t d = 0; d < delays; d++) h += vectors[d * elements + e] * cexp(-I * TURN * fmod(f * tau[d], 1.0));
      sum += creal(h * conj(h));
    }
  }
  return sum / (double)elements / link->subcarriers;
}

static void fill_vectors(const scene *s, const ck_places *at, size_t p, ck_clusters clusters, const float *phase,
                         const float *kept, float kept_all, double complex *vectors, double *tau) {
  const ck_link *link = s->link;
  size_t h = link->horizontal, v = link->vertical, delay = 0;
  for (size_t c = 0; c < link->clusters; c++) {
    size_t i = c * link->rays, at_cluster = p * link->clusters + c;
    for (size_t g = 0; g < link->groups; g++, delay++) {
      double power = 0;
      double complex *vector = vectors + delay * h * v;
      for (size_t n = 0; n < link->group_rays[g]; n++, i++) {
        double share = kept ? (double)kept[i] : (double)kept_all, u[3];
        power += share * (double)clusters.power[at_cluster] / (double)link->rays;
        unit_vector(u, (double)clusters.azimuth[at_cluster] + (double)link->azimuth_offset[i],
                    (double)clusters.elevation[at_cluster] +
                        (double)link->zenith_shape[i] * (double)at->cluster_zenith[p]);
        double far = scatterer_distance(s, u, (double)clusters.delay[at_cluster]);
        for (size_t e = 0; e < h * v; e++)
          vector[e] += sqrt(share) * cexp(I * TURN * ((double)phase[i] + element_phase(s, u, far, e / v, e % v)));
      }
      normalise(vector, h * v, power);
      tau[delay] = (double)clusters.delay[at_cluster] + (double)link->group_delay[g];
    }
  }
  for (size_t e = 0; e < h * v; e++)
    vectors[delay * h * v + e] = cexp(I * TURN * element_phase(s, s->direct, s->direct_length, e / v, e % v));
  normalise(vectors + delay * h * v, h * v, (double)at->k_factor[p] / (1 + (double)at->k_factor[p]));
  tau[delay] = 0;
}

int ck_coherent_share_direct(float *share, const ck_link *link, const ck_places *at, size_t places,
                             const uint8_t *mask, ck_clusters clusters, const float *phase, size_t phase_stride,
                             const float *kept, size_t kept_stride, const float *kept_all) {
  size_t elements = link->horizontal * link->vertical, delays = link->clusters * link->groups + 1;
  for (size_t p = 0; p < places; p++) {
    if (!mask[p]) continue;
    double complex *vectors = calloc(delays * elements, sizeof *vectors);
    double *tau = calloc(delays, sizeof *tau);
    if (!vectors || !tau) {
      free(vectors);
      free(tau);
      return -1;
    }
    scene s = {.link = link, .direct_length = (double)at->distance[p], .wavelength = 3.0e8 / link->frequency};
    unit_vector(s.direct, (double)at->azimuth[p], (double)at->elevation[p]);
    fill_vectors(&s, at, p, clusters, phase + p * phase_stride, kept ? kept + p * kept_stride : NULL, kept_all[p],
                 vectors, tau);
    share[p] = (float)mean_power(link, vectors, tau, delays);
    free(vectors);
    free(tau);
  }
  return 0;
}
