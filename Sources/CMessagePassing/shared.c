#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "mp_internal.h"

struct mp_shared {
  MPI_Win window;
  int ranks;
  _Atomic uint64_t *counters;
  float *floats[];
};

enum { COUNTER_STEP = 8 };  // counters lie on cache lines of their own

static size_t whole_pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

int mp_shared_create(const mp_communicator *on, size_t floats, size_t counters, mp_shared **out) {
  int ranks = mp_size(on), own = mp_rank(on);
  *out = NULL;
  mp_shared *memory = calloc(1, sizeof *memory + (size_t)ranks * sizeof(float *));
  if (!memory) return MPI_ERR_NO_MEM;
  memory->ranks = ranks;
  size_t head = whole_pages(counters * COUNTER_STEP * sizeof(uint64_t));
  size_t bytes = whole_pages(floats * sizeof(float)) + (own == 0 ? head : 0);
  MPI_Info info = MPI_INFO_NULL;
  int code = MPI_Info_create(&info);
  if (!code) code = MPI_Info_set(info, "alloc_shared_noncontig", "true");
  char *base = NULL;
  if (!code) code = MPI_Win_allocate_shared((MPI_Aint)bytes, 1, info, on->handle, &base, &memory->window);
  if (info != MPI_INFO_NULL) MPI_Info_free(&info);
  if (!code) memset(base, 0, bytes);  // the owner touches its pages first: they are near it
  for (int rank = 0; !code && rank < ranks; rank++) {
    MPI_Aint size = 0;
    int unit = 0;
    char *start = NULL;
    code = MPI_Win_shared_query(memory->window, rank, &size, &unit, &start);
    if (!code && rank == 0) memory->counters = (_Atomic uint64_t *)(void *)start;
    if (!code) memory->floats[rank] = (float *)(void *)(start + (rank == 0 ? head : 0));
  }
  if (!code) code = MPI_Barrier(on->handle);  // nobody counts before the counters are zero
  if (code)
    free(memory);
  else
    *out = memory;
  return code;
}

float *mp_shared_floats(const mp_shared *memory, int rank) { return memory->floats[rank]; }

void mp_shared_count(mp_shared *memory, size_t counter) {
  atomic_fetch_add_explicit(memory->counters + counter * COUNTER_STEP, 1, memory_order_acq_rel);
}

uint64_t mp_shared_read(const mp_shared *memory, size_t counter) {
  return atomic_load_explicit(memory->counters + counter * COUNTER_STEP, memory_order_acquire);
}

void mp_shared_sum(const mp_shared *memory, size_t first, size_t count) {
  enum { BLOCK = 1024 };
  float sums[BLOCK];
  for (size_t start = first; start < first + count; start += BLOCK) {
    size_t here = first + count - start < BLOCK ? first + count - start : BLOCK;
    memcpy(sums, memory->floats[0] + start, here * sizeof(float));
    for (int rank = 1; rank < memory->ranks; rank++) {
      const float *other = memory->floats[rank] + start;
      for (size_t i = 0; i < here; i++) sums[i] += other[i];
    }
    for (int rank = 0; rank < memory->ranks; rank++)
      memcpy(memory->floats[rank] + start, sums, here * sizeof(float));
  }
}
