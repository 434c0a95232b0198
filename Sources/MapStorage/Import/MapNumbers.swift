import Essentials
import Foundation

/// What the numbers of an array of maps mean: from stored numbers to decibels, and which places hold nothing.
struct MapNumbers {
  /// What they are.
  let units: PowerUnits
  /// What the maps are in: dB, or dBm of powers that were received.
  let stored: String
  /// Why they are taken for that, for people.
  let reason: String
  /// Whether a place can turn out to hold nothing.
  var canHaveHoles: Bool { !fills.isEmpty || !asked.isEmpty || validRange != nil }
  /// Whether nothing says that they are decibels: then a map without any negative number is refused.
  private let isAssumed: Bool
  private let place: String
  /// What is listened to of what the file says, and what the user says instead.
  let facts: ArrayFacts
  /// The least and greatest stored number that has a meaning, where the user has said what they are.
  private let greys: ClosedRange<Float>?
  /// Stored numbers of the file's own that stand for nothing.
  private let fills: [Float]
  /// What the user says stands for nothing.
  private let asked: [ImportOptions.NoData]
  private let validRange: ClosedRange<Double>?
  private let transmitPower: Float
  private let limits: ValueRange
  private let threshold: Float?

  /// Places without a value, by the reason.
  typealias Holes = [String: Int]

  /// Decibels that a gain can have which is none: more than ratios, parts of complex numbers and deviations have.
  private static let smallest: Float = 10

  /// - Parameters:
  ///   - source: the array.
  ///   - options: what its user says of it.
  /// - Throws: `Fault` where file and user contradict each other, or what the numbers are cannot be known.
  init(_ source: any MapSource, _ options: ImportOptions) throws {
    place = source.place
    (facts, greys) = try Self.heard(source, options)
    (units, reason, isAssumed) = try Self.units(facts, options, at: source.place)
    if let scale = facts.scale, scale == 0 || !scale.isFinite {
      throw Fault(
        "the scale of the numbers makes no sense", at: "\(place)@scale_factor",
        expected: "a finite number that is not 0",
        found: "\(scale)", hint: "`ignore_attributes` takes the numbers as they are stored")
    }
    fills = facts.fills.map { Float($0) }
    validRange = facts.validRange
    asked = options.nodata
    if asked.contains(where: { if case .value = $0 { false } else { true } }), !facts.isPicture {
      throw Fault(
        "only pictures have grey levels and transparent pixels", at: place, expected: "a number with `nodata`",
        found: "a grey level, or transparent")
    }
    if options.transmitPower != nil, !units.isReceived {
      throw Fault(
        "no power was sent where gains are given", at: "`transmit_power`", expected: "received power: dBm, mW, W, ...",
        found: units.rawValue)
    }
    transmitPower = options.transmitPower ?? 0
    stored = units.isReceived && options.transmitPower == nil ? "dBm" : "dB"
    limits = options.limits ?? ImportOptions.usualLimits(received: stored == "dBm")
    threshold = options.threshold
  }

  /// What is said of the numbers, by the file or instead by the user.
  private static func heard(
    _ source: any MapSource, _ options: ImportOptions
  ) throws -> (ArrayFacts, greys: ClosedRange<Float>?) {
    var facts = options.ignoresAttributes ? source.facts.bare : source.facts
    let isScaled = options.scale != nil || options.offset != nil
    if let scale = options.scale { facts.scale = scale }
    if let offset = options.offset { facts.offset = offset }
    guard let range = options.greyRange, !facts.isPicture else {
      guard !facts.isPicture || !isScaled else { throw twice(source.place) }
      return (facts, nil)
    }
    guard !isScaled else { throw twice(source.place) }
    let greatest: Float? =
      switch facts.type {
      case "uint8": 255
      case "uint16": 65535
      case "float16", "float32", "float64": 1
      default: nil
      }
    guard let greatest else {
      throw Fault(
        "the range of values is for pictures, and arrays made of such", at: source.place,
        expected: "uint8, uint16, or floats from 0 to 1 with `picture_range`", found: facts.type,
        hint: "`scale_factor` and `add_offset` say what other numbers mean")
    }
    (facts.scale, facts.offset) = (Double((range.white - range.black) / greatest), Double(range.black))
    return (facts, 0...greatest)
  }

  private static func twice(_ place: String) -> Fault {
    Fault(
      "what the numbers are is said twice", at: place,
      expected: "either `picture_range`, or `scale_factor` and `add_offset`",
      found: "both")
  }

  private static func units(
    _ facts: ArrayFacts, _ options: ImportOptions, at place: String
  ) throws -> (PowerUnits, reason: String, isAssumed: Bool) {
    let claim = facts.units.map(PowerUnits.claim)
    let meaning = facts.longName.flatMap(PowerUnits.meaning)
    func contradiction(_ attribute: String, _ text: String?, _ expected: String) -> Fault {
      Fault(
        "the file says that its numbers are something else", at: "\(place)@\(attribute)", expected: expected,
        found: "\"\(text ?? "")\"",
        hint: "if the file is wrong, `ignore_attributes` leaves out what it says of its numbers")
    }
    let known = PowerUnits.allCases.map(\.rawValue).joined(separator: ", ")
    if claim == .other { throw contradiction("units", facts.units, "units of power or gain: \(known)") }
    if meaning == .noPower { throw contradiction("long_name", facts.longName, "maps of power or gain") }
    if let asked = options.units {
      if case .known(let claimed)? = claim, !asked.agrees(with: claimed) {
        throw contradiction("units", facts.units, "\(asked.rawValue), as `units` says")
      }
      if let meaning, !asked.agrees(with: meaning) {
        throw contradiction("long_name", facts.longName, "\(asked.rawValue), as `units` says")
      }
      if facts.isComplex, asked != .amplitude { throw complex(facts, at: place, found: asked.rawValue) }
      return (asked, "as `units` says", false)
    }
    if facts.isComplex { return (.amplitude, "complex amplitudes, taken as power", false) }
    if case .known(let claimed)? = claim {
      if let meaning, !claimed.agrees(with: meaning) {
        throw Fault(
          "it cannot be known what the numbers are", at: "\(place)@long_name",
          expected: "`units`, one of \(known)", found: "\"\(facts.longName ?? "")\" in \(claimed.rawValue)")
      }
      return (claimed, "as the file's attribute says", false)
    }
    if let meaning, meaning != .gain || claim != nil {
      throw Fault(
        "it cannot be known what the numbers are", at: "\(place)@long_name", expected: "`units`, one of \(known)",
        found: "\"\(facts.longName ?? "")\"")
    }
    if claim == .unknown {
      throw Fault(
        "the file's units are not known here", at: "\(place)@units", expected: "`units`, one of \(known)",
        found: "\"\(facts.units ?? "")\"")
    }
    return (.decibel, "nothing in the file says otherwise", true)
  }

  private static func complex(_ facts: ArrayFacts, at place: String, found: String) -> Fault {
    Fault(
      "complex numbers are amplitudes", at: place, expected: "`units` amplitude for \(facts.type)", found: found,
      hint: "their power is the squared absolute value; the real part alone is none")
  }

  // MARK: - Reading

  /// One map's numbers in decibels.
  ///
  /// - Parameters:
  ///   - values: as they are stored; receives decibels, NaN where a place holds nothing.
  ///   - mask: which places hold something as far as is known; nil: all.
  ///   - transparent: which pixels of a picture are transparent; nil: none.
  ///   - columns: columns of the map.
  ///   - sample: what to call the map.
  ///   - tally: counts places that hold nothing, and values that stand alone.
  /// - Returns: which places hold something; nil where there is no telling that any does not.
  func decibels(
    _ values: inout [Float], mask: Mask?, transparent: [Bool]?, columns: Int, sample: String,
    _ tally: inout ImportTally
  ) throws -> Mask? {
    var flags = mask?.flags ?? (canHaveHoles ? [Bool](repeating: true, count: values.count) : [])
    func at(_ index: Int) -> String { "in sample \(sample), row \(index / columns), column \(index % columns)" }
    if canHaveHoles {
      for index in values.indices where flags[index] {
        guard let reason = hole(values[index], isTransparent: transparent?[index] ?? false) else { continue }
        flags[index] = false
        tally.holes[reason, default: 0] += 1
      }
    }
    if let first = transparent?.firstIndex(of: true), flags.isEmpty || flags[first] {
      throw Fault(
        "a picture has transparent pixels", at: place, expected: "opaque ones", found: "one \(at(first))",
        hint: "`nodata` transparent takes them for places without a value")
    }
    try requireSign(values, flags, sample: sample)
    var isEmpty = true
    var ends = LoneValue.Ends()
    for index in values.indices {
      let isValid = flags.isEmpty || flags[index]
      let stored = values[index]
      let number = unpacked(stored)
      let decibels = units.decibels(number) - transmitPower
      values[index] = decibels
      guard isValid else {
        // What a mask hides may be anything that is a number; powers without one have no decibels.
        if units.isLinear || !decibels.isFinite || decibels < limits.minimum || decibels > limits.maximum {
          values[index] = .nan
        }
        continue
      }
      isEmpty = false
      if let greys, !greys.contains(stored) { throw beyond(greys, stored, at(index)) }
      if decibels < limits.minimum || decibels > limits.maximum || !decibels.isFinite {
        throw refusal(stored, number, decibels, at(index))
      }
      ends.add(decibels, stored: stored)
      if let threshold, decibels < threshold {
        values[index] = threshold
        tally.raised += 1
      }
    }
    guard !isEmpty else {
      throw Fault(
        "a map has no valid place", at: place, expected: "a value at one place at least",
        found: "none in sample \(sample)",
        hint: "leave the map out")
    }
    tally.places += values.count
    tally.masked += mask?.flags.count { !$0 } ?? 0
    ends.lone.forEach { tally.add($0) }
    return flags.isEmpty ? nil : Mask(flags)
  }

  /// Gains are negative somewhere, and not all small, unless somebody says that the numbers are gains.
  private func requireSign(_ stored: [Float], _ flags: [Bool], sample: String) throws {
    guard isAssumed else { return }
    var least = Float.infinity, greatest = -Float.infinity
    for index in stored.indices where flags.isEmpty || flags[index] {
      let number = unpacked(stored[index])
      (least, greatest) = (min(least, number), max(greatest, number))
    }
    let isSmall = least >= -Self.smallest && greatest <= Self.smallest
    guard least <= greatest, least >= 0 || isSmall else { return }
    throw Fault(
      "it cannot be known what the numbers are", at: place,
      expected: "`units`, one of \(PowerUnits.allCases.map(\.rawValue).joined(separator: ", "))",
      found: "numbers from \(least) to \(greatest) in sample \(sample): hardly gains in dB",
      hint: facts.isPicture
        ? "losses are `units` pathloss; `units` dB takes the numbers for gains all the same"
        : "losses are `units` pathloss, ratios linear, parts of complex numbers have to be put together; grey levels and "
          + "numbers from 0 to 1 become values by `picture_range`, others by `scale_factor` and `add_offset`; `units` dB "
          + "takes the numbers for gains all the same")
  }

  private func beyond(_ greys: ClosedRange<Float>, _ stored: Float, _ at: String) -> Fault {
    Fault(
      "a number is beyond those that `picture_range` is for", at: place,
      expected: "\(Self.text(greys.lowerBound)) to \(Self.text(greys.upperBound)) in arrays of \(facts.type)",
      found: "\(stored) \(at)", hint: "`scale_factor` and `add_offset` say what other numbers mean")
  }

  /// Why a stored number stands for nothing; nil where it does not.
  private func hole(_ value: Float, isTransparent: Bool) -> String? {
    for entry in asked {
      switch entry {
      case .value(let nothing) where value == nothing || value.isNaN && nothing.isNaN: return "\(Self.text(nothing))"
      case .grey(let level) where value == Float(level): return "grey \(level)"
      case .transparent where isTransparent: return "transparent"
      default: break
      }
    }
    if fills.contains(where: { value == $0 || value.isNaN && $0.isNaN }) {
      return "the file's fill \(Self.text(value))"
    }
    if let validRange, !value.isNaN, !validRange.contains(Double(value)) { return "outside the file's valid range" }
    return nil
  }

  static func text(_ value: Float) -> String {
    value == value.rounded() && abs(value) < 1e7 ? "\(Int(value))" : "\(value)"
  }

  private func unpacked(_ stored: Float) -> Float {
    var number = stored
    if let bits = facts.unsignedBits, number < 0 { number += Float(UInt64(1) << bits) }
    // A picture's range is of floats: black and white stay what they were given as.
    if facts.isPicture || greys != nil { return Float(facts.offset ?? 0) + Float(facts.scale ?? 1) * number }
    guard facts.scale != nil || facts.offset != nil else { return number }
    return Float(Double(number) * (facts.scale ?? 1) + (facts.offset ?? 0))
  }

  private func refusal(_ stored: Float, _ number: Float, _ decibels: Float, _ at: String) -> Fault {
    if units.isLinear, number <= 0 && units != .amplitude || number == 0 {
      return Fault(
        "a power is not positive", at: place, expected: "numbers above 0, or a mask of valid places",
        found: "\(number) \(at)",
        hint: number == 0
          ? "if 0 stands for no data: `nodata` 0" : "if the maps are in decibels already: `units` dB")
    }
    guard decibels.isFinite || stored.isFinite else {
      return Fault(
        "a map has a value that is no finite number", at: place, expected: "numbers, or a mask of valid places",
        found: "\(stored) \(at)",
        hint: "if it stands for no data: `nodata` \(stored.isNaN ? "nan" : stored < 0 ? "-inf" : "inf")")
    }
    return Fault(
      "a value is none that a channel has", at: place,
      expected: "\(Self.text(limits.minimum)) to \(Self.text(limits.maximum)) \(self.stored)",
      found: "\(decibels) \(self.stored)"
        + (decibels == stored ? "" : " from \(Self.text(stored)) in \(units.rawValue)")
        + " \(at)",
      hint: (stored == stored.rounded() ? "if it stands for no data: `nodata` \(Self.text(stored)); " : "")
        + (units == .decibel && decibels > 0 ? "if the numbers are losses: `units` pathloss; " : "")
        + "if the numbers are something else: `units`, or `scale_factor` and `add_offset`; if they are right: `limits` LOW,HIGH"
    )
  }
}
