import Essentials

/// Everything that the content of a simulated data set depends on, its seed included.
public struct SimulationConfiguration: Equatable, Codable, Sendable {
  /// Shape of the waves at the array.
  public enum Wavefront: String, CaseIterable, Codable, Sendable {
    case plane
    case spherical
  }

  /// The uniform planar array of the base station, upright in the plane x = 0 and looking towards +x.
  public struct Array: Equatable, Codable, Sendable {
    /// Elements in a horizontal row (along y).
    public var horizontal = 8
    /// Elements in a vertical column (along z).
    public var vertical = 8
    /// Distance between elements in wavelengths.
    public var spacing = 0.5

    /// The paper's 8 x 8 array at half a wavelength.
    public init(horizontal: Int = 8, vertical: Int = 8, spacing: Double = 0.5) {
      self.horizontal = horizontal
      self.vertical = vertical
      self.spacing = spacing
    }
  }

  /// The active subcarriers, centred on the carrier: k = -N/2 ... N/2 - 1.
  public struct Subcarriers: Equatable, Codable, Sendable {
    /// Active subcarriers N.
    public var active = 300
    /// Distance between subcarriers [Hz].
    public var spacing = 15e3

    /// The paper's 300 subcarriers of 15 kHz.
    public init(active: Int = 300, spacing: Double = 15e3) {
      self.active = active
      self.spacing = spacing
    }
  }

  /// The tables of which scenario hold.
  public var scenario: Scenario
  /// Whether places see their base station.
  public var propagation: Propagation
  /// Whose parameters.
  public var parameterSet: ParameterSet = .quadriga
  /// What vertical elements receive of a path.
  public var polarisation: Polarisation = .normalised
  /// The places.
  public var grid = AreaGrid()
  /// Carrier frequency [Hz].
  public var frequency = 2.4e9
  /// Height of the base station [m].
  public var stationHeight: Double
  /// Height of the user equipment [m].
  public var userHeight = 1.5
  /// The base station's array.
  public var array = Array()
  /// The band.
  public var subcarriers = Subcarriers()
  /// Shape of the waves at the array.
  public var wavefront = Wavefront.plane
  /// What each map holds.
  public var layers: [ChannelQuantity] = [.pathPower]
  /// Whence all random numbers come.
  public var seed: UInt64 = 0

  /// The paper's set-up (Table I), at the scenario's default station height.
  public init(scenario: Scenario = .uma, propagation: Propagation = .nonLineOfSight, seed: UInt64 = 0) {
    self.scenario = scenario
    self.propagation = propagation
    self.seed = seed
    stationHeight = scenario.defaultStationHeight
  }

  /// Where the places lie, and how high.
  public var area: Area {
    Area(spacing: grid.spacing, originX: grid.x(0), originY: grid.y(0), userHeight: userHeight)
  }

  /// Checks every value against what the equations cover.
  ///
  /// - Throws: a `Fault` that names the first key out of range.
  public func validate() throws {
    try grid.validate()
    let table = "\(scenario.rawValue) (3GPP TR 38.901, Table 7.4.1-1)"
    try check(frequency, "frequency", scenario.frequencyRange, "Hz", "the range of \(table)")
    try check(userHeight, "user_height", scenario.userHeightRange, "m", "the range of \(table)")
    try check(stationHeight, "station_height", scenario.stationHeightRange, "m", "the range of \(table)")
    guard stationHeight > userHeight else {
      throw Fault(
        "the base station must stand above the user equipment", at: "station_height",
        expected: "more than \(userHeight) m", found: "\(stationHeight) m")
    }
    try check(array.horizontal, "array.horizontal", 1...64)
    try check(array.vertical, "array.vertical", 1...64)
    try check(array.spacing, "array.spacing", 0.01...10, "wavelengths", nil)
    try check(subcarriers.active, "subcarriers.active", 1...8192)
    try check(subcarriers.spacing, "subcarriers.spacing", 1e3...1e7, "Hz", nil)
    guard Double(subcarriers.active) * subcarriers.spacing < frequency else {
      throw Fault(
        "the band is wider than the carrier frequency", at: "subcarriers",
        expected: "less than \(frequency) Hz",
        found: "\(Double(subcarriers.active) * subcarriers.spacing) Hz")
    }
    guard !layers.isEmpty, Set(layers).count == layers.count else {
      throw Fault(
        "the list of layers is empty or repeats one", at: "layers",
        expected: "some of \(ChannelQuantity.allCases.map(\.rawValue).joined(separator: ", "))",
        found: layers.map(\.rawValue).joined(separator: ", "))
    }
  }

  private func check(
    _ value: Double, _ key: String, _ range: ClosedRange<Double>, _ unit: String, _ hint: String?
  ) throws {
    guard range.contains(value) else {
      throw Fault(
        "the value is out of range", at: key,
        expected: "\(range.lowerBound) to \(range.upperBound) \(unit)", found: "\(value) \(unit)", hint: hint)
    }
  }

  private func check(_ value: Int, _ key: String, _ range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw Fault(
        "the value is out of range", at: key, expected: "\(range.lowerBound) to \(range.upperBound)",
        found: "\(value)")
    }
  }

  /// Frequency [GHz] at which the laws of the large-scale parameters are evaluated.
  var lawFrequency: Double {
    let gigahertz = frequency / 1e9
    return parameterSet == .standard ? max(gigahertz, scenario.lowestLawFrequency) : gigahertz
  }
}
