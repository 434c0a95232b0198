#include "ck_elementary.h"
#include "include/ck_channel.h"

#include <string.h>

// Coherent power of one place after another. The cost is in the sum over pairs of delays, about
// (3 clusters)^2 x elements multiply-adds a place; it runs over blocks of four delays whose weights are a small
// triangular matrix, so that every loaded element serves four sums.

enum { DELAYS = 4, ELEMENTS = 16 };  // a block of the pair sum

typedef struct {
  size_t all_rays, delays, padded, width;  // rays; delays with the direct path's; rounded up; 2 x elements, padded
  float *along, *up;                       // direction cosines [all_rays]
  float *real, *imaginary;                 // rays' complex amplitudes [all_rays]
  float *distance;                         // scatterers' distances from the array [all_rays]
  float *row_real, *row_imaginary;         // steering along the array's rows [horizontal][all_rays]
  float *column_real, *column_imaginary;   // steering along its columns [all_rays][vertical]
  float *vectors;                          // [padded][width]: real parts, then imaginary ones
  float *tau;                              // [padded]
  float *weights;                          // [DELAYS][padded]
  float *offset_y, *offset_z;              // elements' places [elements], wavelengths
} workspace;

static size_t padded_to(size_t n, size_t block) { return (n + block - 1) / block * block; }

static size_t lay_out(workspace *w, const ck_link *link, float *scratch) {
  size_t elements = link->horizontal * link->vertical;
  w->all_rays = link->clusters * link->rays;
  w->delays = link->clusters * link->groups + 1;
  w->padded = padded_to(w->delays, DELAYS);
  w->width = padded_to(2 * elements, ELEMENTS);
  float **parts[] = {&w->along,    &w->up,          &w->real,        &w->imaginary, &w->distance, &w->row_real,
                     &w->row_imaginary, &w->column_real, &w->column_imaginary, &w->vectors, &w->tau, &w->weights,
                     &w->offset_y, &w->offset_z};
  size_t rays = w->all_rays;
  size_t sizes[] = {rays, rays, rays, rays, rays, rays * link->horizontal, rays * link->horizontal,
                    rays * link->vertical, rays * link->vertical, w->padded * w->width, w->padded,
                    DELAYS * w->padded, elements, elements};
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
                              float cluster_zenith, const float *phase, const float *kept) {
  size_t m = link->rays;
  for (size_t c = 0; c < link->clusters; c++) {
    float a = clusters.azimuth[place * link->clusters + c], e = clusters.elevation[place * link->clusters + c];
    a -= __builtin_elementwise_floor(a);
    for (size_t i = c * m; i < (c + 1) * m; i++) {
      float sine_a, cosine_a, sine_e, cosine_e, s, k;
      ck_turns(a + link->azimuth_offset[i], &sine_a, &cosine_a);
      ck_turns(e + link->zenith_shape[i] * cluster_zenith, &sine_e, &cosine_e);
      w->along[i] = cosine_e * sine_a;
      w->up[i] = sine_e;
      w->distance[i] = cosine_e * cosine_a;  // x for now: the scatterer's distance needs the direction's cosine
      ck_turns(phase[i], &s, &k);
      float amplitude = kept ? __builtin_elementwise_sqrt(kept[i]) : 1.0f;
      w->real[i] = amplitude * k;
      w->imaginary[i] = amplitude * s;
    }
  }
}

// Steering vectors of plane waves, centred on the array, with the rays' amplitudes in the rows' part.
CK_INLINE void steer(workspace *w, const ck_link *link) {
  size_t rays = w->all_rays, h = link->horizontal, v = link->vertical;
  float middle_h = 0.5f * (float)(h - 1) * link->spacing, middle_v = 0.5f * (float)(v - 1) * link->spacing;
  for (size_t i = 0; i < rays; i++) {
    float s, c;
    ck_turns(-middle_h * w->along[i] - middle_v * w->up[i], &s, &c);
    w->row_real[i] = w->real[i] * c - w->imaginary[i] * s;
    w->row_imaginary[i] = w->real[i] * s + w->imaginary[i] * c;
    ck_turns(link->spacing * w->along[i], &s, &c);
    w->real[i] = c;
    w->imaginary[i] = s;
  }
  for (size_t k = 1; k < h; k++) {
    const float *re = w->row_real + (k - 1) * rays, *im = w->row_imaginary + (k - 1) * rays;
    float *next_re = w->row_real + k * rays, *next_im = w->row_imaginary + k * rays;
    for (size_t i = 0; i < rays; i++) {
      next_re[i] = re[i] * w->real[i] - im[i] * w->imaginary[i];
      next_im[i] = re[i] * w->imaginary[i] + im[i] * w->real[i];
    }
  }
  for (size_t i = 0; i < rays; i++) ck_turns(link->spacing * w->up[i], &w->imaginary[i], &w->real[i]);
  for (size_t i = 0; i < rays; i++) {
    float *re = w->column_real + i * v, *im = w->column_imaginary + i * v, c = w->real[i], s = w->imaginary[i];
    re[0] = 1.0f;
    im[0] = 0.0f;
    for (size_t k = 1; k < v; k++) {
      re[k] = re[k - 1] * c - im[k - 1] * s;
      im[k] = re[k - 1] * s + im[k - 1] * c;
    }
  }
}

// vector[2][h][v] = sum over `count` rays from `first` on of row (x) column; v is a constant to the compiler.
CK_INLINE void gather_plane(float *vector, const workspace *w, size_t first, size_t count, size_t h, size_t v) {
  float *re = vector, *im = vector + h * v;
  memset(vector, 0, 2 * h * v * sizeof(float));
  for (size_t i = first; i < first + count; i++) {
    const float *cr = w->column_real + i * v, *ci = w->column_imaginary + i * v;
    for (size_t k = 0; k < h; k++) {
      float rr = w->row_real[k * w->all_rays + i], ri = w->row_imaginary[k * w->all_rays + i];
      for (size_t l = 0; l < v; l++) {
        re[k * v + l] += rr * cr[l] - ri * ci[l];
        im[k * v + l] += rr * ci[l] + ri * cr[l];
      }
    }
  }
}

// The same for waves from a point at distance[i] wavelengths: the exact difference of distances, written without
// cancellation.
CK_INLINE void gather_spherical(float *vector, const workspace *w, size_t first, size_t count, size_t elements) {
  float *re = vector, *im = vector + elements;
  memset(vector, 0, 2 * elements * sizeof(float));
  for (size_t i = first; i < first + count; i++) {
    float far = w->distance[i], along = w->along[i], up = w->up[i], a = w->real[i], b = w->imaginary[i];
    for (size_t e = 0; e < elements; e++) {
      float y = w->offset_y[e], z = w->offset_z[e];
      float change = y * y + z * z - 2.0f * far * (along * y + up * z);
      float detour = change / (__builtin_elementwise_sqrt(far * far + change) + far), s, c;
      ck_turns(-detour, &s, &c);
      re[e] += a * c - b * s;
      im[e] += a * s + b * c;
    }
  }
}

// Scales a delay's vector to its nominal power and turns it by the phase over its delay of the band's middle,
// which for an even number of subcarriers is half a subcarrier below the carrier: so the Dirichlet kernel is real.
CK_INLINE void settle(float *vector, const workspace *w, const ck_link *link, float power, double tau) {
  size_t elements = link->horizontal * link->vertical;
  float energy = 0;
  for (size_t e = 0; e < 2 * elements; e++) energy += vector[e] * vector[e];
  float scale = energy > 0 ? __builtin_elementwise_sqrt(power * (float)elements / energy) : 0.0f;
  double below = link->subcarriers % 2 ? 0.0 : 0.5 * link->subcarrier_spacing;
  double turns = (below - link->frequency) * tau;
  turns -= __builtin_floor(turns);
  float s, c;
  ck_turns((float)turns, &s, &c);
  s *= scale;
  c *= scale;
  for (size_t e = 0; e < elements; e++) {
    float re = vector[e], im = vector[elements + e];
    vector[e] = re * c - im * s;
    vector[elements + e] = re * s + im * c;
  }
  for (size_t e = 2 * elements; e < w->width; e++) vector[e] = 0;
}

// sin(pi N t) / (N sin(pi t)), t = subcarrier spacing times a difference of delays.
CK_INLINE float dirichlet(float t, float n) {
  float top, top_c, bottom, bottom_c;
  ck_turns(0.5f * n * t, &top, &top_c);
  ck_turns(0.5f * t, &bottom, &bottom_c);
  int flat = bottom < 1e-7f && bottom > -1e-7f;
  return flat ? top_c * bottom_c : top / (n * (flat ? 1.0f : bottom));
}

// sum over pairs of delays of weight times <vector, vector'>, each pair once.
CK_INLINE float pair_sum(const workspace *w, const ck_link *link) {
  float spacing = (float)link->subcarrier_spacing, n = (float)link->subcarriers, total = 0;
  for (size_t first = 0; first < w->padded; first += DELAYS) {
    size_t last = first + DELAYS - 1;
    for (size_t d = 0; d < DELAYS; d++) {
      float *row = w->weights + d * w->padded;
      for (size_t s = 0; s < last; s++)
        row[s] = s < first + d ? dirichlet(spacing * (w->tau[first + d] - w->tau[s]), n) : 0.0f;
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
        for (size_t i = 0; i < ELEMENTS; i++) total += sum[d][i] * x[i];
      }
    }
  }
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
    gather_spherical(vector, &one, 0, 1, link->horizontal * link->vertical);
  } else {
    steer(&one, link);
    gather_plane(vector, &one, 0, 1, link->horizontal, link->vertical);
  }
}

CK_CLONES void ck_coherent_share(float *share, const ck_link *link, const ck_places *at, size_t places,
                                 const uint8_t *mask, ck_clusters clusters, const float *phase, size_t phase_stride,
                                 const float *kept, size_t kept_stride, const float *kept_all, float *scratch) {
  workspace w;
  lay_out(&w, link, scratch);
  size_t h = link->horizontal, v = link->vertical;
  float wavelength = (float)(3.0e8 / link->frequency);
  for (size_t e = 0; e < h * v; e++) {
    w.offset_y[e] = ((float)(e / v) - 0.5f * (float)(h - 1)) * link->spacing;
    w.offset_z[e] = ((float)(e % v) - 0.5f * (float)(v - 1)) * link->spacing;
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
    float total = 0;
    size_t slot = 0;
    for (size_t c = 0; c < link->clusters; c++) {
      size_t ray = c * link->rays;
      float unit = clusters.power[p * link->clusters + c] / (float)link->rays;
      for (size_t g = 0; g < link->groups; g++, slot++) {
        float *vector = w.vectors + slot * w.width, power = 0;
        size_t count = link->group_rays[g];
        if (link->spherical)
          gather_spherical(vector, &w, ray, count, h * v);
        else if (v == 8)
          gather_plane(vector, &w, ray, count, h, 8);
        else
          gather_plane(vector, &w, ray, count, h, v);
        for (size_t i = ray; i < ray + count; i++) power += unit * (shares ? shares[i] : kept_all[p]);
        double tau = (double)clusters.delay[p * link->clusters + c] + (double)link->group_delay[g];
        w.tau[slot] = (float)tau;
        settle(vector, &w, link, power, tau);
        total += power;
        ray += count;
      }
    }
    float direct = at->k_factor[p] / (1.0f + at->k_factor[p]);
    direct_vector(&w, link, at, p, wavelength);
    settle(w.vectors + slot * w.width, &w, link, direct, 0.0);
    w.tau[slot] = 0.0f;
    share[p] = total + direct + 2.0f / (float)(h * v) * pair_sum(&w, link);
  }
}
