// A library for LD_PRELOAD that makes the system fail: the n-th of some calls on files whose name holds a text.
//
//   FAULTS_PATH     only files whose full name holds this text (needed: nothing fails without it); FOLDER/ is also the folder
//   FAULTS_CALLS    which calls, separated by commas: open write pwrite fsync rename close ftruncate fallocate mmap unlink
//                   mkdir
//   FAULTS_FIRST    the number of the first that fails, from 1 on (0: none, the calls are counted)
//   FAULTS_COUNT    how many fail from there on (0: all)
//   FAULTS_KIND     an errno's name (EIO, ENOSPC, EDQUOT, EINTR, EACCES), "short" (half of the bytes are written), "torn"
//                   (half of the bytes are written, then SIGKILL), "kill-before", "kill-after"
//   FAULTS_RANK     only in this rank of MPI's
//   FAULTS_LOG      a file to which each of the calls is appended, one a line: number, call, file, and for writes offset and
//                   length. With FAULTS_CONTENT=1 the bytes written are put beside it, in FAULTS_LOG.content.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
  const char *path, *calls, *kind;
  long first, count;
  int log, content;
  int active;
} plan;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long seen;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) _Exit(99);
  return function;
}

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static const char *setting(const char *name, const char *otherwise) {
  const char *text = getenv(name);
  return text && *text ? text : otherwise;
}

__attribute__((constructor)) static void start(void) {
  real_open = REAL(open);
  real_write = REAL(write);
  real_pwrite = REAL(pwrite);
  plan.path = setting("FAULTS_PATH", NULL);
  plan.calls = setting("FAULTS_CALLS", "");
  plan.kind = setting("FAULTS_KIND", "EIO");
  plan.first = atol(setting("FAULTS_FIRST", "0"));
  plan.count = atol(setting("FAULTS_COUNT", "1"));
  const char *rank = setting("FAULTS_RANK", NULL), *own = getenv("OMPI_COMM_WORLD_RANK");
  plan.active = plan.path != NULL && (rank == NULL || (own != NULL && strcmp(rank, own) == 0) ||
                                      (own == NULL && strcmp(rank, "0") == 0));
  plan.log = plan.content = -1;
  const char *log = setting("FAULTS_LOG", NULL);
  if (plan.active && log != NULL) {
    char content[PATH_MAX];
    plan.log = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    snprintf(content, sizeof content, "%s.content", log);
    if (getenv("FAULTS_CONTENT")) plan.content = real_open(content, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
}

// The name of an open file.
static const char *name_of(int descriptor, char *out, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, out, size - 1);
  out[length > 0 ? length : 0] = 0;
  return out;
}

static int is_listed(const char *call) {
  size_t length = strlen(call);
  for (const char *at = plan.calls; (at = strstr(at, call)) != NULL; at += length)
    if ((at == plan.calls || at[-1] == ',') && (at[length] == ',' || at[length] == 0)) return 1;
  return 0;
}

static int code_of(const char *kind) {
  static const struct { const char *name; int code; } codes[] = {
      {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR}, {"EACCES", EACCES}, {"EMFILE", EMFILE},
      {"ENOMEM", ENOMEM}, {"EROFS", EROFS}};
  for (size_t index = 0; index < sizeof codes / sizeof codes[0]; index++)
    if (strcmp(codes[index].name, kind) == 0) return codes[index].code;
  return 0;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  pause();
}

// What is to become of a call.
typedef struct {
  int code;   // fails with this errno
  int half;   // half of the bytes are written
  int after;  // is killed after it
} fate;

static void note(const char *call, const char *name, const void *bytes, long length, long offset, const char *other) {
  if (plan.log < 0) return;
  char line[2 * PATH_MAX + 100];
  int count = snprintf(
      line, sizeof line, "%d\t%s\t%s\t%ld\t%ld\t%s\n", getpid(), call, name, offset, length, other ? other : "");
  if (real_write(plan.log, line, (size_t)count) != count) _Exit(98);
  if (plan.content >= 0 && bytes != NULL && length > 0 &&
      real_write(plan.content, bytes, (size_t)length) != length)
    _Exit(98);
}

// In the folder, or the folder itself.
static int is_meant(const char *name) {
  size_t length = strlen(plan.path);
  if (strstr(name, plan.path) != NULL) return 1;
  return length > 0 && plan.path[length - 1] == '/' && strlen(name) == length - 1 && strncmp(name, plan.path, length - 1) == 0;
}

static fate judge(
    const char *call, const char *name, const void *bytes, long length, long offset, const char *other) {
  fate fate = {0, 0, 0};
  if (!plan.active || !(is_meant(name) || (other && is_meant(other)))) return fate;
  pthread_mutex_lock(&lock);
  note(call, name, bytes, length, offset, other);
  if (is_listed(call)) {
    seen++;
    if (plan.first > 0 && seen >= plan.first && (plan.count == 0 || seen < plan.first + plan.count)) {
      if (strcmp(plan.kind, "kill-before") == 0) die();
      fate.after = strcmp(plan.kind, "kill-after") == 0 || strcmp(plan.kind, "torn") == 0;
      fate.half = strcmp(plan.kind, "short") == 0 || strcmp(plan.kind, "torn") == 0;
      fate.code = code_of(plan.kind);
      note("FAULT", name, NULL, 0, 0, plan.kind);
    }
  }
  pthread_mutex_unlock(&lock);
  return fate;
}

// Ends a call as its fate has it.
#define FINISH(fate, type, call)              \
  do {                                        \
    if ((fate).code) {                        \
      errno = (fate).code;                    \
      return -1;                              \
    }                                         \
    type result = (call);                     \
    if ((fate).after) die();                  \
    return result;                            \
  } while (0)

static const char *absolute(int folder, const char *path, char *out, size_t size) {
  if (path[0] == '/') {
    snprintf(out, size, "%s", path);
  } else {
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
      if (getcwd(base, sizeof base) == NULL) base[0] = 0;
    } else {
      name_of(folder, base, sizeof base);
    }
    snprintf(out, size, "%s/%s", base, path);
  }
  return out;
}

static int open_judged(int folder, const char *path, int flags, mode_t mode) {
  char name[2 * PATH_MAX];
  fate fate = {0, 0, 0};
  // Opening to read is judged apart from opening to write, which may create.
  if (plan.active)
    fate = judge(
        flags & (O_WRONLY | O_RDWR) ? "open" : "open-to-read", absolute(folder, path, name, sizeof name), NULL, 0, flags,
        NULL);
  FINISH(fate, int, REAL(openat)(folder, path, flags, mode));
}

#define MODE(flags, mode)               \
  mode_t mode = 0;                      \
  if (flags & (O_CREAT | __O_TMPFILE)) { \
    va_list list;                       \
    va_start(list, flags);              \
    mode = va_arg(list, mode_t);        \
    va_end(list);                       \
  }

int open(const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_judged(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_judged(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_judged(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_judged(folder, path, flags, mode);
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
  char name[PATH_MAX];
  fate fate = {0, 0, 0};
  if (plan.active)
    fate = judge(
        "write", name_of(descriptor, name, sizeof name), bytes, (long)length, lseek(descriptor, 0, SEEK_CUR), NULL);
  size_t count = fate.half ? (length + 1) / 2 : length;
  FINISH(fate, ssize_t, real_write(descriptor, bytes, count));
}

static ssize_t pwrite_judged(int descriptor, const void *bytes, size_t length, off_t offset) {
  char name[PATH_MAX];
  fate fate = {0, 0, 0};
  if (plan.active)
    fate = judge("pwrite", name_of(descriptor, name, sizeof name), bytes, (long)length, offset, NULL);
  size_t count = fate.half ? (length + 1) / 2 : length;
  FINISH(fate, ssize_t, real_pwrite(descriptor, bytes, count, offset));
}
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
  return pwrite_judged(descriptor, bytes, length, offset);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off_t offset) {
  return pwrite_judged(descriptor, bytes, length, offset);
}

// Vectors, which Open MPI writes: judged piece by piece, so that each piece stands in the log. A fault at a later piece is a
// short count, as it is in the kernel.
static ssize_t vector_judged(int descriptor, const struct iovec *pieces, int count, off_t offset) {
  ssize_t done = 0;
  for (int index = 0; index < count; index++) {
    ssize_t wrote = pwrite_judged(descriptor, pieces[index].iov_base, pieces[index].iov_len, offset + done);
    if (wrote < 0) return done > 0 ? done : -1;
    done += wrote;
    if ((size_t)wrote < pieces[index].iov_len) break;
  }
  return done;
}
ssize_t pwritev(int descriptor, const struct iovec *pieces, int count, off_t offset) {
  if (!plan.active) return REAL(pwritev)(descriptor, pieces, count, offset);
  return vector_judged(descriptor, pieces, count, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *pieces, int count, off_t offset) {
  return pwritev(descriptor, pieces, count, offset);
}
ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
  char name[PATH_MAX];
  fate fate = {0, 0, 0};
  if (plan.active) fate = judge("write", name_of(descriptor, name, sizeof name), NULL, 0, 0, NULL);
  FINISH(fate, ssize_t, REAL(writev)(descriptor, pieces, fate.half && count > 1 ? count / 2 : count));
}

#define OF_DESCRIPTOR(call, function, parameters, arguments)                                     \
  int function parameters {                                                                      \
    char name[PATH_MAX];                                                                         \
    fate fate = {0, 0, 0};                                                                       \
    if (plan.active) fate = judge(call, name_of(descriptor, name, sizeof name), NULL, 0, 0, NULL); \
    FINISH(fate, int, REAL(function) arguments);                                                 \
  }
OF_DESCRIPTOR("fsync", fsync, (int descriptor), (descriptor))
OF_DESCRIPTOR("fsync", fdatasync, (int descriptor), (descriptor))

static int truncate_judged(int descriptor, off_t length) {
  char name[PATH_MAX];
  fate fate = {0, 0, 0};
  if (plan.active) fate = judge("ftruncate", name_of(descriptor, name, sizeof name), NULL, length, 0, NULL);
  FINISH(fate, int, REAL(ftruncate)(descriptor, length));
}
int ftruncate(int descriptor, off_t length) { return truncate_judged(descriptor, length); }
int ftruncate64(int descriptor, off_t length) { return truncate_judged(descriptor, length); }

static int fallocate_judged(int descriptor, int mode, off_t offset, off_t length) {
  char name[PATH_MAX];
  fate fate = {0, 0, 0};
  if (plan.active) fate = judge("fallocate", name_of(descriptor, name, sizeof name), NULL, length, offset, NULL);
  FINISH(fate, int, REAL(fallocate)(descriptor, mode, offset, length));
}
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  return fallocate_judged(descriptor, mode, offset, length);
}
int fallocate64(int descriptor, int mode, off_t offset, off_t length) {
  return fallocate_judged(descriptor, mode, offset, length);
}

// A descriptor is closed whatever close says.
int close(int descriptor) {
  char name[PATH_MAX];
  fate fate = {0, 0, 0};
  if (plan.active) fate = judge("close", name_of(descriptor, name, sizeof name), NULL, 0, 0, NULL);
  int result = REAL(close)(descriptor);
  if (fate.after) die();
  if (fate.code) {
    errno = fate.code;
    return -1;
  }
  return result;
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
  char name[PATH_MAX];
  fate fate = {0, 0, 0};
  if (plan.active && descriptor >= 0)
    fate = judge("mmap", name_of(descriptor, name, sizeof name), NULL, (long)length, offset, NULL);
  if (fate.code) {
    errno = fate.code;
    return MAP_FAILED;
  }
  void *result = REAL(mmap)(address, length, protection, flags, descriptor, offset);
  if (fate.after) die();
  return result;
}

static fate judge_names(const char *call, int from_folder, const char *from, int to_folder, const char *to) {
  char first[2 * PATH_MAX], second[2 * PATH_MAX];
  fate none = {0, 0, 0};
  if (!plan.active) return none;
  absolute(from_folder, from, first, sizeof first);
  if (to) absolute(to_folder, to, second, sizeof second);
  return judge(call, first, NULL, 0, 0, to ? second : NULL);
}
int rename(const char *from, const char *to) {
  fate fate = judge_names("rename", AT_FDCWD, from, AT_FDCWD, to);
  FINISH(fate, int, REAL(rename)(from, to));
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  fate fate = judge_names("rename", from_folder, from, to_folder, to);
  FINISH(fate, int, REAL(renameat)(from_folder, from, to_folder, to));
}
int unlink(const char *path) {
  fate fate = judge_names("unlink", AT_FDCWD, path, 0, NULL);
  FINISH(fate, int, REAL(unlink)(path));
}
int unlinkat(int folder, const char *path, int flags) {
  fate fate = judge_names("unlink", folder, path, 0, NULL);
  FINISH(fate, int, REAL(unlinkat)(folder, path, flags));
}
int rmdir(const char *path) {
  fate fate = judge_names("unlink", AT_FDCWD, path, 0, NULL);
  FINISH(fate, int, REAL(rmdir)(path));
}
int mkdir(const char *path, mode_t mode) {
  fate fate = judge_names("mkdir", AT_FDCWD, path, 0, NULL);
  FINISH(fate, int, REAL(mkdir)(path, mode));
}
