import Essentials
import Foundation
@testable import MapStorage
import MessagePassing
import Testing
import TestSupport

/// Files as people bring them (`Fixtures/brought/make.py`): each is read as what it is, or refused with a way out.
@Suite struct BroughtFilesTests {
  let scratch = Scratch()

  private func brought(_ name: String) -> String { fixture("brought/\(name)") }

  private func bring(_ name: String, _ change: (inout ImportOptions) -> Void = { _ in }) throws -> ImportedMaps {
    var options = ImportOptions()
    change(&options)
    return try ImportedMaps(path: brought(name), options: options)
  }

  /// What all files show unless their name says otherwise [dB].
  private func truth(_ sample: Int, _ row: Int, _ column: Int) -> Float {
    -60 - 3 * Float(sample) - Float(row) - 0.5 * Float(column)
  }

  private func isHole(_ row: Int, _ column: Int) -> Bool { (2..<4).contains(row) && (1..<3).contains(column) }

  /// Throws away nothing: all maps, all places.
  private func requireTruth(
    _ maps: ImportedMaps, holes: Bool = false, count: Int = 3, tolerance: Float = 0,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(maps.count == count && maps.rows == 8 && maps.columns == 6, sourceLocation: sourceLocation)
    guard maps.count == count, maps.rows == 8, maps.columns == 6 else { return }
    for (sample, map) in try maps.read(0..<count).enumerated() {
      for row in 0..<8 {
        for column in 0..<6 {
          let isValid = !(holes && isHole(row, column))
          #expect(map.mask?[row * 6 + column] ?? true == isValid, sourceLocation: sourceLocation)
          guard isValid else { continue }
          let difference = abs(map.map[row, column] - truth(sample, row, column))
          #expect(
            difference <= tolerance, "sample \(sample), row \(row), column \(column)", sourceLocation: sourceLocation)
        }
      }
    }
  }

  /// What is thrown when the first map is read.
  private func refusal(
    _ name: String, _ change: @escaping (inout ImportOptions) -> Void = { _ in }
  ) -> Fault? {
    fault { _ = try bring(name, change).read(0..<1) }
  }

  // MARK: - Attributes that change what numbers mean

  @Test(arguments: [
    ("packed_i2.h5", true, Float(1e-5)), ("fill_9999.h5", true, 0), ("missing_value.h5", true, 0),
    ("valid_range.h5", true, 1e-5), ("unsigned.h5", false, 0), ("scale_double.h5", false, 1e-5),
    ("empty_units.h5", false, 0), ("numeric_units.h5", false, 0),
  ])
  func attributesAreApplied(name: String, holes: Bool, tolerance: Float) throws {
    try requireTruth(try bring(name) { $0.maps = "power" }, holes: holes, tolerance: tolerance)
  }

  @Test func unitsOfTheFileAreTaken() throws {
    let received = try bring("says_dbm.h5")
    #expect(received.units == "dBm")
    try requireTruth(received)
    // 1 W sent: 30 dBm, and the file has powers a thousandth of the gain.
    let gains = try bring("says_watt.h5") { $0.transmitPower = 0 }
    #expect(gains.units == "dB")
    try requireTruth(gains, tolerance: 2e-5)
    try requireTruth(try bring("says_loss.h5") { $0.units = .pathloss })
  }

  @Test(arguments: [
    ("says_dbm.h5", PowerUnits.decibel, "@units"), ("says_watt.h5", .milliwatt, "@units"),
    ("says_loss.h5", .decibel, "@long_name"), ("says_loss.h5", nil, "@long_name"), ("says_delay.h5", nil, "@units"),
    ("says_delay.h5", .decibel, "@units"), ("packed_i2.h5", .linear, "@units"),
  ])
  func contradictionsAreRefused(name: String, units: PowerUnits?, attribute: String) throws {
    let found = refusal(name) { $0.units = units }
    #expect(found?.place.hasSuffix("/power\(attribute)") == true, "\(String(describing: found))")
  }

  @Test func attributesCanBeIgnored() throws {
    try requireTruth(
      try bring("says_delay.h5") {
        $0.ignoresAttributes = true
        $0.units = .decibel
      })
    let raw = refusal("packed_i2.h5") {
      $0.ignoresAttributes = true
      $0.units = .decibel
    }
    #expect(raw?.what == "a value is none that a channel has")
  }

  @Test func valuesThatNoChannelHas() throws {
    let found = refusal("fill_unmarked.h5")
    #expect(found?.what == "a value is none that a channel has")
    #expect(found?.hint?.contains("`nodata` -9999") == true)
    try requireTruth(try bring("fill_unmarked.h5") { $0.nodata = [.value(-9999)] }, holes: true)
    let allowed = try bring("fill_unmarked.h5") { $0.limits = ValueRange(minimum: -1e4, maximum: 0) }
    #expect(try allowed.read(0..<1)[0].map[2, 1] == -9999)
    #expect(refusal("loss.npy")?.what == "it cannot be known what the numbers are")
    #expect(refusal("positive.npy")?.expected?.contains("pathloss") == true)
    #expect(refusal("loss.npy") { $0.units = .decibel }?.what == "a value is none that a channel has")
  }

  // MARK: - Masks

  @Test(arguments: [
    ("boolean.h5", "outdoor", false), ("boolean.h5", "buildings", true), ("masked.npz", "outdoor", false),
    ("boolean.h5", "FIXTURE/outdoor", false), ("boolean.h5", "FIXTURE/outdoor.png", false),
    ("packed_i2.h5", "FIXTURE/boolean.h5:outdoor", false), ("north_up.npy", "FIXTURE/outdoor.png", false),
  ])
  func masksOfAllKinds(name: String, mask: String, isInverted: Bool) throws {
    let source = mask.replacingOccurrences(of: "FIXTURE", with: fixture("brought"))
    let maps = try bring(name) {
      if !name.hasSuffix("npy") { $0.maps = "power" }
      if isInverted { $0.holes = source } else { $0.valid = source }
    }
    for map in try maps.read(0..<3) {
      let flags = map.mask?.flags ?? []
      #expect(flags.indices.allSatisfy { flags[$0] == !isHole($0 / 6, $0 % 6) } && flags.count == 48)
    }
  }

  @Test func masksThatAreNone() {
    let classes = refusal("classes.h5") {
      $0.maps = "power"
      $0.valid = "land"
    }
    #expect(classes?.what == "this is no mask" && classes?.place.hasSuffix("/land") == true)
    let twice = refusal("boolean.h5") {
      $0.maps = "power"
      ($0.valid, $0.holes) = ("outdoor", "buildings")
    }
    #expect(twice?.what == "masks are given twice")
  }

  @Test func numbersThatStandForNothing() throws {
    try requireTruth(try bring("minus_inf.npy") { $0.nodata = [.value(-.infinity)] }, holes: true)
    try requireTruth(
      try bring("nan_and_inf.npy") { $0.nodata = [.value(-.infinity), .value(.nan)] }, holes: true)
    try requireTruth(
      try bring("zeros.npy") {
        $0.units = .linear
        $0.nodata = [.value(0)]
      }, holes: true, tolerance: 2e-5)
    #expect(refusal("minus_inf.npy")?.hint == "if it stands for no data: `nodata` -inf")
    #expect(refusal("zeros.npy") { $0.units = .linear }?.hint == "if 0 stands for no data: `nodata` 0")
    // Half a grey level of 100 / 254 dB.
    try requireTruth(
      try bring("grey_holes") {
        $0.greyRange = .init(black: -147 - 100 / 254, white: -47)
        $0.nodata = [.grey(0)]
      }, holes: true, tolerance: 0.2)
    #expect(refusal("loss.npy") { $0.nodata = [.grey(0)] }?.what.contains("only pictures") == true)
  }

  // MARK: - Units and signs

  @Test(arguments: [
    ("loss.npy", PowerUnits.pathloss, "dB"), ("milliwatt.npy", .milliwatt, "dBm"),
    ("amplitude_c8.npy", .amplitude, "dB"),
    ("amplitude_c16.npy", nil, "dB"), ("amplitude.npy", .amplitude, "dB"), ("amplitude.h5", nil, "dB"),
  ])
  func unitsAndSigns(name: String, units: PowerUnits?, stored: String) throws {
    let maps = try bring(name) { $0.units = units }
    #expect(maps.units == stored)
    try requireTruth(maps, tolerance: 3e-5)
  }

  @Test func greyThatFallsWithPower() throws {
    let maps = try bring("falling.png") {
      $0.greyRange = .init(black: 0, white: -127.5)
    }
    try requireTruth(maps, count: 1, tolerance: 1e-5)
    let losses = try bring("falling.png") {
      $0.greyRange = .init(black: 0, white: 127.5)
      $0.units = .pathloss
    }
    try requireTruth(losses, count: 1, tolerance: 1e-5)
  }

  @Test(arguments: [
    ("amplitude_c8.npy", PowerUnits.decibel, "complex64"), ("amplitude.h5", .linear, "complex64"),
    ("amplitude_c16.npy", .milliwatt, "complex128"),
  ])
  func complexNumbersAreAmplitudes(name: String, units: PowerUnits, type: String) {
    let found = refusal(name) { $0.units = units }
    #expect(found?.what == "complex numbers are amplitudes" && found?.expected?.contains(type) == true)
  }

  @Test func everyUnitBecomesDecibels() throws {
    // 1 nW is -60 dBm.
    let cases: [(PowerUnits, Float, Float)] = [
      (.decibel, -60, -60), (.decibelMilliwatt, -60, -60), (.decibelWatt, -90, -60), (.pathloss, 60, -60),
      (.linear, 1e-6, -60), (.watt, 1e-9, -60), (.milliwatt, 1e-6, -60), (.microwatt, 1e-3, -60), (.nanowatt, 1, -60),
      (.picowatt, 1e3, -60), (.amplitude, 1e-3, -60),
    ]
    #expect(Set(cases.map(\.0)) == Set(PowerUnits.allCases))
    for (units, number, decibels) in cases {
      let path = scratch.write("one.npy", numPy(shape: [2, 2]) { _ in number })
      let map = try ImportedMaps(path: path, options: ImportOptions(units: units)).read(0..<1)[0].map
      #expect(abs(map[0, 0] - decibels) < 1e-4, "\(units)")
    }
  }

  // MARK: - Orientation and axes

  @Test func axesInAnyOrder() throws {
    try requireTruth(
      try bring("north_up.npy") { $0.orientation = MapOrientation(transposes: false, flipsX: false, flipsY: true) })
    try requireTruth(try bring("map_last.npy") { $0.axes = AxisOrder("yxn") })
    try requireTruth(try bring("transposed.npy") { $0.axes = AxisOrder("n,x,y") })
    try requireTruth(
      try bring("transposed.npy") { $0.orientation = MapOrientation(transposes: true, flipsX: false, flipsY: false) })
    #expect(refusal("map_last.npy") { $0.axes = AxisOrder("yx") }?.what == "the order of axes does not fit the array")
    #expect(AxisOrder("nxx") == nil && AxisOrder("ny") == nil && AxisOrder("abc") == nil)
  }

  @Test func matlabKeepsAxesInReverse() throws {
    let found = refusal("matlab_v73.mat") { $0.maps = "A" }
    #expect(found?.hint == "`axes` nxy for A(y,x,map), `axes` nyx for A(x,y,map)")
    let maps = try bring("matlab_v73.mat") {
      $0.maps = "A"
      $0.axes = AxisOrder("nxy")
      $0.stations = "bs"
    }
    try requireTruth(maps)
    #expect(try maps.read(0..<3).map(\.station) == [SIMD3(1, 2, 25), SIMD3(2, 3, 25), SIMD3(4, 5, 25)])
  }

  @Test func placesOfTheFile() throws {
    let maps = try bring("axes.h5")
    try requireTruth(maps)
    #expect(maps.area == Area(spacing: 5, originX: 100, originY: 205))
    let told = try bring("axes.h5") {
      $0.spacing = 2
      $0.origin = SIMD2(1, 1)
    }
    #expect(told.area == Area(spacing: 2, originX: 1, originY: 1))
  }

  @Test func stationsInOtherCoordinates() throws {
    func station(_ file: String, _ coordinates: StationCoordinates?, _ change: (inout ImportOptions) -> Void = { _ in })
      throws
      -> SIMD3<Float>?
    {
      try bring("north_up.npy") {
        $0.orientation = MapOrientation(transposes: false, flipsX: false, flipsY: true)
        $0.spacing = 2
        $0.stations = brought(file)
        $0.stationCoordinates = coordinates
        change(&$0)
      }.read(2..<3)[0].station
    }
    #expect(try station("stations.npy", nil) == SIMD3(4, 5, 25))
    #expect(try station("stations_yx.npy", .yx) == SIMD3(4, 5, 25))
    // Row 5 of 8 in a file whose first row is the greatest y: 7 - 5 rows of 2 m up.
    #expect(try station("stations.npy", .columnRow) == SIMD3(8, 4, 25))
    #expect(try station("stations_yx.npy", .rowColumn) == SIMD3(8, 4, 25))
    #expect(fault { _ = try station("stations_degrees.npy", nil) }?.what == "the stations look like degrees")
    #expect(fault { _ = try station("stations_degrees.npy", .latLon) }?.hint == "`geo_origin` 52.5200,13.4050")
    let place = try station("stations_degrees.npy", .latLon) { $0.geographicOrigin = SIMD2(52.52, 13.405) }
    // WGS 84 at 52.52 degrees: 111,267 m a degree of latitude, 67,880 m of longitude.
    #expect(abs((place?.x ?? 0) - 2.036) < 0.01 && abs((place?.y ?? 0) - 4.451) < 0.01)
    #expect(fault { _ = try station("stations_of_one.npy", nil) }?.hint?.contains("each of them") == true)
  }

  /// A map that falls off from its station, beside its images.
  @Test(arguments: [
    (MapOrientation(transposes: false, flipsX: false, flipsY: true), "`flip` y would mend it"),
    (MapOrientation(transposes: false, flipsX: true, flipsY: true), "`flip` xy would mend it"),
    (MapOrientation(transposes: true, flipsX: false, flipsY: false), "`transpose` would mend it"),
    (MapOrientation(), nil),
  ])
  func mapsThatLieOtherwiseThanTheirStations(turn: MapOrientation, advice: String?) throws {
    let places: [(x: Int, y: Int)] = [(3, 20), (25, 14), (9, 4)]
    let maps = scratch.write(
      "turned.npy",
      numPy(shape: [3, 32, 32]) { index in
        let (sample, place) = (index / 1024, index % 1024)
        let seen = turn.place(row: place / 32, column: place % 32, rows: 32, columns: 32)
        let x = Double(seen.column - places[sample].x), y = Double(seen.row - places[sample].y)
        return Float(-40 - 30 * log10(max(1, (x * x + y * y).squareRoot())))
      })
    let stations = scratch.write(
      "stations.npy", numPy(shape: [3, 2]) { Float($0 % 2 == 0 ? places[$0 / 2].x : places[$0 / 2].y) })
    var options = ImportOptions()
    options.stations = stations
    let target = scratch.file("turned.h5")
    let world = try Communicator.world()
    let report: ImportReport = try MapImporter.run(
      path: maps, options: options, target: target, communicator: world, overwrite: true
    ).report
    #expect(report.warnings.count == (advice == nil ? 0 : 1), "\(report.warnings)")
    if let advice { #expect(report.warnings.first?.hasSuffix(advice) == true, "\(report.warnings)") }
    guard advice != nil else { return }
    // The flag that it names does mend it. Turning and turning back are the same but for a transposed flip.
    options.orientation = turn
    let mended = try MapImporter.run(
      path: maps, options: options, target: target, communicator: world, overwrite: true
    ).report
    #expect(mended.warnings.isEmpty, "\(mended.warnings)")
  }

  @Test func stationsOffTheirMaps() throws {
    let stations = scratch.write("stations.npy", numPy(shape: [3, 2]) { [300, 10, 20, 30, 40, 50][$0] })
    var options = ImportOptions()
    options.stations = stations
    let report = try MapImporter.run(
      path: brought("north_up.npy"), options: options, target: scratch.file("off.h5"),
      communicator: try Communicator.world()
    ).report
    #expect(
      report.warnings.first?.hasPrefix("3 of 3 stations lie off their maps, by up to 295 m") == true,
      "\(report.warnings)")
  }

  // MARK: - Shapes

  @Test func axesOfOneElement() throws {
    try requireTruth(try bring("channel.npy"))
    try requireTruth(try bring("one_picture.npy"), count: 1)
    #expect(refusal("four_axes.npy")?.found == "[3, 2, 8, 6]")
    #expect(refusal("four_axes.npy")?.hint?.contains("numpy.save") == true)
  }

  @Test func picturesOfSeveralSizes() {
    let found = refusal("mixed_sizes") { $0.greyRange = .init(black: -147, white: -47) }
    #expect(found?.place.hasSuffix("2.png") == true && found?.found == "1 of 4 x 4, 2 of 6 x 8")
  }

  @Test func mapsWithoutAnyValue() throws {
    let maps = try bring("all_holes.npy") { $0.nodata = [.value(.nan)] }
    let found = fault { _ = try maps.read(0..<3) }
    #expect(found?.what == "a map has no valid place" && found?.found == "none in sample 1")
  }

  // MARK: - Element types, filters, other formats

  @Test func filesThatSomebodyWrites() throws {
    let path = scratch.file("held.h5")
    try FileManager.default.copyItem(atPath: brought("half.h5"), toPath: path)
    let descriptor = Foundation.open(path, O_RDWR)
    defer { close(descriptor) }
    #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    let held = fault { _ = try ImportedMaps(path: path) }
    #expect(held?.what == "another process writes the file" && held?.hint?.contains("wait") == true)
    #expect(held?.hint?.contains("LOCKING") == false)
    // Its writer has died: only a flag in the file is left.
    #expect(refusal("unclosed.h5")?.hint?.contains("h5clear") == true)
  }

  @Test(arguments: ["half.npy", "half_big.npy", "half.h5", "lzf.h5", "double_big.h5"])
  func typesAndFilters(name: String) throws { try requireTruth(try bring(name)) }

  @Test func checkedAndPackedByLZF() throws {
    let map = try bring("lzf_checked.h5").read(2..<3)[0].map
    #expect(map.values.allSatisfy { $0 == -80 } && map.values.count == 4096)
  }

  /// Damaged LZF never passes the guard: it is refused, or unpacks to as many bytes as before.
  @Test func damagedLZF() throws {
    let whole = try Array(Data(contentsOf: URL(fileURLWithPath: brought("lzf_checked.h5"))))
    for position in stride(from: 0, to: whole.count, by: 37) {
      var changed = whole
      changed[position] ^= 0x5A
      let path = scratch.write("lzf.h5", changed)
      do { _ = try ImportedMaps(path: path).read(0..<3) } catch { #expect(error is Fault) }
    }
  }

  @Test(arguments: [
    ("latest.h5", "the file was written for a newer HDF5", "h5py"),
    ("scaleoffset.h5", "the data set uses a filter that is refused", "h5repack -f GZIP=4"),
    ("compound.h5", "the data set holds no plain numbers", ""),
    ("table.csv", "this kind of file is not read", "numpy.loadtxt"),
    ("matlab_v5.mat", "this kind of file is not read", "scipy.io.loadmat"),
    ("three.nc", "this kind of file is not read", "nccopy -k nc4"),
    ("maps.pkl", "this kind of file is not read", "pickle.load"),
    ("picture.jpg", "this kind of file is not read", "export the numbers"),
    ("make.py", "this kind of file is not read", ""),
  ])
  func whatIsNotReadSaysWhatItIs(name: String, what: String, way: String) {
    let found = refusal(name) { if name == "compound.h5" { $0.maps = "power" } }
    #expect(found?.what == what, "\(String(describing: found))")
    #expect(way.isEmpty || found?.hint?.contains(way) == true, "\(String(describing: found?.hint))")
    #expect(found?.found?.isEmpty == false)
  }
}
