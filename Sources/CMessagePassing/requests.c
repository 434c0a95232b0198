#include <limits.h>
#include <stdlib.h>

#include "mp_internal.h"

struct mp_requests {
  int capacity;
  int *indices;
  MPI_Request slots[];
};

mp_requests *mp_requests_create(int capacity) {
  mp_requests *requests = malloc(sizeof *requests + (size_t)capacity * sizeof(MPI_Request));
  if (!requests) return NULL;
  requests->capacity = capacity;
  requests->indices = malloc((size_t)capacity * sizeof(int));
  if (!requests->indices) {
    free(requests);
    return NULL;
  }
  for (int slot = 0; slot < capacity; slot++) requests->slots[slot] = MPI_REQUEST_NULL;
  return requests;
}

void mp_requests_destroy(mp_requests *requests) {
  free(requests->indices);
  free(requests);
}

int mp_requests_start_sum(mp_requests *requests, const mp_communicator *on, float *values, size_t count) {
  if (count > INT_MAX) return MPI_ERR_COUNT;
  for (int slot = 0; slot < requests->capacity; slot++) {
    if (requests->slots[slot] == MPI_REQUEST_NULL)
      return MPI_Iallreduce(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, MPI_SUM, on->handle,
                            &requests->slots[slot]);
  }
  return MPI_ERR_REQUEST;
}

int mp_requests_test(mp_requests *requests, int *completed) {
  int ended = 0;
  int code = MPI_Testsome(requests->capacity, requests->slots, &ended, requests->indices, MPI_STATUSES_IGNORE);
  *completed = ended == MPI_UNDEFINED ? 0 : ended;
  return code;
}
