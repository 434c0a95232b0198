#pragma once
// HDF5 as Swift needs it: macros made functions, the error stack made text, and a guard for foreign files.
// Plain HDF5 functions are called as they are (hdf5.h is exported with this header).
#include <hdf5.h>
#include <hdf5_hl.h>
#include <stddef.h>
#include <stdint.h>

/// Starts the library: automatic error printing off, plug-in filters off, external links never followed.
/// Negative on failure.
int chd_start(void);

/// Writes the error stack as one line (the deepest cause, then what was asked), and clears it.
void chd_error_text(char *text, size_t size);

// Macros of hdf5.h that are expressions.
hid_t chd_native_float(void);
hid_t chd_native_double(void);
hid_t chd_native_int32(void);
hid_t chd_native_int64(void);
hid_t chd_native_uint64(void);
hid_t chd_native_uint8(void);
hid_t chd_file_float(void);   ///< IEEE 754 binary32, little endian
hid_t chd_file_double(void);  ///< IEEE 754 binary64, little endian
hid_t chd_file_int32(void);   ///< two's complement, little endian
hid_t chd_file_uint64(void);
hid_t chd_file_uint8(void);
hid_t chd_class_file_access(void);
hid_t chd_class_dataset_create(void);
unsigned chd_flag_read_only(void);
unsigned chd_flag_read_write(void);
unsigned chd_flag_truncate(void);

/// A variable-length UTF-8 string type (close it with H5Tclose).
hid_t chd_string_type(void);

/// Lets an open file that is given up write into nowhere from here on, so that it can be closed whatever its disk does.
void chd_divert(hid_t file);

/// What kind of numbers a data set holds: plain little- or big-endian integers of 1 to 8 bytes, or IEEE binary32
/// and binary64. Anything else (compound, strings, bit fields, odd floats) is `chd_other`.
typedef enum { chd_other = 0, chd_integer = 1, chd_float = 2 } chd_number_kind;
chd_number_kind chd_kind_of(hid_t type);

/// What an element of a data set is.
typedef enum {
  chd_element_other = 0,
  chd_element_number = 1,   ///< what `chd_kind_of` knows
  chd_element_half = 2,     ///< IEEE binary16
  chd_element_boolean = 3,  ///< an enumeration of FALSE = 0 and TRUE = 1
  chd_element_bits = 4,     ///< a bit field of 8 bits
  chd_element_complex = 5   ///< a compound of two floats, real part first
} chd_element;
chd_element chd_element_of(hid_t type);

/// The type in which elements are read (close it with H5Tclose): a float; a byte for bits; two floats for complex numbers.
hid_t chd_memory_type(hid_t type);

/// Names a type for people: "float16", "boolean", "complex64", "a compound of x, y".
void chd_type_text(hid_t type, char *text, size_t size);

/// Reads the numbers of an attribute. Returns how many, or -1 where it holds none, or more than `limit`.
long chd_read_numbers(hid_t object, const char *name, size_t limit, double *values);

/// The number that stands where nothing was written, where it is not 0 and a numeric type has more than a byte. Returns 0
/// where there is none.
int chd_fill_value(hid_t dataset, double *value);

/// The path of the first dimension scale of an axis, as netCDF-4 names its axes. Returns 0 where there is none.
int chd_axis_name(hid_t dataset, unsigned axis, char *text, size_t size);

/// The number that the HDF Group has given h5py's filter LZF.
enum { chd_filter_lzf = 32000 };

/// Makes libhdf5 know LZF, to unpack only.
int chd_register_lzf(void);

/// Unpacks LZF into `out` (nowhere where that is NULL). Returns the number of bytes, or -1 where it is damaged or there are
/// more than `room`.
long chd_lzf_unpack(const uint8_t *packed, size_t count, uint8_t *out, size_t room);

/// How the links of a path are.
typedef enum {
  chd_path_inside = 0,   ///< hard links, and soft ones within the file
  chd_path_missing = 1,  ///< there is no such link
  chd_path_outside = 2   ///< an external or user-defined link
} chd_path_kind;

/// Judges the links of a path one by one; `prefix` receives the path as far as it was judged.
chd_path_kind chd_judge_path(hid_t file, const char *name, char *prefix, size_t size);

/// The names of the links of the root group, each ended by a zero byte. Returns the number of names, or -1 on
/// failure, or -2 when there are more than `limit` links or the text does not fit.
long chd_root_names(hid_t file, size_t limit, char *text, size_t size, size_t *used);

/// Reads a scalar string attribute of an object into a fresh zero-ended buffer (`free` it). NULL with an empty error
/// stack: it is no scalar string, or longer than `limit` bytes.
char *chd_read_string_attribute(hid_t object, const char *name, size_t limit);

/// Sets disk blocks aside for a part of an open file without changing its size. Returns 0 or errno's value.
int chd_set_aside(int descriptor, int64_t first, int64_t length);

/// How a probe ended.
typedef enum {
  chd_probe_sound = 0,    ///< everything asked for could be opened
  chd_probe_refused = 1,  ///< libhdf5 gave an error: the text says which
  chd_probe_crashed = 2,  ///< the child died of a signal: the text names it
  chd_probe_exceeded = 3, ///< the child ran into its limit of memory or time
  chd_probe_failed = 4,   ///< no child could be started: the text says why
  chd_probe_missing = 5,  ///< there is no such data set: the text is the link that is missing
  chd_probe_outside = 6   ///< a link, named by the text, leads out of the file
} chd_probe_result;

/// Opens a file in a child process with limits on memory and time, and walks what a reader will need: the attributes
/// of the root and of each data set, types, shapes, filters, chunk indexes and, of each data set, one element.
///
/// libhdf5 1.10 has memory errors on malformed files; they end the child, not the caller.
///
/// - path: the file.
/// - names, count: data sets that must be there.
/// - walk_root: nonzero to walk every data set of the root group too.
/// - memory: bytes of address space that the child may add to what it inherits.
/// - seconds: processor time, and half of the wall time, that the child may use.
chd_probe_result chd_probe(
    const char *path, const char *const *names, size_t count, int walk_root, uint64_t memory, unsigned seconds,
    char *text, size_t size);
