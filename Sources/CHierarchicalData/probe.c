// pipe2 and strsignal are extensions.
#define _GNU_SOURCE
#include "CHierarchicalData.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { largest_attribute = 16 << 20, most_attributes = 1024, most_links = 1024 };

// ---- In the child: nothing but C, libhdf5 and system calls.

// The reason of the first failure: libhdf5 forgets it at the next call, such as one that closes a handle. Returns 1.
static char first_reason[1000];

static int failed_here(void) {
  if (first_reason[0] == 0) chd_error_text(first_reason, sizeof first_reason);
  return 1;
}

static herr_t walk_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context) {
  (void)info;
  (void)context;
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute < 0) return -failed_here();
  hid_t type = H5Aget_type(attribute);
  hid_t space = H5Aget_space(attribute);
  int failed = (type < 0 || space < 0) && failed_here();
  if (!failed) {
    hssize_t points = H5Sget_simple_extent_npoints(space);
    size_t size = H5Tget_size(type);
    failed = points < 0 || size == 0;
    if (!failed && points > 0 && (size_t)points <= largest_attribute / size) {
      void *value = calloc((size_t)points, size);
      failed = (value == NULL || H5Aread(attribute, type, value) < 0) && failed_here();
      if (!failed) H5Dvlen_reclaim(type, space, H5P_DEFAULT, value);
      free(value);
    }
  }
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Aclose(attribute);
  return failed ? -1 : 0;
}

static int walk_attributes(hid_t object) {
  H5O_info_t info;
  if (H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS) < 0) return -1;
  if (info.num_attrs > most_attributes) return 0;
  hsize_t position = 0;
  return H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &position, walk_attribute, NULL) < 0 ? -1 : 0;
}

static int plain_filters(hid_t creation) {
  int count = H5Pget_nfilters(creation);
  for (int index = 0; index < count; index++) {
    unsigned flags, configuration;
    size_t values = 0;
    H5Z_filter_t filter =
        H5Pget_filter2(creation, (unsigned)index, &flags, &values, NULL, 0, NULL, &configuration);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32 &&
        filter != chd_filter_lzf)
      return 0;
  }
  return count >= 0;
}

// One element from the middle: through the chunk index, the filters and the type conversion.
static int read_middle(hid_t dataset, hid_t type, hid_t space, int rank, const hsize_t *shape) {
  hsize_t coordinate[H5S_MAX_RANK], one[1] = {1};
  for (int axis = 0; axis < rank; axis++) coordinate[axis] = shape[axis] / 2;
  hid_t memory = H5Screate_simple(1, one, NULL);
  // Room for the largest of `chd_memory_type`.
  float value[2] = {0, 0};
  int failed = memory < 0;
  if (!failed && rank > 0) failed = H5Sselect_elements(space, H5S_SELECT_SET, 1, coordinate) < 0;
  if (!failed && chd_element_of(type) != chd_element_other) {
    hid_t element = chd_memory_type(type);
    failed = (element < 0 || H5Dread(dataset, element, memory, space, H5P_DEFAULT, value) < 0) && failed_here();
    if (element >= 0) H5Tclose(element);
  }
  if (memory >= 0) H5Sclose(memory);
  return failed;
}

static int walk_content(hid_t dataset, hid_t type, hid_t space, hid_t creation) {
  hsize_t shape[H5S_MAX_RANK];
  int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || H5Sget_simple_extent_dims(space, shape, NULL) < 0) return -1;
  // References that lead nowhere, and fill values that are none, end here.
  char name[1200];
  double fill;
  for (int axis = 0; axis < rank; axis++) chd_axis_name(dataset, (unsigned)axis, name, sizeof name);
  chd_fill_value(dataset, &fill);
  H5D_layout_t layout = H5Pget_layout(creation);
  if (layout < 0 || layout == H5D_VIRTUAL || H5Pget_external_count(creation) != 0) return 0;
  H5Dget_storage_size(dataset);
  hsize_t chunks = 0;
  if (layout == H5D_CHUNKED && H5Dget_num_chunks(dataset, space, &chunks) < 0) return -failed_here();
  if (H5Sget_simple_extent_npoints(space) <= 0 || !plain_filters(creation)) return 0;
  return read_middle(dataset, type, space, rank, shape) ? -1 : 0;
}

static int walk_dataset(hid_t dataset) {
  hid_t type = H5Dget_type(dataset);
  hid_t space = H5Dget_space(dataset);
  hid_t creation = H5Dget_create_plist(dataset);
  int failed = ((type < 0 || space < 0 || creation < 0) && failed_here()) || walk_content(dataset, type, space, creation) < 0;
  if (creation >= 0) H5Pclose(creation);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return failed ? -1 : walk_attributes(dataset);
}

static int walk_object(hid_t file, const char *name) {
  hid_t object = H5Oopen(file, name, H5P_DEFAULT);
  if (object < 0) return -failed_here();
  int failed = H5Iget_type(object) == H5I_DATASET ? walk_dataset(object) : 0;
  H5Oclose(object);
  return failed;
}

static herr_t walk_link(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  int *count = context;
  if (++*count > most_links) return 1;
  // Other links are the reader's to judge, by their kind, before it follows one.
  return info->type == H5L_TYPE_HARD && walk_object(group, name) < 0 ? -1 : 0;
}

static int walk_root_group(hid_t file) {
  hsize_t position = 0;
  int links = 0;
  hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
  if (root < 0) return -1;
  int failed = walk_attributes(root) < 0 ||
               H5Literate(root, H5_INDEX_NAME, H5_ITER_INC, &position, walk_link, &links) < 0;
  H5Gclose(root);
  return failed ? -1 : 0;
}

// ---- Global heaps (HDF5 File Format Specification 3.0, III.E), which hold texts and dimension scales. libhdf5 1.10 believes the
// sizes within: one that overflows makes it read beside the heap, and loop or crash or not as it happens to find there.

enum { HEAP_HEADER = 16, WINDOW = 32 << 20 };
static const char heap_sign[8] = {'G', 'C', 'O', 'L', 1, 0, 0, 0};

static uint64_t number_at(const uint8_t *bytes, int count) {
  uint64_t value = 0;
  for (int index = count; index-- > 0;) value = value << 8 | bytes[index];
  return value;
}

static int sound_heap(const uint8_t *heap, uint64_t room) {
  if (room < HEAP_HEADER) return 1;
  uint64_t size = number_at(heap + 8, 8);
  // Cut short: libhdf5 sees that itself, and says so.
  if (size > room) return 1;
  for (uint64_t at = HEAP_HEADER; at + HEAP_HEADER <= size;) {
    uint64_t index = number_at(heap + at, 2), length = number_at(heap + at + 8, 8), left = size - at;
    if (length > left) return 0;
    // Object 0 is what is free, its header included.
    uint64_t whole = index == 0 ? length : HEAP_HEADER + (length + 7) / 8 * 8;
    if (whole < HEAP_HEADER || whole > left) return 0;
    at += whole;
  }
  return 1;
}

static int sound_heaps_within(const uint8_t *file, uint64_t size, uint64_t first, uint64_t end) {
  while (first < end) {
    const uint8_t *heap = memmem(file + first, end - first, heap_sign, sizeof heap_sign);
    if (heap == NULL) return 1;
    if (!sound_heap(heap, size - (uint64_t)(heap - file))) return 0;
    first = (uint64_t)(heap - file) + sizeof heap_sign;
  }
  return 1;
}

// Both ends of a large file, where what describes it lies; the whole of another. Lengths of other than 8 bytes are not known here.
static int sound_heaps(const char *path) {
  struct stat status;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) || status.st_size <= 0) {
    if (file >= 0) close(file);
    return 1;
  }
  uint64_t size = (uint64_t)status.st_size;
  const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (bytes == MAP_FAILED) return 1;
  int sound = size <= 2 * WINDOW ? sound_heaps_within(bytes, size, 0, size)
                                 : sound_heaps_within(bytes, size, 0, WINDOW) && sound_heaps_within(bytes, size, size - WINDOW, size);
  munmap((void *)bytes, size);
  return sound;
}

// The reply is the result's number as a letter, then its text.
static void walk_file(
    const char *path, const char *const *names, size_t count, int walk_root, char *reply, size_t size) {
  chd_probe_result result = chd_probe_sound;
  if (!sound_heaps(path)) {
    reply[0] = (char)('0' + chd_probe_refused);
    snprintf(reply + 1, size - 1, "a global heap with impossible sizes");
    return;
  }
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if ((file < 0 && failed_here()) || (walk_root && walk_root_group(file) < 0)) result = chd_probe_refused;
  for (size_t index = 0; index < count && result == chd_probe_sound; index++) {
    chd_path_kind kind = chd_judge_path(file, names[index], reply + 1, size - 1);
    if (kind == chd_path_missing) result = chd_probe_missing;
    if (kind == chd_path_outside) result = chd_probe_outside;
    if (kind == chd_path_inside && walk_object(file, names[index]) < 0) result = chd_probe_refused;
  }
  reply[0] = (char)('0' + result);
  if (result != chd_probe_refused) return;
  failed_here();
  snprintf(reply + 1, size - 1, "%s", first_reason);
}

// The address space in use, so that the limit is on what the child adds.
static uint64_t address_space(void) {
  char text[64] = "";
  int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  return got > 0 ? strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void set_limit(int resource, uint64_t value) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0) return;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < value) return;
  limit.rlim_cur = limit.rlim_max = value;
  setrlimit(resource, &limit);
}

static void confine(uint64_t memory, unsigned seconds) {
  // Other libraries' handlers print traces or try to go on: the default action is to end the child.
  static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGXCPU, SIGTERM, SIGPIPE};
  for (size_t index = 0; index < sizeof signals / sizeof *signals; index++) signal(signals[index], SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) {
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
  }
  uint64_t inherited = address_space();
  if (inherited > 0) set_limit(RLIMIT_AS, inherited + memory);
  set_limit(RLIMIT_CPU, seconds);
  set_limit(RLIMIT_CORE, 0);
  alarm(2 * seconds);
}

static void send_all(int pipe, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t sent = write(pipe, bytes, count);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    bytes += sent;
    count -= (size_t)sent;
  }
}

static int is_memory_error(const char *text) {
  return strstr(text, "memory allocation failed") != NULL || strstr(text, "can't allocate") != NULL ||
         strstr(text, "unable to allocate") != NULL;
}

// ---- In the parent.

static size_t receive_all(int pipe, char *bytes, size_t size) {
  size_t count = 0;
  while (count < size) {
    ssize_t got = read(pipe, bytes + count, size - count);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    count += (size_t)got;
  }
  return count;
}

static chd_probe_result judge(pid_t child, const char *reply, size_t length, char *text, size_t size) {
  int status = 0;
  pid_t ended;
  do ended = waitpid(child, &status, 0);
  while (ended < 0 && errno == EINTR);
  if (length > 0) {
    chd_probe_result result = (chd_probe_result)(reply[0] - '0');
    snprintf(text, size, "%.*s", (int)(length - 1), reply + 1);
    return result == chd_probe_refused && is_memory_error(text) ? chd_probe_exceeded : result;
  }
  int number = ended == child && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  snprintf(text, size, "%s", number ? strsignal(number) : "it ended without a word");
  if (number == SIGALRM || number == SIGXCPU || number == SIGKILL) return chd_probe_exceeded;
  return chd_probe_crashed;
}

chd_probe_result chd_probe(
    const char *path, const char *const *names, size_t count, int walk_root, uint64_t memory, unsigned seconds,
    char *text, size_t size) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    snprintf(text, size, "%s", strerror(errno));
    return chd_probe_failed;
  }
  pid_t child = fork();
  if (child < 0) {
    snprintf(text, size, "%s", strerror(errno));
    close(ends[0]);
    close(ends[1]);
    return chd_probe_failed;
  }
  if (child == 0) {
    char reply[1200] = "";
    close(ends[0]);
    confine(memory, seconds);
    walk_file(path, names, count, walk_root, reply, sizeof reply);
    send_all(ends[1], reply, strlen(reply));
    // No exit handlers: they belong to the parent (MPI among them).
    _exit(0);
  }
  close(ends[1]);
  char reply[1200];
  size_t length = receive_all(ends[0], reply, sizeof reply - 1);
  close(ends[0]);
  return judge(child, reply, length, text, size);
}
