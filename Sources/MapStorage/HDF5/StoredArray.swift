import CHierarchicalData
import Essentials
import Foundation

/// A data set of plain numbers in a foreign file, open for reading: what it declares has been held against the file.
final class StoredArray {
  /// Deflate's largest ratio.
  static let largestRatio = 1032

  /// Where it is, for messages: "maps.h5:/maps".
  let place: String
  /// Its extents, slowest first.
  let shape: [Int]
  /// What its attributes say, and what its elements are.
  let facts: ArrayFacts
  /// Its `units` attribute.
  var units: String? { facts.units }
  /// Its `long_name` attribute.
  var longName: String? { facts.longName }
  /// By axis, the path of its dimension scale; nil where it has none.
  let axisNames: [String?]
  private let handle: HierarchicalHandle
  private let element: chd_element
  /// In which elements are read where they are no plain numbers; nil: as what is asked for.
  private let memory: HierarchicalHandle?
  /// Nil where the data set is in one piece.
  private let chunks: ChunkGuard?
  private let watch: FileWatch

  /// Opens a data set whose links have been judged. Inside `HierarchicalLibrary.serialised`.
  init(file: HierarchicalHandle, name: String, path: String, fileSize: Int, watch: FileWatch) throws {
    self.watch = watch
    let place = "\(path):\(name.hasPrefix("/") ? name : "/" + name)"
    self.place = place
    let handle = try HierarchicalHandle(
      H5Dopen2(file.identifier, name, hid_t(H5P_DEFAULT)), "cannot open the data set", at: place,
      close: H5Dclose)
    self.handle = handle
    let type = try HierarchicalHandle(
      H5Dget_type(handle.identifier), "cannot read the type", at: place, close: H5Tclose)
    element = chd_element_of(type.identifier)
    let name = Self.text(of: type)
    guard element != chd_element_other else {
      throw Fault(
        "the data set holds no plain numbers", at: place,
        expected: "integers of 1 to 8 bytes, float16, float32, float64, booleans or complex numbers", found: name)
    }
    memory =
      element == chd_element_complex || element == chd_element_bits
      ? try HierarchicalHandle(
        chd_memory_type(type.identifier), "cannot read the type", at: place, close: H5Tclose) : nil
    shape = try Self.shape(of: handle, at: place)
    facts = ArrayFacts(
      attributesOf: handle.identifier, type: name, isComplex: element == chd_element_complex,
      bits: 8 * H5Tget_size(type.identifier))
    axisNames = shape.indices.map { axis in
      var text = [CChar](repeating: 0, count: 1200)
      return chd_axis_name(handle.identifier, UInt32(axis), &text, text.count) != 0 ? textOf(text) : nil
    }
    chunks = try Self.requireCredible(
      handle, shape: shape, itemSize: H5Tget_size(type.identifier), fileSize: fileSize, at: place)
  }

  private static func text(of type: HierarchicalHandle) -> String {
    var text = [CChar](repeating: 0, count: 400)
    chd_type_text(type.identifier, &text, text.count)
    return textOf(text)
  }

  private static func shape(of handle: HierarchicalHandle, at place: String) throws -> [Int] {
    let space = try HierarchicalHandle(
      H5Dget_space(handle.identifier), "cannot read the shape", at: place, close: H5Sclose)
    let rank = Int(H5Sget_simple_extent_ndims(space.identifier))
    guard H5Sget_simple_extent_type(space.identifier) == H5S_SIMPLE, rank > 0 else {
      throw Fault("the data set is no array", at: place, expected: "one axis at least")
    }
    var extents = [hsize_t](repeating: 0, count: rank)
    _ = try HierarchicalLibrary.check(
      H5Sget_simple_extent_dims(space.identifier, &extents, nil), "cannot read the shape", at: place)
    var elements = 1
    for extent in extents {
      let (product, overflow) = elements.multipliedReportingOverflow(by: Int(clamping: extent))
      guard !overflow, product < Int.max / 8 else {
        throw Fault("the data set is damaged", at: place, found: "extents \(extents)")
      }
      elements = product
    }
    return extents.map { Int($0) }
  }

  /// Refuses what lies outside the file, foreign filters, and sizes that the file cannot hold.
  ///
  /// Returns the guard of its chunks where it has any.
  private static func requireCredible(
    _ handle: HierarchicalHandle, shape: [Int], itemSize: Int, fileSize: Int, at place: String
  ) throws -> ChunkGuard? {
    let creation = try HierarchicalHandle(
      H5Dget_create_plist(handle.identifier), "cannot read the layout", at: place, close: H5Pclose)
    let layout = H5Pget_layout(creation.identifier)
    guard layout != H5D_VIRTUAL else {
      throw Fault(
        "virtual data sets are refused", at: place, expected: "data in the file itself",
        hint: "copy the data into one file (h5repack, or h5py)")
    }
    guard H5Pget_external_count(creation.identifier) == 0 else {
      throw Fault(
        "external storage is refused", at: place, expected: "data in the file itself",
        hint: "copy the data into one file (h5repack, or h5py)")
    }
    let filters = try plainFilters(creation, at: place)
    let deflated = filters.contains { StoredFilter.packing.contains($0) }
    let declared = shape.reduce(itemSize, *)
    let stored = Int(clamping: H5Dget_storage_size(handle.identifier))
    let (most, overflow) = min(stored, fileSize).multipliedReportingOverflow(by: deflated ? largestRatio : 1)
    guard stored <= fileSize, overflow || declared <= most else {
      throw Fault(
        "the data set declares more than the file holds", at: place,
        expected: "at most \(min(stored, fileSize)) bytes\(deflated ? " times \(largestRatio)" : "")",
        found: "\(declared) bytes, stored in \(stored) of a file of \(fileSize)",
        hint: "the file is damaged, or parts of it were never written")
    }
    guard layout == H5D_CHUNKED else { return nil }
    return try ChunkGuard(
      handle, creation: creation, shape: shape, itemSize: itemSize, filters: filters, fileSize: fileSize,
      at: place)
  }

  /// The filters in the order in which they pack; any but shuffle, fletcher32, one deflate and one LZF are a fault.
  static func plainFilters(_ creation: HierarchicalHandle, at place: String) throws -> [H5Z_filter_t] {
    let count = try HierarchicalLibrary.check(
      H5Pget_nfilters(creation.identifier), "cannot read the filters", at: place)
    let filters = (0..<UInt32(count)).map { index in
      var flags: UInt32 = 0
      var configuration: UInt32 = 0
      var values = 0
      return H5Pget_filter2(creation.identifier, index, &flags, &values, nil, 0, nil, &configuration)
    }
    var options: UInt32 = 0
    let isChunked = H5Pget_layout(creation.identifier) == H5D_CHUNKED
    if isChunked { H5Pget_chunk_opts(creation.identifier, &options) }
    let isOnceEach = Set(filters).count == filters.count && options == 0
    guard filters.allSatisfy(StoredFilter.readable.contains), isOnceEach else {
      throw StoredFilter.refusal(of: filters, at: place)
    }
    return filters
  }

  /// Reads rows of the first axis, converted to float32; rows in any order, consecutive ones in one go.
  ///
  /// Complex numbers are read as their absolute values.
  func read(rows: [Int], into out: UnsafeMutableBufferPointer<Float>) throws {
    guard let memory else { return try readRows(rows, type: chd_native_float(), into: out) }
    let count = rows.count * rowCount
    if element == chd_element_complex {
      let pairs: [SIMD2<Float>] = try values(rows, type: memory.identifier)
      for index in 0..<count { out[index] = hypot(pairs[index].x, pairs[index].y) }
    } else {
      let bytes: [UInt8] = try values(rows, type: memory.identifier)
      for index in 0..<count { out[index] = Float(bytes[index]) }
    }
  }

  /// Reads rows of the first axis as float32.
  func floats(rows: [Int]) throws -> [Float] {
    try [Float](unsafeUninitializedCapacity: rows.count * rowCount) { buffer, filled in
      try read(rows: rows, into: buffer)
      filled = rows.count * rowCount
    }
  }

  /// Whether elements are plain numbers.
  var isPlain: Bool { memory == nil }

  /// Reads rows of the first axis as float64.
  func doubles(rows: [Int]) throws -> [Double] {
    try values(rows, type: chd_native_double())
  }

  /// Reads rows of the first axis as whole numbers of 64 bits.
  func readWholeNumbers(rows: [Int]) throws -> [Int64] {
    try values(rows, type: chd_native_int64())
  }

  /// Reads rows of the first axis as masks: a map holds a value where the data set is not zero.
  func masks(rows: [Int]) throws -> [Mask] {
    try rows.map { Mask(try floats(rows: [$0]).map { $0 != 0 }) }
  }

  private func values<Element>(_ rows: [Int], type: @autoclosure () -> hid_t) throws -> [Element] {
    try [Element](unsafeUninitializedCapacity: rows.count * rowCount) { buffer, filled in
      try readRows(rows, type: type(), into: buffer)
      filled = rows.count * rowCount
    }
  }

  /// Throws unless the data set has this shape.
  func require(shape expected: [Int]) throws {
    guard shape == expected else {
      throw Fault("the data set has the wrong shape", at: place, expected: "\(expected)", found: "\(shape)")
    }
  }

  /// Elements of a row of the first axis.
  var rowCount: Int { shape.dropFirst().reduce(1, *) }

  private func readRows<Element>(
    _ rows: [Int], type: @autoclosure () -> hid_t, into out: UnsafeMutableBufferPointer<Element>
  ) throws {
    precondition(out.count >= rows.count * rowCount, "room for \(rows.count) rows of \(place)")
    try HierarchicalLibrary.serialised {
      var done = 0
      while done < rows.count {
        var length = 1
        while done + length < rows.count, rows[done + length] == rows[done] + length { length += 1 }
        do {
          try readRun(rows[done], length, type: type(), into: out.baseAddress! + done * rowCount)
        } catch {
          try watch.requireUnchanged()
          throw error
        }
        done += length
      }
      try watch.requireUnchanged()
    }
  }

  private func readRun(_ first: Int, _ count: Int, type: hid_t, into out: UnsafeMutableRawPointer) throws {
    guard first >= 0, first + count <= shape[0] else {
      throw Fault(
        "there is no such sample", at: place, expected: "0 to \(shape[0] - 1)", found: "\(first)")
    }
    guard rowCount > 0 else { return }
    try chunks?.require(rows: first..<first + count)
    var start = [hsize_t](repeating: 0, count: shape.count)
    var extent = shape.map { hsize_t($0) }
    start[0] = hsize_t(first)
    extent[0] = hsize_t(count)
    let selection = try HierarchicalHandle(
      H5Dget_space(handle.identifier), "cannot select samples", at: place, close: H5Sclose)
    _ = try HierarchicalLibrary.check(
      H5Sselect_hyperslab(selection.identifier, H5S_SELECT_SET, &start, nil, &extent, nil),
      "cannot select samples", at: place)
    let memory = try HierarchicalHandle(
      H5Screate_simple(Int32(extent.count), &extent, nil), "cannot select samples", at: place,
      close: H5Sclose)
    let status = H5Dread(
      handle.identifier, type, memory.identifier, selection.identifier, hid_t(H5P_DEFAULT), out)
    _ = try HierarchicalLibrary.check(
      status, "cannot read samples \(first) to \(first + count - 1): the file is damaged", at: place)
  }
}
