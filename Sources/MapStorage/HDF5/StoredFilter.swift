import CHierarchicalData
import Essentials
import Foundation

/// The filters of HDF5 that are read, and what to do about the others.
enum StoredFilter {
  /// Those that pack: unpacked data may be much larger.
  static let packing: Set<H5Z_filter_t> = [H5Z_FILTER_DEFLATE, lzf]
  /// Those that are undone here.
  static let readable: Set<H5Z_filter_t> = packing.union([H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32])
  /// h5py's own.
  static let lzf = H5Z_filter_t(chd_filter_lzf)

  /// Registered with the HDF Group.
  private static let names: [H5Z_filter_t: String] = [
    1: "deflate (gzip)", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "n-bit", 6: "scale-offset", 305: "LZO",
    307: "bzip2",
    32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP", 32015: "Zstandard", 32017: "SZ",
    32026: "Blosc2",
  ]

  /// The fault of filters of which one is not undone here.
  static func refusal(of filters: [H5Z_filter_t], at place: String) -> Fault {
    let stranger = filters.first { !readable.contains($0) }
    // libhdf5's own tools undo what libhdf5 brings along.
    let hint =
      stranger.map { $0 >= 256 } ?? false
      ? "unpack it: python3 -m pip install h5py hdf5plugin; python3 -c \"import h5py, hdf5plugin; "
        + "h5py.File('maps.h5', 'w')['maps'] = h5py.File('FILE')['NAME'][()]\""
      : "rewrite it: h5repack -f GZIP=4 FILE maps.h5"
    return Fault(
      "the data set uses a filter that is refused", at: place,
      expected: "deflate, LZF, shuffle or fletcher32, each once, for all chunks",
      found: filters.map { names[$0] ?? "number \($0)" }.joined(separator: ", "),
      hint: named(hint, place))
  }

  /// With the file's and the data set's own names.
  private static func named(_ hint: String, _ place: String) -> String {
    guard let colon = place.range(of: ":/", options: .backwards) else { return hint }
    return hint.replacingOccurrences(of: "FILE", with: place[..<colon.lowerBound])
      .replacingOccurrences(of: "NAME", with: place[colon.upperBound...])
  }
}
