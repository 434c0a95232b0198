// Numeric kernels and the thread pool. Each kernel is compiled for several instruction sets and chosen at
// load time (`CK_CLONES`); none keeps state. Shapes are given beside every buffer: [N, H, W, C] is
// channels-last, `stride` is the distance in elements between neighbouring pixels.
#pragma once

#include "ck_channel.h"
#include "ck_convolution.h"
#include "ck_dense.h"
#include "ck_diffusion.h"
#include "ck_double.h"
#include "ck_normalise.h"
#include "ck_panels.h"
#include "ck_philox.h"
#include "ck_reference.h"
#include "ck_threads.h"
#include "ck_tokens.h"
#include "ck_urban.h"
#include "ck_winograd.h"
