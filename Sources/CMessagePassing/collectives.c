#include <stdlib.h>
#include <string.h>

#include "mp_internal.h"

MPI_Datatype mp_datatype(mp_type type) {
  switch (type) {
    case MP_UINT8: return MPI_UINT8_T;
    case MP_INT32: return MPI_INT32_T;
    case MP_INT64: return MPI_INT64_T;
    case MP_UINT64: return MPI_UINT64_T;
    case MP_FLOAT: return MPI_FLOAT;
    case MP_DOUBLE: return MPI_DOUBLE;
  }
  return MPI_DATATYPE_NULL;
}

size_t mp_width(mp_type type) {
  switch (type) {
    case MP_UINT8: return 1;
    case MP_INT32:
    case MP_FLOAT: return 4;
    case MP_INT64:
    case MP_UINT64:
    case MP_DOUBLE: return 8;
  }
  return 0;
}

MPI_Op mp_op(mp_operation operation) {
  switch (operation) {
    case MP_SUM: return MPI_SUM;
    case MP_MIN: return MPI_MIN;
    case MP_MAX: return MPI_MAX;
  }
  return MPI_OP_NULL;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

int mp_allreduce(const mp_communicator *on, void *values, size_t count, mp_type type, mp_operation operation) {
  size_t width = mp_width(type);
  for (size_t done = 0; done < count;) {
    size_t now = least(count - done, mp_chunk());
    int code = MPI_Allreduce(MPI_IN_PLACE, (char *)values + done * width, (int)now, mp_datatype(type),
                             mp_op(operation), on->handle);
    if (code) return code;
    done += now;
  }
  return MPI_SUCCESS;
}

int mp_agree_max(const mp_communicator *on, uint64_t *values, int count) {
  MPI_Request request;
  int code = MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_UINT64_T, MPI_MAX, on->handle, &request);
  return code ? code : mp_wait_patiently(&request);
}

int mp_broadcast(const mp_communicator *on, void *bytes, size_t count, int root) {
  for (size_t done = 0; done < count;) {
    size_t now = least(count - done, mp_chunk());
    int code = MPI_Bcast((char *)bytes + done, (int)now, MPI_BYTE, root, on->handle);
    if (code) return code;
    done += now;
  }
  return MPI_SUCCESS;
}

int mp_allgather_length(const mp_communicator *on, uint64_t length, uint64_t *lengths) {
  return MPI_Allgather(&length, 1, MPI_UINT64_T, lengths, 1, MPI_UINT64_T, on->handle);
}

// Lengths as int counts and displacements, or false when their sum is above the chunk.
static bool as_ints(const uint64_t *lengths, int size, int *counts, int *displacements) {
  uint64_t total = 0;
  for (int rank = 0; rank < size; rank++) {
    if (lengths[rank] > mp_chunk() - total) return false;
    counts[rank] = (int)lengths[rank];
    displacements[rank] = (int)total;
    total += lengths[rank];
  }
  return true;
}

static int gather_in_chunks(const mp_communicator *on, const void *bytes, const uint64_t *lengths, char *out,
                            int root, int *counts, int *displacements) {
  int size = mp_size(on), rank = mp_rank(on);
  for (int each = 0; each < size; each++) counts[each] = displacements[each] = 0;
  for (int from = 0; from < size; from++) {
    for (uint64_t done = 0; done < lengths[from];) {
      int now = (int)least(lengths[from] - done, mp_chunk());
      counts[from] = now;
      int code = MPI_Gatherv(rank == from ? (const char *)bytes + done : NULL, rank == from ? now : 0, MPI_BYTE,
                             out, counts, displacements, MPI_BYTE, root, on->handle);
      if (code) return code;
      done += (uint64_t)now;
      if (rank == root) out += now;
    }
    counts[from] = 0;
  }
  return MPI_SUCCESS;
}

int mp_gather(const mp_communicator *on, const void *bytes, const uint64_t *lengths, void *out, int root) {
  int size = mp_size(on);
  int *counts = malloc(2 * (size_t)size * sizeof *counts);
  if (!counts) return MPI_ERR_NO_MEM;
  int code;
  if (as_ints(lengths, size, counts, counts + size)) {
    code = MPI_Gatherv(bytes, counts[mp_rank(on)], MPI_BYTE, out, counts, counts + size, MPI_BYTE, root,
                       on->handle);
  } else {
    code = gather_in_chunks(on, bytes, lengths, out, root, counts, counts + size);
  }
  free(counts);
  return code;
}

static int allgather_in_chunks(const mp_communicator *on, const void *bytes, const uint64_t *lengths, char *out) {
  int size = mp_size(on), rank = mp_rank(on);
  for (int from = 0; from < size; from++) {
    if (from == rank && bytes != MPI_IN_PLACE && lengths[from]) memcpy(out, bytes, lengths[from]);
    int code = mp_broadcast(on, out, lengths[from], from);
    if (code) return code;
    out += lengths[from];
  }
  return MPI_SUCCESS;
}

int mp_allgather(const mp_communicator *on, const void *bytes, const uint64_t *lengths, void *out) {
  int size = mp_size(on);
  int *counts = malloc(2 * (size_t)size * sizeof *counts);
  if (!counts) return MPI_ERR_NO_MEM;
  int code;
  if (as_ints(lengths, size, counts, counts + size)) {
    code = MPI_Allgatherv(bytes, counts[mp_rank(on)], MPI_BYTE, out, counts, counts + size, MPI_BYTE,
                          on->handle);
  } else {
    code = allgather_in_chunks(on, bytes, lengths, out);
  }
  free(counts);
  return code;
}

int mp_allgather_in_place(const mp_communicator *on, const uint64_t *lengths, void *out) {
  return mp_allgather(on, MPI_IN_PLACE, lengths, out);
}
