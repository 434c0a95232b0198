// MPI as functions that Swift can call: no macros, no int counts, no handle types.
//
// Every function that gives `int` gives an MPI error code (0 is success); `mp_error_message` tells what it means.
// Counts are size_t. Open MPI 4.1 has int counts: collectives split what is longer into chunks, messages between
// two ranks travel as one derived type. "Patient" functions test with growing sleeps instead of spinning, so that a
// rank that waits leaves its core to the others.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mp_communicator mp_communicator;

typedef enum { MP_UINT8, MP_INT32, MP_INT64, MP_UINT64, MP_FLOAT, MP_DOUBLE } mp_type;
typedef enum { MP_SUM, MP_MIN, MP_MAX } mp_operation;

typedef struct {
  int source;
  int tag;
  size_t bytes;
} mp_envelope;

// Life of the process.

/// Initialises MPI once, for calls from any thread but one at a time, with errors that return; registers the end
/// at exit. `*serialized` tells whether the library grants that thread level.
int mp_initialize(bool *serialized);
void mp_error_message(int code, char *out, size_t capacity);
/// Ends every rank of the job at once.
_Noreturn void mp_abort(int exit_code);
/// Whether every rank of the job calls this within `seconds`. After a false answer only `mp_abort` is left.
bool mp_all_arrive(double seconds);
/// Counts reductions in flight: while there are some, the end at exit makes no further MPI calls but abort.
void mp_enter_reduction(void);
void mp_leave_reduction(void);
bool mp_reducing(void);

void mp_sleep(int microseconds);

/// The largest count that one MPI call is given; 2^31-1 unless a test sets less.
size_t mp_chunk(void);
void mp_set_chunk(size_t elements);

// Communicators.

int mp_world(mp_communicator **out);
/// A communicator apart for the end of the job, never used by anything else. NULL before `mp_initialize`.
mp_communicator *mp_last_words(void);
int mp_duplicate(const mp_communicator *of, mp_communicator **out);
/// `*out` is NULL on ranks with a negative color.
int mp_split(const mp_communicator *of, int color, int key, mp_communicator **out);
int mp_rank(const mp_communicator *communicator);
int mp_size(const mp_communicator *communicator);
/// Rank and number of ranks among those that share this node's memory. Collective.
int mp_local(const mp_communicator *communicator, int *rank, int *size);
/// Points to the MPI_Comm, for libraries that take one.
void *mp_raw(mp_communicator *communicator);

// Collectives. Every rank must call, in the same order.

int mp_allreduce(const mp_communicator *on, void *values, size_t count, mp_type type, mp_operation operation);
/// Patient, for the few words with which ranks agree on something.
int mp_agree_max(const mp_communicator *on, uint64_t *values, int count);
int mp_broadcast(const mp_communicator *on, void *bytes, size_t count, int root);
/// `out` and `lengths` count on the root only; parts follow one another in rank order. Lengths are those that
/// `mp_allgather_length` gave: every rank needs them.
int mp_gather(const mp_communicator *on, const void *bytes, const uint64_t *lengths, void *out, int root);
int mp_allgather_length(const mp_communicator *on, uint64_t length, uint64_t *lengths);
int mp_allgather(const mp_communicator *on, const void *bytes, const uint64_t *lengths, void *out);
/// The same where each rank's part is in place in `out`.
int mp_allgather_in_place(const mp_communicator *on, const uint64_t *lengths, void *out);

// Messages between two ranks. A negative source or tag means any.

int mp_send(const mp_communicator *on, const void *bytes, size_t count, int destination, int tag);
/// Patient when `wait`; otherwise `*found` tells whether a message is there.
int mp_probe(const mp_communicator *on, int source, int tag, bool wait, bool *found, mp_envelope *envelope);
/// Takes the very message that `mp_probe` described.
int mp_receive(const mp_communicator *on, void *bytes, mp_envelope envelope);

// Sums in flight.

typedef struct mp_requests mp_requests;
mp_requests *mp_requests_create(int capacity);
void mp_requests_destroy(mp_requests *requests);
/// Starts an in-place sum over the ranks; `count` is at most `mp_chunk()` and a place must be free.
int mp_requests_start_sum(mp_requests *requests, const mp_communicator *on, float *values, size_t count);
/// Tests once; `*completed` is how many have ended since the last test.
int mp_requests_test(mp_requests *requests, int *completed);

// Memory that all ranks of a node see.

typedef struct mp_shared mp_shared;
/// The directory in which Open MPI keeps it.
const char *mp_shared_place(void);
/// Collective: `floats` floats, zeroed, on every rank of a communicator within one node, each rank's on pages of its own,
/// and `counters` counters, zeroed, that all share. It lives until the process ends.
int mp_shared_create(const mp_communicator *on, size_t floats, size_t counters, mp_shared **out);
float *mp_shared_floats(const mp_shared *memory, int rank);
/// Adds one to a counter: what this rank has written before is seen by whoever reads the new count.
void mp_shared_count(mp_shared *memory, size_t counter);
uint64_t mp_shared_read(const mp_shared *memory, size_t counter);
/// The sums over the ranks, added in rank order, of `count` elements from `first` on, to every rank's floats.
void mp_shared_sum(const mp_shared *memory, size_t first, size_t count);
