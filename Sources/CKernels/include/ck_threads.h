// A pool of threads that share a list of numbered jobs. The caller works too, so a pool of one has no thread.
#pragma once

#include <stddef.h>

typedef struct ck_pool ck_pool;

/// A pool of `threads` workers, the caller counted; NULL when the system refuses.
ck_pool *ck_pool_create(int threads);
void ck_pool_destroy(ck_pool *pool);

/// Runs body(context, job, worker) for every job in 0..<jobs and returns when all have ended. `worker` is in
/// 0..<threads. Jobs are handed out as workers become free, so what a job computes must depend on its number
/// alone. Not reentrant: neither a body nor another thread may call it meanwhile (that aborts).
void ck_pool_run(ck_pool *pool, size_t jobs, void (*body)(void *context, size_t job, int worker), void *context);
