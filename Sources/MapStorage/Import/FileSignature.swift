/// How files of some kind begin that are not read, and what to make of them.
struct FileSignature {
  let bytes: [UInt8]
  let name: String
  /// How to make something of it that is read, where "IN" is the file; nil where numbers cannot be had from it.
  let way: String?

  private init(_ bytes: [UInt8], _ name: String, _ way: String?) {
    (self.bytes, self.name, self.way) = (bytes, name, way)
  }

  private init(_ text: String, _ name: String, _ way: String?) { self.init(Array(text.utf8), name, way) }

  /// A line of Python for the shell.
  static func python(imports: String, _ statement: String) -> String {
    "python3 -c \"import \(imports); \(statement)\""
  }

  /// Saves an array with Python.
  static func python(_ module: String, _ array: String) -> String {
    python(imports: "numpy, \(module)", "numpy.save('maps.npy', \(array))")
  }

  private static let netCDF = "nccopy -k nc4 IN maps.nc"
  private static let pictures = "no picture of this kind keeps numbers as they are: export the numbers instead"
  // Masked arrays are pickled often; they become 1e20 where they hold nothing, which no channel has.
  private static let pickle = python("pickle", "numpy.ma.filled(pickle.load(open('IN', 'rb')))")

  static let all: [FileSignature] = [
    FileSignature(
      "MATLAB 5.0 MAT-file", "a MAT file of MATLAB before v7.3",
      "in MATLAB: save('maps.mat', 'NAME', '-v7.3'); else " + python("scipy.io", "scipy.io.loadmat('IN')['NAME']")),
    FileSignature("CDF\u{1}", "a file of netCDF 3", netCDF), FileSignature("CDF\u{2}", "a file of netCDF 3", netCDF),
    FileSignature("CDF\u{5}", "a file of netCDF 3", netCDF),
    FileSignature([0x0E, 0x03, 0x13, 0x01], "a file of HDF4", "h4toh5 IN maps.h5"),
    FileSignature([0x80, 2], "a Python pickle", pickle), FileSignature([0x80, 3], "a Python pickle", pickle),
    FileSignature([0x80, 4], "a Python pickle", pickle), FileSignature([0x80, 5], "a Python pickle", pickle),
    FileSignature([0xFF, 0xD8, 0xFF], "a JPEG picture", pictures), FileSignature("GIF8", "a GIF picture", pictures),
    FileSignature("RIFF", "a WebP picture or a sound", pictures),
    FileSignature("BM", "a BMP picture", "convert IN maps.png"),
    FileSignature("PAR1", "a Parquet table", python("pandas", "pandas.read_parquet('IN').to_numpy()")),
    FileSignature("ARROW1", "an Arrow table", python("pandas", "pandas.read_feather('IN').to_numpy()")),
    FileSignature([0x1F, 0x8B], "a gzip archive", "gunzip IN, and give what was in it"),
    FileSignature("BZh", "a bzip2 archive", "bunzip2 IN, and give what was in it"),
    FileSignature([0xFD, 0x37, 0x7A, 0x58, 0x5A], "an xz archive", "unxz IN, and give what was in it"),
    FileSignature([0x28, 0xB5, 0x2F, 0xFD], "a zstd archive", "unzstd IN, and give what was in it"),
    FileSignature([0x37, 0x7A, 0xBC, 0xAF], "a 7z archive", "7z x IN, and give what was in it"),
    FileSignature("Octave-1", "a file of Octave", "in Octave: save -hdf5 maps.h5 NAME"),
    FileSignature("# Created by Octave", "a file of Octave", "in Octave: save -hdf5 maps.h5 NAME"),
    FileSignature("%PDF", "a PDF document", pictures),
    FileSignature("SIMPLE  =", "a FITS image", python("astropy.io.fits", "astropy.io.fits.getdata('IN')")),
    FileSignature("GRIB", "a GRIB file", "gdal_translate -of GTiff IN maps.tif"),
  ]
}
