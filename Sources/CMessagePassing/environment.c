// What Open MPI is told before it starts, so that containers and clusters need no settings. What the user has set stays.
// process_vm_readv, PR_SET_PTRACER
#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mp_internal.h"

// What Open MPI's vader keeps for each rank of a node in /dev/shm, rounded up.
enum { VADER_SEGMENT = 5 << 20 };

static bool is_set(const char *name) { return getenv(name) != NULL; }

static const char *temporary_directory(void) {
  const char *directory = getenv("TMPDIR");
  return directory && *directory ? directory : "/tmp";
}

// What Open MPI was told, and the children of this process are not to be.
static const char *told[2];

// Has Open MPI keep files in a folder of this process's own, so that those of a killed one are found and removed.
static void keep_in_own_place(const char *variable, const char *directory) {
  if (is_set(variable)) return;
  const char *place = mp_own_place(directory);
  if (!place) return;
  setenv(variable, place, 0);
  told[told[0] != NULL] = variable;
}

// Whether one process of this user may read another's memory. Containers forbid it (seccomp), and so do some kernels
// (Yama above 1; at 1 a process has to allow it, as Open MPI lets its ranks do).
static bool reads_other_processes(void) {
  static volatile char here = 1;
#ifdef PR_SET_PTRACER
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
#endif
  pid_t parent = getpid(), child = fork();
  if (child < 0) return true;
  if (child == 0) {
    char there = 0;
    struct iovec mine = {&there, 1}, its = {(void *)(uintptr_t)&here, 1};
    _exit(process_vm_readv(parent, &mine, 1, &its, 1, 0) == 1 && there == 1 ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return true;
  return status == 0;
}

static double free_bytes(const char *directory) {
  struct statvfs room;
  return statvfs(directory, &room) ? 0 : (double)room.f_bavail * (double)room.f_frsize;
}

const char *mp_shared_place(void) {
  const char *chosen = getenv("OMPI_MCA_osc_sm_backing_directory");
  if (chosen && *chosen) return chosen;
  if (access("/dev/shm", W_OK) == 0) return "/dev/shm";
  return temporary_directory();
}

// Ranks alone on their node exchange nothing by memory.
static void suit_the_node(void) {
  const char *text = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  if (!text && is_set("PMIX_RANK")) text = getenv("SLURM_STEP_TASKS_PER_NODE");  // "4(x2),3": the first is near enough
  int local = text ? atoi(text) : 1;
  if (local < 2) return;
  if (!is_set("OMPI_MCA_btl_vader_single_copy_mechanism") && !reads_other_processes())
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
  const char *directory = temporary_directory();
  double need = (double)local * VADER_SEGMENT;
  int has_memory = access("/dev/shm", W_OK) == 0;
  int is_small = has_memory && free_bytes("/dev/shm") < need && free_bytes(directory) >= need;
  keep_in_own_place("OMPI_MCA_btl_vader_backing_directory", is_small || !has_memory ? directory : "/dev/shm");
}

// By these Open MPI takes a process of `srun` for one of many, and ends it where Slurm has told it nothing more.
static const char *const step_names[] = {"SLURM_JOB_ID", "SLURM_JOBID", "SLURM_NODELIST", "SLURM_STEP_ID", "SLURM_STEPID"};
enum { STEP_NAMES = sizeof step_names / sizeof *step_names };
static char *step_values[STEP_NAMES];

static bool is_alone_in_step(void) {
  const char *tasks = getenv("SLURM_STEP_NUM_TASKS");
  return tasks && strcmp(tasks, "1") == 0 && !is_set("OMPI_COMM_WORLD_SIZE") && !is_set("PMIX_RANK") &&
         !is_set("PMI_RANK") && !is_set("PMI_FD");
}

void mp_prepare_environment(void) {
  // Alone, without mpirun, no helper daemon is wanted: it costs time and can outlive a killed process.
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  if (!is_set("OMPI_COMM_WORLD_RANK") && !is_set("PMIX_RANK"))
    keep_in_own_place("OMPI_MCA_orte_tmpdir_base", temporary_directory());
  suit_the_node();
  if (!is_alone_in_step()) return;
  for (int i = 0; i < STEP_NAMES; i++) {
    const char *value = getenv(step_names[i]);
    step_values[i] = value ? strdup(value) : NULL;
    unsetenv(step_names[i]);
  }
}

void mp_restore_environment(void) {
  for (int i = 0; i < 2; i++)
    if (told[i]) unsetenv(told[i]);
  for (int i = 0; i < STEP_NAMES; i++) {
    if (step_values[i]) setenv(step_names[i], step_values[i], 1);
    free(step_values[i]);
    step_values[i] = NULL;
  }
}
