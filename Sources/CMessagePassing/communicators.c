#include <stdlib.h>

#include "mp_internal.h"

static int wrap(MPI_Comm handle, mp_communicator **out) {
  *out = NULL;
  if (handle == MPI_COMM_NULL) return MPI_SUCCESS;
  *out = malloc(sizeof **out);
  if (!*out) return MPI_ERR_NO_MEM;
  (*out)->handle = handle;
  return MPI_SUCCESS;
}

int mp_world(mp_communicator **out) { return wrap(MPI_COMM_WORLD, out); }

int mp_duplicate(const mp_communicator *of, mp_communicator **out) {
  MPI_Comm handle = MPI_COMM_NULL;
  int code = MPI_Comm_dup(of->handle, &handle);
  return code ? code : wrap(handle, out);
}

int mp_split(const mp_communicator *of, int color, int key, mp_communicator **out) {
  MPI_Comm handle = MPI_COMM_NULL;
  int code = MPI_Comm_split(of->handle, color < 0 ? MPI_UNDEFINED : color, key, &handle);
  return code ? code : wrap(handle, out);
}

int mp_rank(const mp_communicator *communicator) {
  int rank = 0;
  MPI_Comm_rank(communicator->handle, &rank);
  return rank;
}

int mp_size(const mp_communicator *communicator) {
  int size = 1;
  MPI_Comm_size(communicator->handle, &size);
  return size;
}

int mp_local(const mp_communicator *communicator, int *rank, int *size) {
  MPI_Comm node = MPI_COMM_NULL;
  int code = MPI_Comm_split_type(communicator->handle, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  if (code) return code;
  code = MPI_Comm_rank(node, rank);
  if (!code) code = MPI_Comm_size(node, size);
  int freed = MPI_Comm_free(&node);
  return code ? code : freed;
}

void *mp_raw(mp_communicator *communicator) { return &communicator->handle; }
