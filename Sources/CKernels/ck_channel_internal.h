#pragma once

#include "include/ck_channel.h"

/// One sub-cluster's vector over the array in double, not yet scaled to its power: the sum of `count` rays from ray
/// `first` of cluster `cluster` on. out: [2][horizontal][vertical], real parts, then imaginary ones; phase and kept
/// (or NULL) are the place's.
void ck_group_vector(double *out, const ck_link *link, const ck_places *at, size_t place, ck_clusters clusters,
                     const float *phase, const float *kept, size_t cluster, size_t first, size_t count);
