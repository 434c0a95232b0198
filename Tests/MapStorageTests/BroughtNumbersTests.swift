import Essentials
import Foundation
@testable import MapStorage
import Testing
import TestSupport

/// Files as people bring them (`Fixtures/brought/make.py`): what their numbers mean is known, asked for, or refused.
@Suite struct BroughtNumbersTests: BroughtFiles {
  let scratch = Scratch()

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
}
