// on_exit and the clocks
#define _DEFAULT_SOURCE

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mp_internal.h"

// How long a rank that exits with an error waits for the others to do the same before it aborts the job.
static const double patience_at_exit = 2;

static atomic_size_t chunk = INT_MAX;
static atomic_int reductions;
static atomic_bool aborting;
static mp_communicator last_words = {MPI_COMM_NULL};

size_t mp_chunk(void) { return atomic_load(&chunk); }
void mp_set_chunk(size_t elements) { atomic_store(&chunk, elements < INT_MAX ? elements : INT_MAX); }

void mp_enter_reduction(void) { atomic_fetch_add(&reductions, 1); }
void mp_leave_reduction(void) { atomic_fetch_sub(&reductions, 1); }
bool mp_reducing(void) { return atomic_load(&reductions) > 0; }

double mp_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void mp_sleep(int microseconds) {
  struct timespec sleep = {0, microseconds * 1000L};
  nanosleep(&sleep, NULL);
}

void mp_pause(int tries) {
  enum { spins = 500, doublings = 5 };
  if (tries < spins) return;
  int doubled = (tries - spins) / 16;
  if (doubled > doublings) doubled = doublings;
  mp_sleep(16 << doubled);
}

int mp_wait_patiently(MPI_Request *request) {
  for (int tries = 0;; tries++) {
    int done = 0;
    int code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
    if (code || done) return code;
    mp_pause(tries);
  }
}

// Waits, a second at most, until the launcher has taken what stands in the pipe of standard error: an abort may be quicker.
static void hand_over(void) {
  struct stat status;
  if (fstat(STDERR_FILENO, &status) || !S_ISFIFO(status.st_mode)) return;
  int waiting = 0;
  double deadline = mp_seconds() + 1;
  while (ioctl(STDERR_FILENO, FIONREAD, &waiting) == 0 && waiting > 0 && mp_seconds() < deadline) usleep(2000);
}

_Noreturn void mp_abort(int exit_code) {
  atomic_store(&aborting, true);
  fflush(NULL);
  hand_over();
  mp_leave_places();
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  _Exit(exit_code);
}

mp_communicator *mp_last_words(void) { return last_words.handle == MPI_COMM_NULL ? NULL : &last_words; }

bool mp_all_arrive(double seconds) {
  if (mp_size(&last_words) == 1) return true;
  MPI_Request request;
  if (MPI_Ibarrier(last_words.handle, &request)) return false;
  double deadline = mp_seconds() + seconds;
  for (int tries = 0;; tries++) {
    int done = 0;
    if (MPI_Test(&request, &done, MPI_STATUS_IGNORE)) return false;
    if (done) return true;
    if (mp_seconds() > deadline) return false;
    mp_pause(tries);
  }
}

// MPI_Finalize waits for all ranks, so a rank that fails alone must not call it: the others would wait for this
// one in a collective, and this one for them, for ever.
static void end(int status, void *unused) {
  (void)unused;
  int finalized = 0;
  if (atomic_load(&aborting) || MPI_Finalized(&finalized) || finalized) return;
  fflush(NULL);
  if (status) {
    if (atomic_load(&reductions) || !mp_all_arrive(patience_at_exit)) mp_abort(status);
  }
  MPI_Finalize();
  mp_leave_places();
}

int mp_initialize(bool *serialized) {
  int present = 0, provided = MPI_THREAD_SINGLE;
  int code = MPI_Initialized(&present);
  if (code) return code;
  if (present) {
    code = MPI_Query_thread(&provided);
  } else {
    mp_prepare_environment();
    code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    mp_restore_environment();
  }
  if (code) return code;
  *serialized = provided >= MPI_THREAD_SERIALIZED;
  code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (!code) code = MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  if (!code) code = MPI_Comm_dup(MPI_COMM_WORLD, &last_words.handle);
  if (code) return code;
  on_exit(end, NULL);
  return MPI_SUCCESS;
}

void mp_error_message(int code, char *out, size_t capacity) {
  char text[MPI_MAX_ERROR_STRING + 1] = "";
  int length = 0;
  if (MPI_Error_string(code, text, &length)) length = 0;
  text[length] = 0;
  snprintf(out, capacity, "%s (code %d)", length ? text : "unknown error", code);
}
