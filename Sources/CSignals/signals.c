#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "CSignals.h"

enum { signal_limit = 65 };

// Lock-free on every platform that Swift runs on, which is what a handler needs.
static atomic_int counts[signal_limit];

static void count(int number) { atomic_fetch_add_explicit(&counts[number], 1, memory_order_relaxed); }

static int set_handler(int number, void (*handler)(int)) {
  if (number <= 0 || number >= signal_limit) return EINVAL;
  atomic_store(&counts[number], 0);
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  if (sigaction(number, &action, NULL) != 0) return errno;
  // A launcher may have left the signal blocked, and what is blocked is never counted.
  sigset_t unblocked;
  sigemptyset(&unblocked);
  sigaddset(&unblocked, number);
  return pthread_sigmask(SIG_UNBLOCK, &unblocked, NULL);
}

int csg_signal_watch(int number) { return set_handler(number, count); }

int csg_signal_count(int number) {
  if (number <= 0 || number >= signal_limit) return 0;
  return atomic_load_explicit(&counts[number], memory_order_relaxed);
}

int csg_signal_release(int number) { return set_handler(number, SIG_DFL); }
