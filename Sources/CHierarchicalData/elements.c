// What an element of a data set is, beyond plain numbers; attributes that hold numbers; the filter LZF.
#include "CHierarchicalData.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int is_half(hid_t type) {
  size_t sign, exponent, exponent_size, mantissa, mantissa_size;
  if (H5Tget_class(type) != H5T_FLOAT || H5Tget_size(type) != 2 || H5Tget_precision(type) != 16) return 0;
  H5T_order_t order = H5Tget_order(type);
  if (order != H5T_ORDER_LE && order != H5T_ORDER_BE) return 0;
  if (H5Tget_fields(type, &sign, &exponent, &exponent_size, &mantissa, &mantissa_size) < 0) return 0;
  return sign == 15 && exponent == 10 && exponent_size == 5 && mantissa == 0 && mantissa_size == 10 &&
         H5Tget_ebias(type) == 15;
}

// Of FALSE and TRUE alone, as h5py writes booleans: what other names stand for is not known.
static int is_boolean(hid_t type) {
  if (H5Tget_class(type) != H5T_ENUM || H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return 0;
  int found = 0;
  for (unsigned member = 0; member < 2; member++) {
    signed char value = -1;
    char *name = H5Tget_member_name(type, member);
    if (name == NULL) return 0;
    if (H5Tget_member_value(type, member, &value) >= 0)
      found += (strcasecmp(name, "FALSE") == 0 && value == 0) || (strcasecmp(name, "TRUE") == 0 && value == 1);
    H5free_memory(name);
  }
  return found == 2;
}

// Two equal floats, real part first: h5py's r and i, MATLAB's real and imag, and all who name them so.
static int is_complex(hid_t type) {
  static const char *const names[2][4] = {{"r", "re", "real", "Real"}, {"i", "im", "imag", "Imag"}};
  if (H5Tget_class(type) != H5T_COMPOUND || H5Tget_nmembers(type) != 2) return 0;
  for (unsigned member = 0; member < 2; member++) {
    char *name = H5Tget_member_name(type, member);
    hid_t part = H5Tget_member_type(type, member);
    int known = 0;
    for (int index = 0; name != NULL && index < 4; index++) known |= strcmp(name, names[member][index]) == 0;
    known = known && part >= 0 && (chd_kind_of(part) == chd_float || is_half(part));
    if (part >= 0) H5Tclose(part);
    if (name != NULL) H5free_memory(name);
    if (!known) return 0;
  }
  return 1;
}

chd_element chd_element_of(hid_t type) {
  if (chd_kind_of(type) != chd_other) return chd_element_number;
  if (is_half(type)) return chd_element_half;
  if (is_boolean(type)) return chd_element_boolean;
  if (H5Tget_class(type) == H5T_BITFIELD && H5Tget_size(type) == 1) return chd_element_bits;
  if (is_complex(type)) return chd_element_complex;
  return chd_element_other;
}

hid_t chd_memory_type(hid_t type) {
  switch (chd_element_of(type)) {
    case chd_element_number:
    case chd_element_half:
    case chd_element_boolean: return H5Tcopy(H5T_NATIVE_FLOAT);
    case chd_element_bits: return H5Tcopy(H5T_NATIVE_B8);
    case chd_element_complex: break;
    default: return -1;
  }
  hid_t pair = H5Tcreate(H5T_COMPOUND, 2 * sizeof(float));
  for (unsigned member = 0; pair >= 0 && member < 2; member++) {
    char *name = H5Tget_member_name(type, member);
    herr_t status = name == NULL ? -1 : H5Tinsert(pair, name, member * sizeof(float), H5T_NATIVE_FLOAT);
    if (name != NULL) H5free_memory(name);
    if (status < 0) {
      H5Tclose(pair);
      pair = -1;
    }
  }
  return pair;
}

void chd_type_text(hid_t type, char *text, size_t size) {
  size_t bits = 8 * H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: {
      const char *sign = H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int";
      snprintf(text, size, "%s%zu", sign, bits);
      break;
    }
    case H5T_FLOAT: snprintf(text, size, "float%zu%s", bits, bits == 16 && !is_half(type) ? " (not IEEE)" : ""); break;
    case H5T_BITFIELD: snprintf(text, size, "bit field of %zu bits", bits); break;
    case H5T_STRING: snprintf(text, size, "text"); break;
    case H5T_OPAQUE: snprintf(text, size, "opaque bytes"); break;
    case H5T_REFERENCE: snprintf(text, size, "references"); break;
    case H5T_VLEN: snprintf(text, size, "lists of various lengths"); break;
    case H5T_ARRAY: snprintf(text, size, "arrays"); break;
    case H5T_TIME: snprintf(text, size, "times"); break;
    case H5T_ENUM:
      if (is_boolean(type)) {
        snprintf(text, size, "boolean");
        break;
      }
      // fall through: an enumeration and a compound have members to name
    case H5T_COMPOUND: {
      if (is_complex(type)) {
        snprintf(text, size, "complex%zu", bits);
        break;
      }
      size_t used = (size_t)snprintf(
          text, size, "%s of", H5Tget_class(type) == H5T_ENUM ? "an enumeration" : "a compound");
      int count = H5Tget_nmembers(type);
      for (int member = 0; member < count && member < 8 && used + 1 < size; member++) {
        char *name = H5Tget_member_name(type, (unsigned)member);
        if (name == NULL) break;
        used += (size_t)snprintf(text + used, size - used, "%s %.40s", member > 0 ? "," : "", name);
        H5free_memory(name);
      }
      break;
    }
    default: snprintf(text, size, "a type of its own");
  }
}

long chd_read_numbers(hid_t object, const char *name, size_t limit, double *values) {
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute < 0) return -1;
  hid_t type = H5Aget_type(attribute);
  hid_t space = H5Aget_space(attribute);
  hssize_t points = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
  long count = -1;
  int numeric = type >= 0 && (chd_kind_of(type) != chd_other || is_half(type));
  if (numeric && points > 0 && (size_t)points <= limit && H5Aread(attribute, H5T_NATIVE_DOUBLE, values) >= 0)
    count = (long)points;
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Aclose(attribute);
  return count;
}

int chd_fill_value(hid_t dataset, double *value) {
  hid_t type = H5Dget_type(dataset);
  hid_t creation = H5Dget_create_plist(dataset);
  H5D_fill_value_t status;
  int numeric = type >= 0 && (chd_kind_of(type) != chd_other || is_half(type)) && H5Tget_size(type) > 1;
  int found = numeric && creation >= 0 && H5Pfill_value_defined(creation, &status) >= 0 &&
              status == H5D_FILL_VALUE_USER_DEFINED &&
              H5Pget_fill_value(creation, H5T_NATIVE_DOUBLE, value) >= 0 && *value != 0;
  if (creation >= 0) H5Pclose(creation);
  if (type >= 0) H5Tclose(type);
  return found;
}

struct axis_name {
  char *text;
  size_t size;
};

static herr_t name_scale(hid_t dataset, unsigned axis, hid_t scale, void *context) {
  (void)dataset;
  (void)axis;
  struct axis_name *name = context;
  return H5Iget_name(scale, name->text, name->size) > 0 ? 1 : 0;
}

int chd_axis_name(hid_t dataset, unsigned axis, char *text, size_t size) {
  struct axis_name name = {text, size};
  text[0] = 0;
  // A data set without scales is no failure, but may leave a stack of errors.
  if (H5Aexists(dataset, "DIMENSION_LIST") <= 0) return 0;
  return H5DSiterate_scales(dataset, axis, NULL, name_scale, &name) == 1;
}

// ---- LZF (M. Lehmann's liblzf), h5py's own filter: runs of literals, and copies of what stands up to 8 KiB before.

long chd_lzf_unpack(const uint8_t *packed, size_t count, uint8_t *out, size_t room) {
  size_t at = 0, made = 0;
  while (at < count) {
    unsigned control = packed[at++];
    if (control < 32) {
      size_t run = control + 1;
      if (count - at < run || room - made < run) return -1;
      if (out != NULL) memcpy(out + made, packed + at, run);
      at += run;
      made += run;
      continue;
    }
    size_t length = control >> 5;
    if (length == 7) {
      if (at == count) return -1;
      length += packed[at++];
    }
    if (at == count) return -1;
    size_t back = ((size_t)(control & 31) << 8 | packed[at++]) + 1;
    length += 2;
    if (back > made || room - made < length) return -1;
    if (out != NULL)
      for (size_t index = 0; index < length; index++) out[made + index] = out[made + index - back];
    made += length;
  }
  return (long)made;
}

static size_t filter_lzf(
    unsigned flags, size_t value_count, const unsigned *values, size_t count, size_t *size, void **buffer) {
  size_t room = value_count >= 3 ? values[2] : 0;
  if (!(flags & H5Z_FLAG_REVERSE) || room == 0) return 0;
  uint8_t *out = malloc(room);
  long made = out == NULL ? -1 : chd_lzf_unpack(*buffer, count, out, room);
  if (made <= 0) {
    free(out);
    return 0;
  }
  free(*buffer);
  *buffer = out;
  *size = room;
  return (size_t)made;
}

int chd_register_lzf(void) {
  static const H5Z_class2_t filter = {
      .version = H5Z_CLASS_T_VERS,
      .id = chd_filter_lzf,
      .encoder_present = 0,
      .decoder_present = 1,
      .name = "lzf",
      .filter = filter_lzf,
  };
  return H5Zregister(&filter) < 0 ? -1 : 0;
}
