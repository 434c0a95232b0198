// Places of our own for what Open MPI keeps in files, so that a killed process's can be told from a living one's: each holds a
// lock that ends with its process, and the next process removes those that nobody holds.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mp_internal.h"

enum { MOST_PLACES = 2, DEPTH = 8, SETTLING = 60 };
static char places[MOST_PLACES][PATH_MAX];
static int place_count;
static pid_t owner;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *position) {
  (void)status, (void)kind, (void)position;
  remove(path);
  return 0;
}

static void remove_all(const char *path) { nftw(path, remove_one, DEPTH, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }

static void prefix_of(const char *directory, char *out, size_t size) {
  snprintf(out, size, "%s/ckm-mpi.%u.", directory, (unsigned)getuid());
}

// Removes a place that no process holds. One that was made a moment ago may not be held yet.
static void sweep_one(const char *path) {
  struct stat status;
  if (lstat(path, &status) || !S_ISDIR(status.st_mode) || status.st_uid != getuid()) return;
  if (time(NULL) - status.st_mtime < SETTLING) return;
  char name[PATH_MAX + 8];
  snprintf(name, sizeof name, "%s/lock", path);
  int lock = open(name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  // Without a lock it was killed while it was made, or while it was removed.
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0) remove_all(path);
  if (lock >= 0) close(lock);
}

static void sweep(const char *directory) {
  char prefix[PATH_MAX], path[PATH_MAX];
  prefix_of("", prefix, sizeof prefix);
  DIR *listing = opendir(directory);
  if (listing == NULL) return;
  for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
    if (strncmp(entry->d_name, prefix + 1, strlen(prefix) - 1) != 0) continue;
    if (snprintf(path, sizeof path, "%s/%s", directory, entry->d_name) < (int)sizeof path) sweep_one(path);
  }
  closedir(listing);
}

const char *mp_own_place(const char *directory) {
  if (place_count == MOST_PLACES) return NULL;
  sweep(directory);
  char *place = places[place_count], name[PATH_MAX + 8];
  prefix_of(directory, place, PATH_MAX - 8);
  strcat(place, "XXXXXX");
  if (mkdtemp(place) == NULL) return NULL;
  snprintf(name, sizeof name, "%s/lock", place);
  // Held until the process ends, whatever ends it.
  int lock = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB)) {
    if (lock >= 0) close(lock);
    remove_all(place);
    return NULL;
  }
  owner = getpid();
  place_count++;
  return place;
}

void mp_leave_places(void) {
  if (owner != getpid()) return;
  while (place_count > 0) remove_all(places[--place_count]);
}
