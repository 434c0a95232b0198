// The channel simulator's kernels: fields as sums of sinusoids, clusters, coherent power.
//
// "Places" are positions of the user equipment, laid out row after row. Fields are [field][place].
#pragma once

#include <stddef.h>
#include <stdint.h>

/// cosine[i] = cos(2 pi turns[i]), sine[i] = sin(2 pi turns[i]); |turns| < 2^20.
void ck_phasors(float *cosine, float *sine, const float *turns, size_t count);

/// rows[r][0..<n] = Re(c e^{j b_k y_r}), rows[r][n..<2n] = -Im(c e^{j b_k y_r}) with c = real + j imaginary [n]:
/// times [cos a_k x; sin a_k x] that is the field, Re sum_k c_k e^{j (a_k x + b_k y)}.
/// cosine, sine: [count][n], the phasors b_k y of `count` rows.
void ck_sinusoid_rows(float *rows, const float *real, const float *imaginary, const float *cosine, const float *sine,
                      size_t count, size_t n);

/// x[i] = Phi(x[i]): standard normal to uniform.
void ck_uniform_from_normal(float *x, size_t count);

/// One row of a grid for many fields at once: rows[f][2n] as in `ck_sinusoid_rows`, from real, imaginary [fields][n]
/// and one row's phasors cosine, sine [n].
void ck_sinusoid_fields(float *rows, const float *real, const float *imaginary, const float *cosine, const float *sine,
                        size_t fields, size_t n);

/// What all places of a link state share.
typedef struct {
  size_t clusters, rays;        // rays a cluster, ordered by sub-cluster
  size_t groups;                // sub-clusters a cluster (TR 38.901, Table 7.5-5)
  const size_t *group_rays;     // [groups] rays in each
  const float *group_delay;     // [groups] excess delay [s]
  const float *azimuth_offset;  // [clusters][rays] from the cluster's azimuth [turns]
  const float *zenith_shape;    // [clusters][rays] times the place's cluster zenith spread
  float proportionality;        // r_tau
  float shadowing;              // per-cluster shadowing [dB]; 0: none
  float angular_decay;          // power falls by exp(-decay x^2) with each initial angle x; 0: not
  float azimuth_spread;         // a cluster's own azimuth spread [turns]
  size_t horizontal, vertical;  // array elements
  float spacing;                // between elements [wavelengths]
  int spherical;                // waves: 0 plane, 1 spherical
  int subcarriers;
  double subcarrier_spacing, frequency;  // [Hz]
} ck_link;

/// What differs from place to place; [places] each.
typedef struct {
  const float *delay_spread;      // [s]
  const float *azimuth_spread;    // [turns]
  const float *zenith_spread;     // [turns]
  const float *cluster_zenith;    // a cluster's own zenith spread [turns]
  const float *k_factor;          // linear; 0 without line of sight
  const float *azimuth;           // direct path's azimuth of departure [turns]
  const float *elevation;         // direct path's elevation of departure [turns]
  const float *elevation_offset;  // of the clusters (Tables 7.5-7 to 7.5-9) [turns]
  const float *distance;          // direct path's length [m]
} ck_places;

/// Clusters as they are seen from each place; [places][clusters] each.
typedef struct {
  float *power;  // sums to 1 / (1 + K)
  float *delay;  // [s]
  float *azimuth, *elevation;  // of departure [turns]
} ck_clusters;

/// Cluster powers, delays and angles from their fields (TR 38.901, clause 7.5, steps 5 to 7, with one field per
/// variable and cluster): delays -r ln U; powers exp(-tau (r - 1) / r), shadowed or falling with the initial
/// angles; then delays scaled to the delay spread and Gaussian angles to the angular spreads.
/// fields: standard normal, place p's at p * stride: delays, azimuths and elevations of departure, then shadows
/// (`shadowing` > 0) or azimuths and elevations of arrival (`angular_decay` > 0), [clusters] each.
void ck_cluster_parameters(ck_clusters out, const ck_link *link, const ck_places *at, size_t places, size_t stride,
                           const float *fields);

/// kept[places][clusters * rays] = x / (1 + x), x = 10^((mean + deviation z) / 10): the share of a ray's power that
/// keeps its polarisation; in place of the standard normal z, which begin at p * stride.
void ck_kept_shares(float *z, size_t count, size_t places, size_t stride, float mean, float deviation);

/// share[p] = the sum of path powers: K / (1 + K) + sum over clusters of power times the mean kept share.
/// kept: rays' shares at p * stride, or NULL where all rays of a place keep kept_all[p].
void ck_path_share(float *share, const ck_link *link, const ck_places *at, size_t places, ck_clusters clusters,
                   const float *kept, size_t stride, const float *kept_all);

/// Floats of scratch that `ck_coherent_share` needs.
size_t ck_coherent_scratch(const ck_link *link);

/// share[p] = eq. (5) of the CGDM paper over the direct path's power scale: |h|^2 averaged over elements and
/// subcarriers, for the places with mask[p] != 0. Within a delay, rays are summed into a vector over elements and
/// renormalised to their nominal power; delays then meet through the Dirichlet kernel of the band.
/// phase: rays' initial phases [turns] at p * phase_stride; kept as in `ck_path_share`.
void ck_coherent_share(float *share, const ck_link *link, const ck_places *at, size_t places, const uint8_t *mask,
                       ck_clusters clusters, const float *phase, size_t phase_stride, const float *kept,
                       size_t kept_stride, const float *kept_all, float *scratch);

/// The same by the direct sum over elements and subcarriers, in double: the oracle. Slow, allocates; returns 0, or
/// -1 without memory.
int ck_coherent_share_direct(float *share, const ck_link *link, const ck_places *at, size_t places,
                             const uint8_t *mask, ck_clusters clusters, const float *phase, size_t phase_stride,
                             const float *kept, size_t kept_stride, const float *kept_all);
