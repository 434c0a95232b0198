// Makes the state that a power cut can leave: out of the log of faults.c (with FAULTS_CONTENT), up to some event.
//
//   power LOG ORIGINAL TARGET EVENTS SEED
//
// ORIGINAL is the folder that the log tells of, TARGET an empty one that receives the state. Of what was not synced before the
// cut, nothing is kept with SEED 0, everything with SEED 1, and any part with others: pieces of data one by one, names one by
// one, as POSIX allows. Data are safe after an fsync of their file, names after an fsync of their folder. EVENTS "count"
// prints how many events there are, "marks" the numbers of those after which a checkpoint has been reported as saved.
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct { long event, offset, length, content; } piece;  // length -1: cut to `offset`
typedef struct { int folder; piece *pieces; long count, synced, size; } node;
typedef struct { long event; char kind; int node; char *from, *to; } change;  // c create, d remove, r rename
typedef struct { char *name; int node; } entry;
typedef struct { entry *entries; long count; } names;

static node *nodes;
static long node_count, change_count;
static change *changes;
static uint64_t state;
static long folder_synced_count;
static struct { char *name; long event; } *folder_synced;

static void *grow(void *old, long count, size_t size) {
  void *fresh = realloc(old, (size_t)(count + 1) * size);
  if (fresh == NULL) exit(2);
  return fresh;
}
static int coin(void) {
  if (state < 2) return (int)state;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (int)(state >> 63);
}
static entry *find(names *all, const char *name) {
  for (long index = 0; index < all->count; index++)
    if (strcmp(all->entries[index].name, name) == 0) return &all->entries[index];
  return NULL;
}
static void add(names *all, const char *name, int node) {
  all->entries = grow(all->entries, all->count, sizeof(entry));
  all->entries[all->count++] = (entry){strdup(name), node};
}
static void drop(names *all, entry *one) { *one = all->entries[--all->count]; }
static int make(int folder) {
  nodes = grow(nodes, node_count, sizeof(node));
  nodes[node_count] = (node){folder, NULL, 0, 0, 0};
  return (int)node_count++;
}
static void write_piece(node *file, piece one) {
  file->pieces = grow(file->pieces, file->count, sizeof(piece));
  file->pieces[file->count++] = one;
  if (one.length < 0) file->size = one.offset;
  else if (one.offset + one.length > file->size) file->size = one.offset + one.length;
}
static int lies_in(const char *name, const char *folder) {
  const char *slash = strrchr(name, '/');
  return slash != NULL && strlen(folder) == (size_t)(slash - name) && strncmp(name, folder, strlen(folder)) == 0;
}
// A rename takes all names below along.
static void move(names *all, const char *from, const char *to) {
  size_t length = strlen(from);
  entry *old = find(all, to);
  if (old) drop(all, old);
  for (long index = 0; index < all->count; index++) {
    char *name = all->entries[index].name, fresh[PATH_MAX];
    if (strncmp(name, from, length) || (name[length] != 0 && name[length] != '/')) continue;
    snprintf(fresh, sizeof fresh, "%s%s", to, name + length);
    all->entries[index].name = strdup(fresh);
  }
}
static void note(long event, char kind, int node, const char *from, const char *to) {
  changes = grow(changes, change_count, sizeof(change));
  changes[change_count++] = (change){event, kind, node, strdup(from), to ? strdup(to) : NULL};
}
static int is_safe(const change *one, const char *name) {
  for (long index = 0; index < folder_synced_count; index++)
    if (folder_synced[index].event > one->event && lies_in(name, folder_synced[index].name)) return 1;
  return 0;
}

int main(int count, char **arguments) {
  if (count < 5) return 64;
  const char *original = arguments[2], *target = arguments[3];
  int is_count = strcmp(arguments[4], "count") == 0, is_marks = strcmp(arguments[4], "marks") == 0;
  long events = is_count || is_marks ? LONG_MAX : atol(arguments[4]);
  state = count > 5 ? (uint64_t)atoll(arguments[5]) : 1;
  if (state > 1) state = state * 0x9E3779B97F4A7C15u | 2;
  char path[PATH_MAX], content_name[PATH_MAX];
  snprintf(content_name, sizeof content_name, "%s.content", arguments[1]);
  FILE *log = fopen(arguments[1], "r");
  int content = open(content_name, O_RDONLY);
  if (log == NULL || content < 0) return 2;

  names now = {NULL, 0};
  add(&now, original, make(1));
  long event = 0, at = 0;
  char *line = NULL, marked[PATH_MAX] = "";
  size_t room = 0;
  while (event < events && getline(&line, &room, log) > 0) {
    char *field[6] = {0}, *rest = line;
    for (int index = 0; index < 6; index++) field[index] = strsep(&rest, "\t\n");
    if (field[5] == NULL) return 2;
    const char *call = field[1], *name = field[2], *other = field[5];
    long offset = atol(field[3]), length = atol(field[4]);
    int is_write = strcmp(call, "write") == 0 || strcmp(call, "pwrite") == 0;
    long here = at;
    if (is_write) at += length;
    event++;
    entry *known = find(&now, name);
    if (strcmp(call, "mkdir") == 0) {
      if (known) continue;
      add(&now, name, make(1));
      note(event, 'c', (int)node_count - 1, name, NULL);
    } else if (strcmp(call, "open") == 0) {
      if (!known && (offset & O_CREAT)) {
        add(&now, name, make(0));
        note(event, 'c', (int)node_count - 1, name, NULL);
      } else if (known && (offset & O_TRUNC)) {
        write_piece(&nodes[known->node], (piece){event, 0, -1, 0});
      }
      known = find(&now, name);
      if (known && (offset & O_APPEND)) nodes[known->node].folder = -1;
    } else if (is_write && known && length > 0) {
      node *file = &nodes[known->node];
      write_piece(file, (piece){event, file->folder < 0 ? file->size : offset, length, here});
    } else if (strcmp(call, "ftruncate") == 0 && known) {
      write_piece(&nodes[known->node], (piece){event, length, -1, 0});
    } else if (strcmp(call, "fsync") == 0 && known) {
      if (nodes[known->node].folder == 1) {
        folder_synced = grow(folder_synced, folder_synced_count, sizeof *folder_synced);
        folder_synced[folder_synced_count].name = strdup(name);
        folder_synced[folder_synced_count++].event = event;
        // A checkpoint is saved once the folder in which it got its name is synced.
        if (is_marks && marked[0] && lies_in(marked, name)) {
          printf("%ld %s\n", event + 1, marked + strlen(original) + 1);
          marked[0] = 0;
        }
      } else {
        nodes[known->node].synced = event;
      }
    } else if (strcmp(call, "rename") == 0 && known) {
      const char *last = strrchr(other, '/');
      if (last && strncmp(last, "/step-", 6) == 0 && last[6] && strspn(last + 6, "0123456789") == strlen(last + 6))
        snprintf(marked, sizeof marked, "%s", other);
      note(event, 'r', known->node, name, other);
      move(&now, name, other);
    } else if (strcmp(call, "unlink") == 0 && known) {
      note(event, 'd', known->node, name, NULL);
      drop(&now, known);
    }
  }
  if (is_count) printf("%ld\n", event);
  if (is_count || is_marks) return 0;

  // Names: what is safe, and of the rest what the coin keeps.
  names kept = {NULL, 0};
  add(&kept, original, 0);
  for (long index = 0; index < change_count; index++) {
    change *one = &changes[index];
    int safe = is_safe(one, one->to ? one->to : one->from);
    if (!safe && !coin()) continue;
    entry *known = find(&kept, one->from);
    if (one->kind == 'c' && !known) add(&kept, one->from, one->node);
    if (one->kind == 'd' && known) drop(&kept, known);
    if (one->kind == 'r' && (known || safe)) move(&kept, one->from, one->to);
    // A name that is safe is that of its file, whether the name before it was safe or not.
    if (one->kind == 'r' && safe && !find(&kept, one->to)) add(&kept, one->to, one->node);
  }
  // Folders before what lies in them.
  for (int pass = 0; pass < 2; pass++) {
    for (size_t length = 0; length < PATH_MAX && (pass == 0 || length == 0); length++) {
      for (long index = 0; index < kept.count; index++) {
        const char *name = kept.entries[index].name;
        node *file = &nodes[kept.entries[index].node];
        if ((file->folder == 1) != (pass == 0) || (pass == 0 && strlen(name) != length)) continue;
        snprintf(path, sizeof path, "%s%s", target, name + strlen(original));
        if (pass == 0) {
          mkdir(path, 0777);
          continue;
        }
        int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (out < 0) continue;  // its folder was lost with it
        for (long number = 0; number < file->count; number++) {
          piece *one = &file->pieces[number];
          if (one->event > file->synced && !coin()) continue;
          if (one->length < 0) {
            if (ftruncate(out, one->offset)) return 2;
            continue;
          }
          char *bytes = malloc((size_t)one->length);
          if (bytes == NULL || pread(content, bytes, (size_t)one->length, one->content) != one->length ||
              pwrite(out, bytes, (size_t)one->length, one->offset) != one->length)
            return 2;
          free(bytes);
        }
        close(out);
      }
    }
  }
  return 0;
}
