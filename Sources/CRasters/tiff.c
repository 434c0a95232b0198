#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tiffio.h>
#include <unistd.h>

#include "CRasters.h"

// Tags of GeoTIFF (OGC 19-008r4) and of GDAL, which libtiff does not know by itself.
enum {
  tag_scale = 33550,
  tag_tie = 33922,
  tag_transformation = 34264,
  tag_keys = 34735,
  tag_key_doubles = 34736,
  tag_key_texts = 34737,
  tag_metadata = 42112,
  tag_nodata = 42113
};

struct cr_raster {
  TIFF *tiff;
  int descriptor;
  uint64_t position;
  char message[CR_ERROR_SIZE];
};

static const TIFFFieldInfo fields[] = {
    {tag_scale, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, (char *)"ModelPixelScale"},
    {tag_tie, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, (char *)"ModelTiepoint"},
    {tag_transformation, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, (char *)"ModelTransformation"},
    {tag_keys, -1, -1, TIFF_SHORT, FIELD_CUSTOM, 1, 1, (char *)"GeoKeyDirectory"},
    {tag_key_doubles, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, (char *)"GeoDoubleParams"},
    {tag_key_texts, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, (char *)"GeoASCIIParams"},
    {tag_metadata, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, (char *)"GDALMetadata"},
    {tag_nodata, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, (char *)"GDALNoData"},
};

static TIFFExtendProc parent_extender;

static void extend(TIFF *tiff) {
  TIFFMergeFieldInfo(tiff, fields, sizeof fields / sizeof *fields);
  if (parent_extender) parent_extender(tiff);
}

__attribute__((constructor)) static void know_fields(void) { parent_extender = TIFFSetTagExtender(extend); }

// The first message is that of the cause.
static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  (void)tiff;
  (void)module;
  cr_raster *raster = user;
  if (!raster->message[0]) vsnprintf(raster->message, CR_ERROR_SIZE, format, arguments);
  return 1;
}

// Warnings concern tags that are not used here.
static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  (void)tiff, (void)user, (void)module, (void)format, (void)arguments;
  return 1;
}

static tmsize_t take(thandle_t handle, void *bytes, tmsize_t count) {
  cr_raster *raster = handle;
  tmsize_t done = 0;
  while (done < count) {
    ssize_t got = pread(raster->descriptor, (char *)bytes + done, (size_t)(count - done), (off_t)raster->position);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += got;
    raster->position += (uint64_t)got;
  }
  return done;
}

static tmsize_t give(thandle_t handle, void *bytes, tmsize_t count) {
  cr_raster *raster = handle;
  tmsize_t done = 0;
  while (done < count) {
    ssize_t put = pwrite(raster->descriptor, (char *)bytes + done, (size_t)(count - done), (off_t)raster->position);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      if (!raster->message[0]) snprintf(raster->message, CR_ERROR_SIZE, "%s", strerror(errno));
      break;
    }
    done += put;
    raster->position += (uint64_t)put;
  }
  return done;
}

static toff_t size_of(thandle_t handle) {
  struct stat status;
  return fstat(((cr_raster *)handle)->descriptor, &status) ? 0 : (toff_t)status.st_size;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
  cr_raster *raster = handle;
  if (whence == SEEK_CUR) offset += raster->position;
  if (whence == SEEK_END) offset += size_of(handle);
  raster->position = offset;
  return offset;
}

static int leave_open(thandle_t handle) {
  (void)handle;
  return 0;
}

static int say(const cr_raster *raster, const char *otherwise, char error[CR_ERROR_SIZE]) {
  snprintf(error, CR_ERROR_SIZE, "%s", raster->message[0] ? raster->message : otherwise);
  return 1;
}

static cr_raster *open_with(const char *path, int flags, const char *mode, uint64_t most, char error[CR_ERROR_SIZE]) {
  cr_raster *raster = calloc(1, sizeof *raster);
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (raster && options) {
    raster->descriptor = open(path, flags | O_CLOEXEC, 0644);
    if (raster->descriptor < 0) {
      snprintf(raster->message, CR_ERROR_SIZE, "%s", strerror(errno));
    } else {
      TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)most);
      TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, raster);
      TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, raster);
      raster->tiff = TIFFClientOpenExt(path, mode, raster, take, give, seek, leave_open, size_of, NULL, NULL, options);
    }
  }
  if (options) TIFFOpenOptionsFree(options);
  if (raster && raster->tiff) return raster;
  if (raster) {
    say(raster, "no TIFF file", error);
    if (raster->descriptor >= 0) close(raster->descriptor);
  } else {
    snprintf(error, CR_ERROR_SIZE, "not enough memory");
  }
  free(raster);
  return NULL;
}

// Neither mapped into memory, where a file that is cut short while it is read would be a crash, nor with strips joined
// or cut: blocks stay what the file says.
cr_raster *cr_open(const char *path, uint64_t most, char error[CR_ERROR_SIZE]) {
  return open_with(path, O_RDONLY, "rmc", most, error);
}

cr_raster *cr_create(const char *path, int is_big, char error[CR_ERROR_SIZE]) {
  return open_with(path, O_RDWR | O_CREAT | O_TRUNC, is_big ? "w8" : "w", 0, error);
}

int cr_close(cr_raster *raster, char error[CR_ERROR_SIZE]) {
  if (!raster) return 0;
  TIFFClose(raster->tiff);
  int failed = raster->message[0] ? say(raster, "", error) : 0;
  if (close(raster->descriptor) && !failed) {
    snprintf(error, CR_ERROR_SIZE, "%s", strerror(errno));
    failed = 1;
  }
  free(raster);
  return failed;
}

static uint16_t short_of(cr_raster *raster, uint32_t tag) {
  uint16_t value = 0;
  TIFFGetFieldDefaulted(raster->tiff, tag, &value);
  return value;
}

static uint32_t long_of(cr_raster *raster, uint32_t tag) {
  uint32_t value = 0;
  TIFFGetFieldDefaulted(raster->tiff, tag, &value);
  return value;
}

int cr_read_page(cr_raster *raster, cr_page *page, char error[CR_ERROR_SIZE]) {
  TIFF *tiff = raster->tiff;
  memset(page, 0, sizeof *page);
  page->width = long_of(raster, TIFFTAG_IMAGEWIDTH);
  page->height = long_of(raster, TIFFTAG_IMAGELENGTH);
  page->bits = short_of(raster, TIFFTAG_BITSPERSAMPLE);
  page->samples = short_of(raster, TIFFTAG_SAMPLESPERPIXEL);
  page->format = short_of(raster, TIFFTAG_SAMPLEFORMAT);
  page->planar = short_of(raster, TIFFTAG_PLANARCONFIG);
  page->compression = short_of(raster, TIFFTAG_COMPRESSION);
  page->orientation = short_of(raster, TIFFTAG_ORIENTATION);
  page->kind = long_of(raster, TIFFTAG_SUBFILETYPE);
  if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page->photometric)) page->photometric = PHOTOMETRIC_MINISBLACK;
  uint16_t extras = 0, *kinds = NULL;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds))
    for (uint16_t i = 0; i < extras; i++) page->alpha += kinds[i] != EXTRASAMPLE_UNSPECIFIED;
  page->is_tiled = TIFFIsTiled(tiff);
  page->block_width = page->is_tiled ? long_of(raster, TIFFTAG_TILEWIDTH) : page->width;
  page->block_height = long_of(raster, page->is_tiled ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP);
  if (!page->is_tiled && page->block_height > page->height) page->block_height = page->height;
  page->block_bytes = page->is_tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
  page->blocks = page->is_tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
  page->offset = TIFFCurrentDirOffset(tiff);
  if (page->width && page->height && page->block_width && page->block_height && page->block_bytes && page->blocks)
    return 0;
  return say(raster, "a page without pixels", error);
}

int cr_next_page(cr_raster *raster, char error[CR_ERROR_SIZE]) {
  if (TIFFLastDirectory(raster->tiff)) return 1;
  if (TIFFReadDirectory(raster->tiff)) return 0;
  say(raster, "a page that cannot be read", error);
  return 2;
}

int cr_go_to(cr_raster *raster, uint64_t offset, char error[CR_ERROR_SIZE]) {
  return TIFFSetSubDirectory(raster->tiff, offset) ? 0 : say(raster, "a page that cannot be read", error);
}

int cr_can_unpack(uint16_t compression) { return TIFFIsCODECConfigured(compression); }

uint64_t cr_packed_bytes(cr_raster *raster, uint32_t block) { return TIFFGetStrileByteCount(raster->tiff, block); }

int64_t cr_read_block(cr_raster *raster, uint32_t block, int is_tiled, void *bytes, size_t room,
                      char error[CR_ERROR_SIZE]) {
  tmsize_t got = is_tiled ? TIFFReadEncodedTile(raster->tiff, block, bytes, (tmsize_t)room)
                          : TIFFReadEncodedStrip(raster->tiff, block, bytes, (tmsize_t)room);
  if (got < 0) say(raster, "a block that cannot be unpacked", error);
  return got;
}

// Tags that libtiff knows under another type come back in another form: only those of `fields` are asked for.
size_t cr_doubles(cr_raster *raster, uint32_t tag, double *values, size_t room) {
  uint16_t count = 0;
  double *found = NULL;
  if (!TIFFGetField(raster->tiff, tag, &count, &found) || !found) return 0;
  memcpy(values, found, sizeof *values * (count < room ? count : room));
  return count;
}

size_t cr_shorts(cr_raster *raster, uint32_t tag, uint16_t *values, size_t room) {
  uint16_t count = 0, *found = NULL;
  if (!TIFFGetField(raster->tiff, tag, &count, &found) || !found) return 0;
  memcpy(values, found, sizeof *values * (count < room ? count : room));
  return count;
}

const char *cr_text(cr_raster *raster, uint32_t tag) {
  const char *found = NULL;
  return TIFFGetField(raster->tiff, tag, &found) ? found : NULL;
}

int cr_describe(cr_raster *raster, const cr_description *description, char error[CR_ERROR_SIZE]) {
  TIFF *tiff = raster->tiff;
  uint16_t *extras = description->bands > 1 ? calloc(description->bands, sizeof *extras) : NULL;
  int good = TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, description->width) &&
             TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, description->height) &&
             TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 32) &&
             TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP) &&
             TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, description->bands) &&
             TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
                          description->bands > 1 ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG) &&
             TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK) &&
             TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) &&
             TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, description->strip_rows) &&
             TIFFSetField(tiff, TIFFTAG_SOFTWARE, description->software) &&
             TIFFSetField(tiff, tag_scale, 3, description->scale) &&
             TIFFSetField(tiff, tag_tie, 6, description->tie) &&
             TIFFSetField(tiff, tag_keys, (int)description->key_count, description->keys) &&
             TIFFSetField(tiff, tag_nodata, description->nodata) &&
             TIFFSetField(tiff, tag_metadata, description->metadata);
  // One band is the grey, the others are further ones.
  if (good && description->bands > 1)
    good = extras && TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, description->bands - 1, extras);
  free(extras);
  return good ? 0 : say(raster, "the raster cannot be described", error);
}

int cr_write_band(cr_raster *raster, const cr_description *description, uint16_t band, float *values,
                  char error[CR_ERROR_SIZE]) {
  for (uint32_t row = 0; row < description->height; row += description->strip_rows) {
    uint32_t rest = description->height - row;
    size_t rows = rest < description->strip_rows ? rest : description->strip_rows;
    uint32_t strip = TIFFComputeStrip(raster->tiff, row, band);
    tmsize_t bytes = (tmsize_t)(rows * description->width * sizeof *values);
    if (TIFFWriteEncodedStrip(raster->tiff, strip, values + (size_t)row * description->width, bytes) < 0)
      return say(raster, "the raster cannot be written", error);
  }
  return 0;
}
