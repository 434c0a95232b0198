import Foundation

/// What a map's numbers are; all become decibels.
public enum PowerUnits: String, Codable, CaseIterable, Sendable {
  /// Channel gain in decibels, as a data set has it: taken as it is.
  case decibel = "dB"
  /// Received power in decibels over a milliwatt.
  case decibelMilliwatt = "dBm"
  /// Received power in decibels over a watt.
  case decibelWatt = "dBW"
  /// Loss in positive decibels: its sign is turned.
  case pathloss
  /// Power gain as a ratio: ten times its decimal logarithm.
  case linear
  /// Received power.
  case watt = "W"
  /// Received power.
  case milliwatt = "mW"
  /// Received power.
  case microwatt = "uW"
  /// Received power.
  case nanowatt = "nW"
  /// Received power.
  case picowatt = "pW"
  /// Gain as an amplitude, real or complex: twenty times the decimal logarithm of its absolute value.
  case amplitude

  /// As people write them: exactly, or where only one is meant with other capitals or in full.
  public init?(named text: String) {
    guard case .known(let units) = Self.claim(text) else { return nil }
    self = units
  }

  /// Whether the numbers are of a power that was received, not of a gain: then maps are in dBm until the power that was
  /// sent is taken away.
  public var isReceived: Bool {
    switch self {
    case .decibel, .pathloss, .linear, .amplitude: false
    case .decibelMilliwatt, .decibelWatt, .watt, .milliwatt, .microwatt, .nanowatt, .picowatt: true
    }
  }

  /// Whether the numbers are ratios or powers, which have a logarithm where they are positive.
  var isLinear: Bool {
    switch self {
    case .linear, .watt, .milliwatt, .microwatt, .nanowatt, .picowatt, .amplitude: true
    case .decibel, .decibelMilliwatt, .decibelWatt, .pathloss: false
    }
  }

  /// Of a number, the gain [dB] or, where it was received, the power [dBm]; not finite where it has none.
  func decibels(_ value: Float) -> Float {
    switch self {
    case .decibel, .decibelMilliwatt: value
    case .decibelWatt: value + 30
    case .pathloss: -value
    case .linear, .milliwatt: 10 * log10(value)
    case .watt: 10 * log10(value) + 30
    case .microwatt: 10 * log10(value) - 30
    case .nanowatt: 10 * log10(value) - 60
    case .picowatt: 10 * log10(value) - 90
    case .amplitude: 20 * log10(abs(value))
    }
  }

  /// What an attribute `units` says.
  enum Claim: Equatable {
    /// One of ours.
    case known(PowerUnits)
    /// No units at all: "1", "none".
    case none
    /// Units of something that is no power: metres, seconds, degrees.
    case other
    /// Nothing that is known here.
    case unknown
  }

  /// What an attribute `units` says.
  static func claim(_ text: String) -> Claim {
    let plain = text.trimmingCharacters(in: .whitespaces)
    // M and m are a milliard apart.
    if let exact = allCases.first(where: { $0.rawValue == plain }) { return .known(exact) }
    let word = plain.lowercased()
    for (units, names) in names where names.contains(word) { return .known(units) }
    if ["", "1", "-", "none", "dimensionless", "unitless", "n/a"].contains(word) { return .none }
    return others.contains(word) ? .other : .unknown
  }

  private static let names: [(PowerUnits, Set<String>)] = [
    (.decibel, ["db", "decibel", "decibels", "dbi"]),
    (
      .decibelMilliwatt,
      ["dbm", "dbmw", "decibel-milliwatt", "decibel-milliwatts", "decibel milliwatts", "db(mw)", "db re 1 mw"]
    ),
    (.decibelWatt, ["dbw", "decibel-watt", "decibel-watts", "db(w)"]),
    (.watt, ["watt", "watts", "w"]), (.milliwatt, ["milliwatt", "milliwatts"]),
    (.microwatt, ["microwatt", "microwatts", "µw", "μw"]), (.nanowatt, ["nanowatt", "nanowatts"]),
    (.picowatt, ["picowatt", "picowatts"]), (.linear, ["linear", "ratio", "power ratio", "w/w"]),
    (.pathloss, ["pathloss", "path loss"]),
  ]

  private static let others: Set<String> = [
    "m", "metre", "metres", "meter", "meters", "km", "s", "second", "seconds", "ms", "us", "µs", "ns", "deg", "degree",
    "degrees", "rad", "radian", "radians", "k", "kelvin", "hz", "khz", "mhz", "ghz", "bit/s", "mbps", "mbit/s", "%",
    "percent", "v/m", "dbuv/m", "dbµv/m", "v", "volt", "degrees_north", "degrees_east", "degc", "celsius",
  ]
}

extension PowerUnits {
  /// What a long name says that its units do not: a loss or a gain, or no power at all.
  enum Meaning: Equatable {
    case loss, gain, received
    case noPower
  }

  /// What the words of a `long_name` mean; nil where they say nothing of it.
  static func meaning(_ longName: String) -> Meaning? {
    let words = longName.lowercased().replacingOccurrences(of: "_", with: " ").replacingOccurrences(of: "-", with: " ")
    func has(_ list: [String]) -> Bool { list.contains { words.contains($0) } }
    if has(["loss", "attenuation"]) { return .loss }
    if has(["received power", "receive power", "rsrp", "rssi", "signal strength"]) { return .received }
    if has(["gain"]) { return .gain }
    if has(["power", "fading", "channel", "signal"]) { return nil }
    let strangers = [
      "standard deviation", "delay", "angle", "azimuth", "phase", "height", "elevation", "mask", "distance",
    ]
    return has(strangers) ? .noPower : nil
  }

  /// Whether numbers in these units may be called so.
  func agrees(with meaning: Meaning) -> Bool {
    switch meaning {
    case .loss: self == .pathloss
    case .gain: !isReceived && self != .pathloss
    // Received powers are often given over the power sent.
    case .received: self != .pathloss
    case .noPower: false
    }
  }

  /// Whether numbers in these units may be claimed to be in others: losses are in dB as well.
  func agrees(with claimed: PowerUnits) -> Bool {
    self == claimed || self == .pathloss && claimed == .decibel
  }
}
