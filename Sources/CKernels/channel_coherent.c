#include "ck_channel_internal.h"
#include "ck_elementary.h"

#include <string.h>

// Coherent power of one place after another. The cost is in the sum over pairs of delays, about
// (3 clusters)^2 x elements multiply-adds a place; it runs over blocks of four delays whose weights are a small
// triangular matrix, so that every loaded element serves four sums.

enum { DELAYS = 4, ELEMENTS = 16, LANES = 8 };  // a block of the pair sum; a part of an array column

typedef struct {
  size_t all_rays, delays, padded;         // rays; delays, the direct path's counted; rounded up to blocks
  size_t column, elements, width;          // a column of the array, padded; the padded array; real and imaginary parts
  float *along, *up;                       // direction cosines [all_rays]
  float *real, *imaginary;                 // rays' complex amplitudes [all_rays]
  float *distance;                         // scatterers' distances from the array [all_rays]
  float *row_real, *row_imaginary;         // steering along the array's rows [horizontal][all_rays]
  float *column_real, *column_imaginary;   // steering along its columns [all_rays][column], 0 where padded
  float *vectors;                          // [padded][width]: real parts, then imaginary ones
  float *tau;                              // [padded]
  float *weights;                          // [DELAYS][padded]
  float *offset_y, *offset_z, *present;    // elements' places [elements] in wavelengths; 0 where padded
  float *precise;                          // room for a vector in double
} workspace;

static size_t padded_to(size_t n, size_t block) { return (n + block - 1) / block * block; }

static size_t lay_out(workspace *w, const ck_link *link, float *scratch) {
  w->column = padded_to(link->vertical, LANES);
  w->elements = link->horizontal * w->column;
  w->all_rays = link->clusters * link->rays;
  w->delays = link->clusters * link->groups + 1;
  w->padded = padded_to(w->delays, DELAYS);
  w->width = 2 * w->elements;
  float **parts[] = {&w->along,    &w->up,          &w->real,        &w->imaginary, &w->distance, &w->row_real,
                     &w->row_imaginary, &w->column_real, &w->column_imaginary, &w->vectors, &w->tau, &w->weights,
                     &w->offset_y, &w->offset_z, &w->present, &w->precise};
  size_t rays = w->all_rays;
  size_t sizes[] = {rays, rays, rays, rays, rays, rays * link->horizontal, rays * link->horizontal,
                    rays * w->column, rays * w->column, w->padded * w->width, w->padded,
                    DELAYS * w->padded, w->elements, w->elements, w->elements, 2 * w->width};
  size_t used = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    if (scratch) *parts[i] = scratch + used;
    used += padded_to(sizes[i], 16);
  }
  return used;
}

size_t ck_coherent_scratch(const ck_link *link) {
  workspace w;
  return lay_out(&w, link, NULL);
}

// Direction cosines y = cos e sin a and z = sin e of departure, amplitudes and initial phases of all rays.
CK_INLINE void ray_directions(workspace *w, const ck_link *link, ck_clusters clusters, size_t place,
                              float cluster_zenith, const float *restrict phase, const float *restrict kept) {
  size_t m = link->rays;
  const float *restrict azimuth = link->azimuth_offset, *restrict zenith = link->zenith_shape;
  float *restrict x = w->distance, *restrict y = w->along, *restrict z = w->up;
  float *restrict real = w->real, *restrict imaginary = w->imaginary;
  for (size_t c = 0; c < link->clusters; c++) {
    float a = clusters.azimuth[place * link->clusters + c], e = clusters.elevation[place * link->clusters + c];
    for (size_t i = c * m; i < (c + 1) * m; i++) {
      float sine_a, cosine_a, sine_e, cosine_e;
      ck_turns(a + azimuth[i], &sine_a, &cosine_a);
      ck_turns(e + zenith[i] * cluster_zenith, &sine_e, &cosine_e);
      x[i] = cosine_e * cosine_a;  // becomes the scatterer's distance, where that is wanted
      y[i] = cosine_e * sine_a;
      z[i] = sine_e;
    }
  }
  for (size_t i = 0; i < w->all_rays; i++) ck_turns(phase[i], &imaginary[i], &real[i]);
  if (kept)
    for (size_t i = 0; i < w->all_rays; i++) {
      float amplitude = __builtin_elementwise_sqrt(kept[i]);
      real[i] *= amplitude;
      imaginary[i] *= amplitude;
    }
}

// out[l] = z^l for one part of a column, by the binary digits of l: no chain of products.
CK_INLINE void powers(float *restrict real, float *restrict imaginary, float c, float s) {
  float c2 = c * c - s * s, s2 = 2 * c * s, c4 = c2 * c2 - s2 * s2, s4 = 2 * c2 * s2;
  for (int l = 0; l < LANES; l++) {
    float re = l & 1 ? c : 1.0f, im = l & 1 ? s : 0.0f;
    float cb = l & 2 ? c2 : 1.0f, sb = l & 2 ? s2 : 0.0f, cc = l & 4 ? c4 : 1.0f, sc = l & 4 ? s4 : 0.0f;
    float t = re * cb - im * sb, u = re * sb + im * cb;
    real[l] = t * cc - u * sc;
    imaginary[l] = t * sc + u * cc;
  }
}

// Steering along the columns; the padding is zero, so that it adds nothing anywhere.
CK_INLINE void steer_columns(workspace *w, const ck_link *link) {
  size_t v = link->vertical;
  for (size_t i = 0; i < w->all_rays; i++) ck_turns(link->spacing * w->up[i], &w->imaginary[i], &w->real[i]);
  for (size_t i = 0; i < w->all_rays; i++) {
    float *re = w->column_real + i * w->column, *im = w->column_imaginary + i * w->column;
    float c = w->real[i], s = w->imaginary[i], first_c[LANES], first_s[LANES];
    powers(first_c, first_s, c, s);
    float step_c = first_c[LANES - 1] * c - first_s[LANES - 1] * s;
    float step_s = first_c[LANES - 1] * s + first_s[LANES - 1] * c, turn_c = 1.0f, turn_s = 0.0f;
    for (size_t part = 0; part < w->column; part += LANES) {
      for (size_t l = 0; l < LANES; l++) {
        float there = part + l < v ? 1.0f : 0.0f;
        re[part + l] = there * (first_c[l] * turn_c - first_s[l] * turn_s);
        im[part + l] = there * (first_c[l] * turn_s + first_s[l] * turn_c);
      }
      float next = turn_c * step_c - turn_s * step_s;
      turn_s = turn_c * step_s + turn_s * step_c;
      turn_c = next;
    }
  }
}

// Steering vectors of plane waves, centred on the array, with the rays' amplitudes in the rows' part.
CK_INLINE void steer(workspace *w, const ck_link *link) {
  size_t rays = w->all_rays;
  float middle_h = 0.5f * (float)(link->horizontal - 1) * link->spacing;
  float middle_v = 0.5f * (float)(link->vertical - 1) * link->spacing;
  float *restrict a = w->real, *restrict b = w->imaginary;
  float *restrict first_re = w->row_real, *restrict first_im = w->row_imaginary;
  const float *restrict along = w->along, *restrict up = w->up;
  for (size_t i = 0; i < rays; i++) {
    float s, c;
    ck_turns(-middle_h * along[i] - middle_v * up[i], &s, &c);
    first_re[i] = a[i] * c - b[i] * s;
    first_im[i] = a[i] * s + b[i] * c;
    ck_turns(link->spacing * along[i], &b[i], &a[i]);
  }
  for (size_t k = 1; k < link->horizontal; k++) {
    const float *restrict re = w->row_real + (k - 1) * rays, *restrict im = w->row_imaginary + (k - 1) * rays;
    float *restrict next_re = w->row_real + k * rays, *restrict next_im = w->row_imaginary + k * rays;
    for (size_t i = 0; i < rays; i++) {
      next_re[i] = re[i] * a[i] - im[i] * b[i];
      next_im[i] = re[i] * b[i] + im[i] * a[i];
    }
  }
  steer_columns(w, link);
}

// vector = sum over `count` rays from `first` on of row (x) column.
CK_INLINE void gather_plane(float *vector, const workspace *w, size_t first, size_t count, size_t horizontal) {
  for (size_t k = 0; k < horizontal; k++) {
    const float *row_re = w->row_real + k * w->all_rays, *row_im = w->row_imaginary + k * w->all_rays;
    for (size_t part = 0; part < w->column; part += LANES) {
      float re[LANES] = {0}, im[LANES] = {0};
      for (size_t i = first; i < first + count; i++) {
        const float *c = w->column_real + i * w->column + part, *s = w->column_imaginary + i * w->column + part;
        for (size_t l = 0; l < LANES; l++) {
          re[l] += row_re[i] * c[l] - row_im[i] * s[l];
          im[l] += row_re[i] * s[l] + row_im[i] * c[l];
        }
      }
      memcpy(vector + k * w->column + part, re, sizeof re);
      memcpy(vector + w->elements + k * w->column + part, im, sizeof im);
    }
  }
}

// The same for waves from a point at distance[i] wavelengths: the exact difference of distances, written without
// cancellation.
CK_INLINE void gather_spherical(float *vector, const workspace *w, size_t first, size_t count) {
  float *restrict re = vector, *restrict im = vector + w->elements;
  const float *restrict ys = w->offset_y, *restrict zs = w->offset_z, *restrict present = w->present;
  memset(vector, 0, w->width * sizeof(float));
  for (size_t i = first; i < first + count; i++) {
    float far = w->distance[i], along = w->along[i], up = w->up[i], a = w->real[i], b = w->imaginary[i];
    for (size_t e = 0; e < w->elements; e++) {
      float y = ys[e], z = zs[e];
      float change = y * y + z * z - 2.0f * far * (along * y + up * z);
      float detour = change / (__builtin_elementwise_sqrt(far * far + change) + far), s, c;
      ck_turns(-detour, &s, &c);
      re[e] += present[e] * (a * c - b * s);
      im[e] += present[e] * (a * s + b * c);
    }
  }
}

CK_INLINE float energy_of(const float *vector, size_t width) {
  float lane[ELEMENTS] = {0}, energy = 0;
  for (size_t e = 0; e < width; e += ELEMENTS)
    for (size_t l = 0; l < ELEMENTS; l++) lane[l] += vector[e + l] * vector[e + l];
  for (size_t l = 0; l < ELEMENTS; l++) energy += lane[l];
  return energy;
}

// Rays that nearly cancel leave a vector that renormalising blows up, rounding errors and all: it is summed again
// in double. That befalls about one sub-cluster in three hundred.
static float sum_again(float *vector, const workspace *w, const ck_link *link, const ck_places *at, size_t place,
                       ck_clusters clusters, const float *phase, const float *kept, size_t cluster, size_t first,
                       size_t count) {
  size_t h = link->horizontal, v = link->vertical;
  double *precise = (double *)(void *)w->precise;
  ck_group_vector(precise, link, at, place, clusters, phase, kept, cluster, first, count);
  double energy = 0;
  for (size_t e = 0; e < 2 * h * v; e++) energy += precise[e] * precise[e];
  double scale = energy > 0 ? 1 / __builtin_sqrt(energy) : 0;
  for (size_t k = 0; k < h; k++)
    for (size_t l = 0; l < v; l++) {
      vector[k * w->column + l] = (float)(scale * precise[k * v + l]);
      vector[w->elements + k * w->column + l] = (float)(scale * precise[(h + k) * v + l]);
    }
  return energy > 0 ? 1.0f : 0.0f;
}

// Scales a delay's vector of the given energy to its nominal power and turns it by the phase over its delay of the
// band's middle, which for an even number of subcarriers is half a subcarrier below the carrier: so the Dirichlet
// kernel is real.
CK_INLINE void settle(float *vector, const workspace *w, const ck_link *link, float energy, float power, double tau) {
  float elements = (float)(link->horizontal * link->vertical);
  float scale = energy > 0 ? __builtin_elementwise_sqrt(power * elements / energy) : 0.0f;
  double below = link->subcarriers % 2 ? 0.0 : 0.5 * link->subcarrier_spacing;
  double turns = (below - link->frequency) * tau;
  turns -= (double)(int64_t)turns;
  float s, c, *restrict re = vector, *restrict im = vector + w->elements;
  ck_turns((float)turns, &s, &c);
  s *= scale;
  c *= scale;
  for (size_t e = 0; e < w->elements; e++) {
    float a = re[e], b = im[e];
    re[e] = a * c - b * s;
    im[e] = a * s + b * c;
  }
}

// sin(pi N t) / (N sin(pi t)), t = subcarrier spacing times a difference of delays.
CK_INLINE float dirichlet(float t, float n) {
  float top, top_c, bottom, bottom_c;
  ck_turns(0.5f * n * t, &top, &top_c);
  ck_turns(0.5f * t, &bottom, &bottom_c);
  int flat = bottom < 1e-12f && bottom > -1e-12f;
  return flat ? top_c * bottom_c : top / (n * (flat ? 1.0f : bottom));
}

// sum over pairs of delays of weight times <vector, vector'>, each pair once.
CK_INLINE float pair_sum(const workspace *w, const ck_link *link) {
  float spacing = (float)link->subcarrier_spacing, n = (float)link->subcarriers, lane[ELEMENTS] = {0}, total = 0;
  for (size_t first = 0; first < w->padded; first += DELAYS) {
    size_t last = first + DELAYS - 1;
    for (size_t d = 0; d < DELAYS; d++) {
      float *restrict row = w->weights + d * w->padded;
      const float *restrict tau = w->tau;
      float here = tau[first + d];
      for (size_t s = 0; s < last; s++) row[s] = dirichlet(spacing * (here - tau[s]), n);
      for (size_t s = first + d; s < last; s++) row[s] = 0.0f;
    }
    for (size_t e = 0; e < w->width; e += ELEMENTS) {
      float sum[DELAYS][ELEMENTS] = {{0}};
      for (size_t s = 0; s < last; s++) {
        const float *x = w->vectors + s * w->width + e;
        for (size_t d = 0; d < DELAYS; d++) {
          float weight = w->weights[d * w->padded + s];
          for (size_t i = 0; i < ELEMENTS; i++) sum[d][i] += weight * x[i];
        }
      }
      for (size_t d = 0; d < DELAYS; d++) {
        const float *x = w->vectors + (first + d) * w->width + e;
        for (size_t i = 0; i < ELEMENTS; i++) lane[i] += sum[d][i] * x[i];
      }
    }
  }
  for (size_t i = 0; i < ELEMENTS; i++) total += lane[i];
  return total;
}

// Distances of the scatterers from the array, one bounce a path: a path of length d = direct +
// c tau that leaves at an angle whose cosine to the direct path is k touches the ellipse around both ends at
// (d^2 - direct^2) / (2 (d - direct k)). Nearer than a metre no wave is followed.
CK_INLINE void scatterers(workspace *w, const ck_link *link, const ck_places *at, ck_clusters clusters, size_t p,
                          float wavelength) {
  float sine_a, cosine_a, sine_e, cosine_e, direct = at->distance[p];
  ck_turns(at->azimuth[p], &sine_a, &cosine_a);
  ck_turns(at->elevation[p], &sine_e, &cosine_e);
  for (size_t i = 0; i < w->all_rays; i++) {
    float length = direct + 3.0e8f * clusters.delay[p * link->clusters + i / link->rays];
    float k = w->distance[i] * cosine_e * cosine_a + w->along[i] * cosine_e * sine_a + w->up[i] * sine_e;
    float slack = length - direct * k;
    float far = slack > 0 ? 0.5f * (length - direct) * (length + direct) / slack : 0.0f;
    w->distance[i] = (far < 1.0f ? 1.0f : far) / wavelength;
  }
}

// The direct path as one more ray, without a cluster, in the workspace's first ray slot.
CK_INLINE void direct_vector(workspace *w, const ck_link *link, const ck_places *at, size_t p, float wavelength) {
  float sine_a, cosine_a, sine_e, cosine_e;
  ck_turns(at->azimuth[p], &sine_a, &cosine_a);
  ck_turns(at->elevation[p], &sine_e, &cosine_e);
  workspace one = *w;
  one.all_rays = 1;
  one.along[0] = cosine_e * sine_a;
  one.up[0] = sine_e;
  one.distance[0] = at->distance[p] / wavelength;
  one.real[0] = 1.0f;
  one.imaginary[0] = 0.0f;
  float *vector = w->vectors + (w->delays - 1) * w->width;
  if (link->spherical) {
    gather_spherical(vector, &one, 0, 1);
  } else {
    steer(&one, link);
    gather_plane(vector, &one, 0, 1, link->horizontal);
  }
}

// The vectors of all clusters' sub-clusters at a place, and their delays; returns their nominal power together.
CK_INLINE float cluster_vectors(workspace *w, const ck_link *link, const ck_places *at, size_t p, ck_clusters clusters,
                                const float *phase, const float *kept, float kept_all) {
  float total = 0, elements = (float)(link->horizontal * link->vertical);
  size_t slot = 0;
  for (size_t c = 0; c < link->clusters; c++) {
    size_t first = 0, place_cluster = p * link->clusters + c;
    for (size_t g = 0; g < link->groups; g++, slot++) {
      size_t count = link->group_rays[g], ray = c * link->rays + first;
      float *vector = w->vectors + slot * w->width, share = 0;
      for (size_t i = ray; i < ray + count; i++) share += kept ? kept[i] : 1.0f;
      if (link->spherical)
        gather_spherical(vector, w, ray, count);
      else
        gather_plane(vector, w, ray, count, link->horizontal);
      float energy = energy_of(vector, w->width);
      if (energy < 3e-3f * share * elements)
        energy = sum_again(vector, w, link, at, p, clusters, phase, kept, c, first, count);
      float power = share * (kept ? 1.0f : kept_all) * clusters.power[place_cluster] / (float)link->rays;
      double tau = (double)clusters.delay[place_cluster] + (double)link->group_delay[g];
      w->tau[slot] = (float)tau;
      settle(vector, w, link, energy, power, tau);
      total += power;
      first += count;
    }
  }
  return total;
}

CK_CLONES void ck_coherent_share(float *share, const ck_link *link, const ck_places *at, size_t places,
                                 const uint8_t *mask, ck_clusters clusters, const float *phase, size_t phase_stride,
                                 const float *kept, size_t kept_stride, const float *kept_all, float *scratch) {
  workspace w;
  lay_out(&w, link, scratch);
  size_t h = link->horizontal, v = link->vertical;
  float wavelength = (float)(3.0e8 / link->frequency);
  for (size_t e = 0; e < w.elements; e++) {
    w.offset_y[e] = ((float)(e / w.column) - 0.5f * (float)(h - 1)) * link->spacing;
    w.offset_z[e] = ((float)(e % w.column) - 0.5f * (float)(v - 1)) * link->spacing;
    w.present[e] = e % w.column < v ? 1.0f : 0.0f;
  }
  memset(w.vectors, 0, w.padded * w.width * sizeof(float));
  memset(w.tau, 0, w.padded * sizeof(float));
  for (size_t p = 0; p < places; p++) {
    if (!mask[p]) continue;
    const float *shares = kept ? kept + p * kept_stride : NULL;
    ray_directions(&w, link, clusters, p, at->cluster_zenith[p], phase + p * phase_stride, shares);
    if (link->spherical)
      scatterers(&w, link, at, clusters, p, wavelength);
    else
      steer(&w, link);
    float total =
        cluster_vectors(&w, link, at, p, clusters, phase + p * phase_stride, shares, kept_all[p]);
    float direct = at->k_factor[p] / (1.0f + at->k_factor[p]);
    float *vector = w.vectors + (w.delays - 1) * w.width;
    direct_vector(&w, link, at, p, wavelength);
    settle(vector, &w, link, energy_of(vector, w.width), direct, 0.0);
    w.tau[w.delays - 1] = 0.0f;
    share[p] = total + direct + 2.0f / (float)(h * v) * pair_sum(&w, link);
  }
}
