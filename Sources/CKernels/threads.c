#include "include/ck_threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Workers spin for a moment before they sleep: kernels follow one another within microseconds, but a rank that
// waits for others must leave the core to them.
enum { SPINS = 4000 };

struct ck_pool {
  int threads;
  pthread_t *handles;
  pthread_mutex_t mutex;
  pthread_cond_t wake, done;
  atomic_uint generation;
  atomic_size_t next;
  atomic_int working;
  atomic_int stopping;
  atomic_int busy;
  size_t jobs;
  void (*body)(void *, size_t, int);
  void *context;
};

typedef struct {
  ck_pool *pool;
  int worker;
} seat;

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static void take_jobs(ck_pool *pool, int worker) {
  for (;;) {
    size_t job = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (job >= pool->jobs) return;
    pool->body(pool->context, job, worker);
  }
}

static void *work(void *argument) {
  seat *own = argument;
  ck_pool *pool = own->pool;
  int worker = own->worker;
  free(own);
  unsigned seen = 0;
  for (;;) {
    int spins = 0;
    while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen && spins < SPINS) {
      relax();
      spins++;
    }
    if (spins == SPINS) {
      pthread_mutex_lock(&pool->mutex);
      while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen)
        pthread_cond_wait(&pool->wake, &pool->mutex);
      pthread_mutex_unlock(&pool->mutex);
    }
    seen++;
    if (atomic_load(&pool->stopping)) return NULL;
    take_jobs(pool, worker);
    if (atomic_fetch_sub_explicit(&pool->working, 1, memory_order_acq_rel) == 1) {
      pthread_mutex_lock(&pool->mutex);
      pthread_cond_signal(&pool->done);
      pthread_mutex_unlock(&pool->mutex);
    }
  }
}

static void publish(ck_pool *pool) {
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

ck_pool *ck_pool_create(int threads) {
  ck_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  pool->handles = calloc((size_t)threads, sizeof *pool->handles);
  if (!pool->handles) {
    free(pool);
    return NULL;
  }
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->done, NULL);
  pool->threads = 1;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 8u << 20);
  for (int worker = 1; worker < threads; worker++) {
    seat *own = malloc(sizeof *own);
    if (own) *own = (seat){pool, worker};
    if (!own || pthread_create(&pool->handles[worker], &attributes, work, own)) {
      free(own);
      pthread_attr_destroy(&attributes);
      ck_pool_destroy(pool);
      return NULL;
    }
    pool->threads++;
  }
  pthread_attr_destroy(&attributes);
  return pool;
}

void ck_pool_destroy(ck_pool *pool) {
  atomic_store(&pool->stopping, 1);
  publish(pool);
  for (int worker = 1; worker < pool->threads; worker++) pthread_join(pool->handles[worker], NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->handles);
  free(pool);
}

void ck_pool_run(ck_pool *pool, size_t jobs, void (*body)(void *, size_t, int), void *context) {
  if (pool->threads == 1 || jobs < 2) {
    for (size_t job = 0; job < jobs; job++) body(context, job, 0);
    return;
  }
  if (atomic_exchange(&pool->busy, 1)) {
    fputs("ck_pool_run: the pool is at work already; give each thread a pool of its own\n", stderr);
    abort();
  }
  pool->jobs = jobs;
  pool->body = body;
  pool->context = context;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->working, pool->threads - 1, memory_order_relaxed);
  publish(pool);
  take_jobs(pool, 0);
  for (int spins = 0; spins < SPINS && atomic_load_explicit(&pool->working, memory_order_acquire); spins++)
    relax();
  if (atomic_load_explicit(&pool->working, memory_order_acquire)) {
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load_explicit(&pool->working, memory_order_acquire))
      pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
  }
  atomic_store(&pool->busy, 0);
}
