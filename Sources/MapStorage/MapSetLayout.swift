import CHierarchicalData

/// Lays out an empty file of maps: groups, attributes and data sets, on the disk or in memory.
struct MapSetLayout {
  /// Level 4 packs maps of noise as well as 9 does, at a multiple of its speed.
  private static let deflateLevel: UInt32 = 4

  let path: String
  let description: MapSetDescription
  let count: Int

  /// Creates the file, replacing what is there.
  func create() throws {
    try HierarchicalLibrary.serialised {
      let output = try HierarchicalOutput(
        H5Fcreate(path, chd_flag_truncate(), hid_t(H5P_DEFAULT), hid_t(H5P_DEFAULT)), "cannot create the file", at: path
      )
      try layOut(output)
      try output.finish()
    }
  }

  /// Makes the content of an empty file. Inside `HierarchicalLibrary.serialised`.
  func layOut(_ file: HierarchicalOutput) throws {
    try writeRootAttributes(file.file)
    try writeAxis(file, "x", lines: (0..<description.columns).map(description.area.x))
    try writeAxis(file, "y", lines: (0..<description.rows).map(description.area.y))
    try createMaps(
      file, MapLayer(name: "maps", longName: description.longName, units: description.units),
      type: chd_file_float())
    for layer in description.layers { try createMaps(file, layer, type: chd_file_float()) }
    if description.hasValid {
      let layer = MapLayer(name: "valid", longName: "1 where the map is valid", units: "1")
      try createMaps(file, layer, type: chd_file_uint8())
    }
    if description.hasStations {
      try createList(
        file, "station", [count, 3], chd_file_float(), units: "m",
        longName: "position of the station (x, y, z)")
    }
    if description.hasEnvironments {
      try createList(
        file, "environment", [count], chd_file_int32(), units: "1", longName: "number of the environment")
    }
    if description.reconstruction != nil {
      try createList(
        file, ReconstructionRecord.indexName, [count], chd_file_int32(), units: "1",
        longName: "number of the sample in the data")
    }
    if description.draws > 0 {
      let layer = MapLayer(
        name: ReconstructionRecord.drawsName, longName: "draws of " + description.longName,
        units: description.units)
      try createMaps(file, layer, type: chd_file_float(), draws: description.draws)
    }
  }

  private func check(_ status: herr_t, _ what: String) throws {
    _ = try HierarchicalLibrary.check(status, what, at: path)
  }

  private func handle(_ identifier: hid_t, close: @escaping (hid_t) -> herr_t) throws -> HierarchicalHandle {
    try HierarchicalHandle(identifier, "cannot lay out the file", at: path, close: close)
  }

  /// Of what is written, which is closed with the file.
  private func keep(_ file: HierarchicalOutput, _ identifier: hid_t, close: @escaping (hid_t) -> herr_t) throws
    -> HierarchicalHandle
  {
    try file.keep(identifier, "cannot lay out the file", at: path, close: close)
  }

  private func writeRootAttributes(_ file: HierarchicalHandle) throws {
    try writeText(file, "format", MapSetDescription.format)
    try writeNumber(file, "format_version", MapSetDescription.formatVersion)
    try writeText(file, "config", description.configuration)
    try writeNumber(file, "seed", description.seed)
    try writeText(file, "software_version", description.softwareVersion)
    try writeNumber(file, MapSetDescription.userHeightName, description.area.userHeight)
    if let made = description.reconstruction {
      if let magnification = made.magnification { try writeNumber(file, "magnification", UInt64(magnification)) }
      try writeNumber(file, "steps", UInt64(made.steps))
      try writeNumber(file, "draw_count", UInt64(made.draws))
      try writeNumber(file, "views", UInt64(made.views))
      if let tile = made.tile { try writeNumber(file, "tile", UInt64(tile)) }
      for (name, text) in [
        ("data", made.data), ("model", made.model), ("sampler", made.sampler), ("method", made.method),
        ("estimate", made.estimate),
      ] { try writeText(file, name, text) }
    }
  }

  private func writeText(_ object: HierarchicalHandle, _ name: String, _ text: String) throws {
    let space = try handle(H5Screate(H5S_SCALAR), close: H5Sclose)
    let type = try handle(chd_string_type(), close: H5Tclose)
    let attribute = try handle(
      H5Acreate2(
        object.identifier, name, type.identifier, space.identifier, hid_t(H5P_DEFAULT), hid_t(H5P_DEFAULT)),
      close: H5Aclose)
    // A zero byte would end the text for every reader; HDF5 has no other way to say where it ends.
    try text.prefix { $0 != "\0" }.withCString { bytes in
      var pointer: UnsafePointer<CChar>? = bytes
      try check(H5Awrite(attribute.identifier, type.identifier, &pointer), "cannot write @\(name)")
    }
    try attribute.close("cannot write @\(name)", at: path)
  }

  private func writeNumber(_ object: HierarchicalHandle, _ name: String, _ number: UInt64) throws {
    var value = number
    try writeScalar(object, name, file: chd_file_uint64(), memory: chd_native_uint64(), &value)
  }

  private func writeNumber(_ object: HierarchicalHandle, _ name: String, _ number: Double) throws {
    var value = number
    try writeScalar(object, name, file: chd_file_double(), memory: chd_native_double(), &value)
  }

  private func writeScalar(
    _ object: HierarchicalHandle, _ name: String, file type: hid_t, memory: hid_t, _ value: UnsafeRawPointer
  ) throws {
    let space = try handle(H5Screate(H5S_SCALAR), close: H5Sclose)
    let attribute = try handle(
      H5Acreate2(object.identifier, name, type, space.identifier, hid_t(H5P_DEFAULT), hid_t(H5P_DEFAULT)),
      close: H5Aclose)
    try check(H5Awrite(attribute.identifier, memory, value), "cannot write @\(name)")
    try attribute.close("cannot write @\(name)", at: path)
  }

  /// A dimension scale: the grid lines of one axis [m].
  private func writeAxis(_ file: HierarchicalOutput, _ name: String, lines: [Double]) throws {
    let array = try createList(
      file, name, [lines.count], chd_file_double(), units: "m", longName: "\(name) of the grid lines")
    try check(
      H5Dwrite(
        array.identifier, chd_native_double(), hid_t(H5S_ALL), hid_t(H5S_ALL), hid_t(H5P_DEFAULT), lines),
      "cannot write /\(name)")
    try check(H5DSset_scale(array.identifier, name), "cannot make /\(name) a dimension scale")
  }

  /// A small data set in one piece.
  @discardableResult
  private func createList(
    _ file: HierarchicalOutput, _ name: String, _ shape: [Int], _ type: hid_t, units: String, longName: String
  ) throws -> HierarchicalHandle {
    let creation = try handle(H5Pcreate(chd_class_dataset_create()), close: H5Pclose)
    try check(H5Pset_alloc_time(creation.identifier, H5D_ALLOC_TIME_EARLY), "cannot lay out /\(name)")
    return try create(file, name, shape, type, creation, units: units, longName: longName)
  }

  /// A data set `[sample, y, x]`, or `[sample, draw, y, x]` where there are draws; one sample a chunk, packed and checked.
  private func createMaps(
    _ file: HierarchicalOutput, _ layer: MapLayer, type: hid_t, draws: Int? = nil
  ) throws {
    let row = (draws.map { [$0] } ?? []) + [description.rows, description.columns]
    let creation = try handle(H5Pcreate(chd_class_dataset_create()), close: H5Pclose)
    var chunk = [1] + row.map { hsize_t($0) }
    try check(H5Pset_chunk(creation.identifier, Int32(chunk.count), &chunk), "cannot lay out /\(layer.name)")
    try check(H5Pset_shuffle(creation.identifier), "cannot lay out /\(layer.name)")
    try check(H5Pset_deflate(creation.identifier, Self.deflateLevel), "cannot lay out /\(layer.name)")
    try check(H5Pset_fletcher32(creation.identifier), "cannot lay out /\(layer.name)")
    // A fill would write every chunk before its content comes.
    try check(H5Pset_fill_time(creation.identifier, H5D_FILL_TIME_NEVER), "cannot lay out /\(layer.name)")
    let array = try create(
      file, layer.name, [count] + row, type, creation, units: layer.units, longName: layer.longName)
    for (axis, name) in [(UInt32(row.count - 1), "y"), (UInt32(row.count), "x")] {
      let scale = try keep(
        file, H5Dopen2(file.file.identifier, name, hid_t(H5P_DEFAULT)), close: H5Dclose)
      try check(
        H5DSattach_scale(array.identifier, scale.identifier, axis), "cannot attach /\(name) to /\(layer.name)"
      )
    }
    try check(H5DSset_label(array.identifier, 0, "sample"), "cannot label /\(layer.name)")
    if draws != nil { try check(H5DSset_label(array.identifier, 1, "draw"), "cannot label /\(layer.name)") }
  }

  private func create(
    _ file: HierarchicalOutput, _ name: String, _ shape: [Int], _ type: hid_t, _ creation: HierarchicalHandle,
    units: String, longName: String
  ) throws -> HierarchicalHandle {
    // A time of creation is no content: it would only tell two equal files apart.
    try check(H5Pset_obj_track_times(creation.identifier, false), "cannot lay out /\(name)")
    var extent = shape.map { hsize_t($0) }
    let space = try handle(H5Screate_simple(Int32(extent.count), &extent, nil), close: H5Sclose)
    let array = try keep(
      file,
      H5Dcreate2(
        file.file.identifier, name, type, space.identifier, hid_t(H5P_DEFAULT), creation.identifier,
        hid_t(H5P_DEFAULT)),
      close: H5Dclose)
    try writeText(array, "units", units)
    try writeText(array, "long_name", longName)
    return array
  }
}
