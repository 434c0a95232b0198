import Essentials
import Foundation
import Records

/// In which form maps are written: what the ending of a name says.
public enum ExportFormat: Equatable, Sendable {
  /// A data set of our own (HDF5); also names without an ending, or with one that is none of a format.
  case dataSet
  /// A NumPy array of the maps.
  case numPy
  /// An archive of NumPy arrays: all that the data set has.
  case archive
  /// One map as a grey picture of 16 bits.
  case picture
  /// A GeoTIFF, a band for each map.
  case raster
  /// A folder of grey pictures.
  case folder

  /// Endings of formats that are not written.
  private static let others: Set = [
    "arrow", "asc", "bin", "bmp", "csv", "dat", "feather", "fits", "geojson", "gif", "gpkg", "grb", "grb2", "grib",
    "gz",
    "hdf4", "jp2", "jpeg", "jpg", "json", "kml", "mat", "nii", "ods", "ots", "parquet", "pdf", "pickle", "pkl", "png8",
    "pt",
    "pth", "safetensors", "svg", "tar", "tsv", "txt", "vrt", "webp", "xlsx", "xls", "xml", "yaml", "yml", "zarr", "zip",
  ]

  /// What the ending of a name says.
  ///
  /// - Parameter path: the file or, with a slash at its end, the folder.
  /// - Throws: `Fault` for the ending of a format that is not written.
  public init(of path: String) throws {
    let ending = URL(fileURLWithPath: path).pathExtension.lowercased()
    switch ending {
    case _ where path.hasSuffix("/"): self = .folder
    case "npy": self = .numPy
    case "npz": self = .archive
    case "png": self = .picture
    case "tif", "tiff", "gtiff": self = .raster
    case _ where Self.others.contains(ending):
      throw Fault(
        "maps are not written in this format", at: path, expected: Self.endings, found: ".\(ending)")
    default: self = .dataSet
    }
  }

  private static let endings = ".h5, .npy, .npz, .png (one map), .tif, or NAME/ for a folder of PNG"

  /// The most maps that it can hold; nil: any number.
  private var mostMaps: Int? {
    switch self {
    case .picture: 1
    case .raster: Int(UInt16.max)
    default: nil
    }
  }

  /// Throws unless so many maps can be written in this form.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - path: the file or folder, for messages.
  public func require(count: Int, at path: String) throws {
    guard let most = mostMaps, count > most else { return }
    throw Fault(
      "there are too many maps for one file of this kind", at: path, expected: "at most \(most)", found: "\(count)",
      hint: self == .picture
        ? "a folder takes them all: \(path.dropLast(4))/; ckm export writes single maps of a data set"
        : "ckm export writes some maps of a data set")
  }

  /// Throws unless a file or folder can be written at a place, so far as can be told without writing it.
  ///
  /// - Parameters:
  ///   - path: where.
  ///   - overwrite: whether what is there may be replaced.
  public func requirePlace(_ path: String, overwrite: Bool) throws {
    let path = path.hasSuffix("/") ? String(path.dropLast()) : path
    let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
    var status = stat()
    guard stat(parent, &status) == 0, access(parent, W_OK | X_OK) == 0 else {
      throw Files.systemFault("cannot write in the directory", at: parent)
    }
    guard stat(path, &status) == 0 else { return }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    guard isFolder == (self == .folder) else {
      throw Fault(
        isFolder ? "a folder has this name" : "something that is no folder has this name", at: path,
        expected: "a new name")
    }
    guard overwrite else {
      throw Fault(
        "\(isFolder ? "the folder" : "the file") exists", at: path, expected: "a new name",
        hint: "remove it, or allow it to be overwritten")
    }
    if isFolder { try PictureFolder.requireOwn(path) }
  }
}
