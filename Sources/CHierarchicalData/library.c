// fallocate is an extension.
#define _GNU_SOURCE
#include "CHierarchicalData.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int opened = -1;

// Before MPI starts: else libhdf5 would end itself when MPI ends, as it does when the process ends, and would try once more
// to write files whose writing failed, out of what it has freed by then.
__attribute__((constructor)) static void open_early(void) {
  if (H5dont_atexit() >= 0 && H5open() >= 0) opened = 0;
}

int chd_start(void) {
  if (opened < 0) return -1;
  if (H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0) return -1;
  if (H5PLset_loading_state(0) < 0) return -1;
  if (chd_register_lzf() < 0) return -1;
  // Without its class, no way of opening an object can follow an external link.
  if (H5Lis_registered(H5L_TYPE_EXTERNAL) > 0 && H5Lunregister(H5L_TYPE_EXTERNAL) < 0) return -1;
  return 0;
}

typedef struct {
  char deepest[512];
  char asked[512];
} error_lines;

// libhdf5 tells of a failed system call with the time, addresses and counts: what failed and the system's reason are enough.
static void shorten(char *text) {
  static const char before[] = "error message = '";
  char *time = strstr(text, ": time = "), *reason = strstr(text, before);
  if (time == NULL || reason == NULL || reason < time) return;
  reason += sizeof before - 1;
  size_t length = strcspn(reason, "'");
  memmove(time + 2, reason, length);
  time[2 + length] = 0;
}

static herr_t note_line(unsigned depth, const H5E_error2_t *line, void *context) {
  error_lines *lines = context;
  const char *description = line->desc ? line->desc : "no description";
  if (depth == 0) {
    snprintf(lines->deepest, sizeof lines->deepest, "%s", description);
    shorten(lines->deepest);
  }
  snprintf(lines->asked, sizeof lines->asked, "%s", description);
  shorten(lines->asked);
  return 0;
}

void chd_error_text(char *text, size_t size) {
  error_lines lines = {"", ""};
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note_line, &lines);
  H5Eclear2(H5E_DEFAULT);
  if (lines.deepest[0] == 0) {
    snprintf(text, size, "libhdf5 gave no reason");
  } else if (strcmp(lines.deepest, lines.asked) == 0) {
    snprintf(text, size, "%s", lines.deepest);
  } else {
    snprintf(text, size, "%s (%s)", lines.deepest, lines.asked);
  }
}

hid_t chd_native_float(void) { return H5T_NATIVE_FLOAT; }
hid_t chd_native_double(void) { return H5T_NATIVE_DOUBLE; }
hid_t chd_native_int32(void) { return H5T_NATIVE_INT32; }
hid_t chd_native_int64(void) { return H5T_NATIVE_INT64; }
hid_t chd_native_uint64(void) { return H5T_NATIVE_UINT64; }
hid_t chd_native_uint8(void) { return H5T_NATIVE_UINT8; }
hid_t chd_file_float(void) { return H5T_IEEE_F32LE; }
hid_t chd_file_double(void) { return H5T_IEEE_F64LE; }
hid_t chd_file_int32(void) { return H5T_STD_I32LE; }
hid_t chd_file_uint64(void) { return H5T_STD_U64LE; }
hid_t chd_file_uint8(void) { return H5T_STD_U8LE; }
hid_t chd_class_file_access(void) { return H5P_FILE_ACCESS; }
hid_t chd_class_dataset_create(void) { return H5P_DATASET_CREATE; }
unsigned chd_flag_read_only(void) { return H5F_ACC_RDONLY; }
unsigned chd_flag_read_write(void) { return H5F_ACC_RDWR; }
unsigned chd_flag_truncate(void) { return H5F_ACC_TRUNC; }

hid_t chd_string_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return type;
  if (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

void chd_divert(hid_t file) {
  hid_t access = H5Fget_access_plist(file);
  hid_t driver = access < 0 ? -1 : H5Pget_driver(access);
  void *handle = NULL;
  if (driver >= 0 && driver == H5FD_SEC2 && H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 && handle != NULL) {
    int nowhere = memfd_create("given up", MFD_CLOEXEC);
    if (nowhere >= 0) {
      dup3(nowhere, *(int *)handle, O_CLOEXEC);
      close(nowhere);
    }
  }
  if (access >= 0) H5Pclose(access);
}

chd_number_kind chd_kind_of(hid_t type) {
  size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: {
      H5T_order_t order = H5Tget_order(type);
      int plain = (size == 1 || size == 2 || size == 4 || size == 8) && H5Tget_precision(type) == 8 * size &&
                  H5Tget_offset(type) == 0 && (order == H5T_ORDER_LE || order == H5T_ORDER_BE);
      return plain ? chd_integer : chd_other;
    }
    case H5T_FLOAT:
      if (H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F32BE) > 0 ||
          H5Tequal(type, H5T_IEEE_F64LE) > 0 || H5Tequal(type, H5T_IEEE_F64BE) > 0)
        return chd_float;
      return chd_other;
    default:
      return chd_other;
  }
}

chd_path_kind chd_judge_path(hid_t file, const char *name, char *prefix, size_t size) {
  size_t length = 0, position = 0;
  prefix[0] = 0;
  while (name[position] != 0) {
    if (name[position] == '/') {
      position++;
      continue;
    }
    if (length + 2 > size) return chd_path_missing;
    prefix[length++] = '/';
    while (name[position] != 0 && name[position] != '/' && length + 1 < size) prefix[length++] = name[position++];
    prefix[length] = 0;
    H5L_info_t info;
    if (H5Lget_info(file, prefix, &info, H5P_DEFAULT) < 0) {
      H5Eclear2(H5E_DEFAULT);
      return chd_path_missing;
    }
    if (info.type != H5L_TYPE_HARD && info.type != H5L_TYPE_SOFT) return chd_path_outside;
  }
  return length > 0 ? chd_path_inside : chd_path_missing;
}

typedef struct {
  char *text;
  size_t size, used, limit;
  long count;
} name_list;

static herr_t note_name(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  (void)group;
  (void)info;
  name_list *list = context;
  size_t length = strlen(name) + 1;
  if ((size_t)list->count == list->limit || list->used + length > list->size) {
    list->count = -2;
    return 1;
  }
  memcpy(list->text + list->used, name, length);
  list->used += length;
  list->count++;
  return 0;
}

long chd_root_names(hid_t file, size_t limit, char *text, size_t size, size_t *used) {
  name_list list = {.text = text, .size = size, .limit = limit};
  hsize_t position = 0;
  if (H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, &position, note_name, &list) < 0) return -1;
  *used = list.used;
  return list.count;
}

static char *copy_of(const char *text, size_t length) {
  char *copy = malloc(length + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

static char *read_string(hid_t attribute, hid_t type, size_t limit) {
  if (H5Tis_variable_str(type) > 0) {
    char *stored = NULL;
    if (H5Aread(attribute, type, &stored) < 0 || stored == NULL) return NULL;
    size_t length = strnlen(stored, limit + 1);
    char *copy = length > limit ? NULL : copy_of(stored, length);
    H5free_memory(stored);
    return copy;
  }
  size_t length = H5Tget_size(type);
  if (length == 0 || length > limit) return NULL;
  char *stored = calloc(length + 1, 1);
  if (stored == NULL) return NULL;
  if (H5Aread(attribute, type, stored) < 0) {
    free(stored);
    return NULL;
  }
  return stored;
}

char *chd_read_string_attribute(hid_t object, const char *name, size_t limit) {
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute < 0) return NULL;
  hid_t type = H5Aget_type(attribute);
  hid_t space = H5Aget_space(attribute);
  char *text = NULL;
  if (type >= 0 && space >= 0 && H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1)
    text = read_string(attribute, type, limit);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Aclose(attribute);
  return text;
}

int chd_set_aside(int descriptor, int64_t first, int64_t length) {
  int status;
  do status = fallocate(descriptor, FALLOC_FL_KEEP_SIZE, first, length);
  while (status != 0 && errno == EINTR);
  return status == 0 ? 0 : errno;
}
