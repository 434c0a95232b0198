#include "mp_internal.h"

// `count` bytes as one element of a derived type, since a count must fit in an int: whole chunks, then the rest.
static int long_type(size_t count, MPI_Datatype *out) {
  size_t chunk = mp_chunk();
  MPI_Datatype block, blocks;
  int code = MPI_Type_contiguous((int)chunk, MPI_BYTE, &block);
  if (code) return code;
  code = MPI_Type_contiguous((int)(count / chunk), block, &blocks);
  MPI_Type_free(&block);
  if (code) return code;
  int lengths[2] = {1, (int)(count % chunk)};
  MPI_Aint displacements[2] = {0, (MPI_Aint)(count - count % chunk)};
  MPI_Datatype parts[2] = {blocks, MPI_BYTE};
  code = MPI_Type_create_struct(2, lengths, displacements, parts, out);
  MPI_Type_free(&blocks);
  return code ? code : MPI_Type_commit(out);
}

int mp_send(const mp_communicator *on, const void *bytes, size_t count, int destination, int tag) {
  MPI_Request request;
  if (count <= mp_chunk()) {
    int code = MPI_Isend(bytes, (int)count, MPI_BYTE, destination, tag, on->handle, &request);
    return code ? code : mp_wait_patiently(&request);
  }
  MPI_Datatype type;
  int code = long_type(count, &type);
  if (code) return code;
  code = MPI_Isend(bytes, 1, type, destination, tag, on->handle, &request);
  if (!code) code = mp_wait_patiently(&request);
  MPI_Type_free(&type);
  return code;
}

int mp_probe(const mp_communicator *on, int source, int tag, bool wait, bool *found, mp_envelope *envelope) {
  int from = source < 0 ? MPI_ANY_SOURCE : source, with = tag < 0 ? MPI_ANY_TAG : tag;
  for (int tries = 0;; tries++) {
    int present = 0;
    MPI_Status status;
    int code = MPI_Iprobe(from, with, on->handle, &present, &status);
    if (code) return code;
    *found = present;
    if (present) {
      MPI_Count bytes = 0;
      code = MPI_Get_elements_x(&status, MPI_BYTE, &bytes);
      *envelope = (mp_envelope){status.MPI_SOURCE, status.MPI_TAG, (size_t)bytes};
      return code;
    }
    if (!wait) return MPI_SUCCESS;
    mp_pause(tries);
  }
}

int mp_receive(const mp_communicator *on, void *bytes, mp_envelope envelope) {
  MPI_Request request;
  if (envelope.bytes <= mp_chunk()) {
    int code = MPI_Irecv(bytes, (int)envelope.bytes, MPI_BYTE, envelope.source, envelope.tag, on->handle, &request);
    return code ? code : mp_wait_patiently(&request);
  }
  MPI_Datatype type;
  int code = long_type(envelope.bytes, &type);
  if (code) return code;
  code = MPI_Irecv(bytes, 1, type, envelope.source, envelope.tag, on->handle, &request);
  if (!code) code = mp_wait_patiently(&request);
  MPI_Type_free(&type);
  return code;
}
