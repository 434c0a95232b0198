#include "ck_elementary.h"
#include "include/ck_channel.h"

static const float LN10_OVER_10 = 0.23025850929940457f;

// Scales x[n], weighted by power[n] and joined by a direct path of weight `direct` at zero, to a given deviation.
CK_INLINE void scale_to_spread(float *out, const float *x, const float *power, size_t n, float direct, float spread) {
  float total = direct, first = 0, second = 0;
  for (size_t i = 0; i < n; i++) {
    total += power[i];
    first += power[i] * x[i];
    second += power[i] * x[i] * x[i];
  }
  float mean = first / total, variance = second / total - mean * mean;
  float scale = variance > 1e-12f ? spread / __builtin_elementwise_sqrt(variance) : 0.0f;
  for (size_t i = 0; i < n; i++) out[i] = scale * x[i];
}

// What remains for the clusters' centres when each cluster has a spread of its own; a tenth at least.
CK_INLINE float spread_of_centres(float spread, float own, float scattered) {
  float rest = spread * spread - scattered * own * own, least = 0.01f * spread * spread;
  return __builtin_elementwise_sqrt(rest > least ? rest : least);
}

CK_CLONES void ck_cluster_parameters(ck_clusters out, const ck_link *link, const ck_places *at, size_t places,
                                     size_t stride, const float *fields) {
  size_t n = link->clusters;
  float decay = link->proportionality - 1.0f;
  for (size_t p = 0; p < places; p++) {
    const float *z = fields + p * stride, *azimuth = z + n, *elevation = azimuth + n, *more = elevation + n;
    float *power = out.power + p * n, *tau = out.delay + p * n;
    float sum = 0;
    for (size_t i = 0; i < n; i++) {
      float age = -ck_log(ck_normal_distribution(z[i]));  // tau / (r DS), eq. 7.5-1
      float exponent = -age * decay;                      // eq. 7.5-5
      if (link->shadowing > 0) exponent -= LN10_OVER_10 * link->shadowing * more[i];
      if (link->angular_decay > 0)
        exponent -= link->angular_decay * (azimuth[i] * azimuth[i] + elevation[i] * elevation[i] +
                                           more[i] * more[i] + more[n + i] * more[n + i]);
      tau[i] = age;
      power[i] = ck_exp(exponent);
      sum += power[i];
    }
    float scattered = 1.0f / (1.0f + at->k_factor[p]), direct = 1.0f - scattered, scale = scattered / sum;
    for (size_t i = 0; i < n; i++) power[i] *= scale;
    scale_to_spread(tau, tau, power, n, direct, at->delay_spread[p]);
    float *a = out.azimuth + p * n, *e = out.elevation + p * n;
    scale_to_spread(a, azimuth, power, n, direct,
                    spread_of_centres(at->azimuth_spread[p], link->azimuth_spread, scattered));
    scale_to_spread(e, elevation, power, n, direct,
                    spread_of_centres(at->zenith_spread[p], at->cluster_zenith[p], scattered));
    for (size_t i = 0; i < n; i++) {
      a[i] += at->azimuth[p];
      e[i] += at->elevation[p] + at->elevation_offset[p];
    }
  }
}

CK_CLONES void ck_kept_shares(float *z, size_t count, size_t places, size_t stride, float mean, float deviation) {
  for (size_t p = 0; p < places; p++)
    for (size_t i = 0; i < count; i++) {
      float *x = z + p * stride + i;
      *x = 1.0f / (1.0f + ck_exp(-LN10_OVER_10 * (mean + deviation * *x)));
    }
}

CK_CLONES void ck_path_share(float *share, const ck_link *link, const ck_places *at, size_t places,
                             ck_clusters clusters, const float *kept, size_t stride, const float *kept_all) {
  size_t n = link->clusters, m = link->rays;
  for (size_t p = 0; p < places; p++) {
    float k = at->k_factor[p], sum = k / (1.0f + k);
    for (size_t i = 0; i < n; i++) {
      float mean = 0;
      if (kept)
        for (size_t j = 0; j < m; j++) mean += kept[p * stride + i * m + j];
      sum += clusters.power[p * n + i] * (kept ? mean / (float)m : kept_all[p]);
    }
    share[p] = sum;
  }
}
