import Configuration

/// A simulation's configuration as YAML: what a data set records of its origin.
extension SimulationConfiguration: ConfigurationSection {
  /// The paper's set-up without line of sight.
  public init() { self.init(scenario: .uma) }

  /// All keys; the finer limits, which depend on the scenario, are those of `validate()`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .choice("scenario", \.scenario, "tables of 3GPP TR 38.901, clause 7.2"),
      .choice("propagation", \.propagation, "whether places see their base station"),
      .choice("parameter_set", \.parameterSet, "the standard's numbers, or those of QuaDRiGa 2.6.1"),
      .choice("polarisation", \.polarisation, "what vertical elements receive of a path"),
      .section("grid", \.grid, "the places"),
      .number("frequency", \.frequency, in: 1e6...1e12, "carrier frequency, Hz"),
      .number("station_height", \.stationHeight, in: 0...1000, "height of the base station, m"),
      .number("user_height", \.userHeight, in: 0...1000, "height of the user equipment, m"),
      .section("array", \.array, "the base station's upright planar array"),
      .section("subcarriers", \.subcarriers, "the band"),
      .choice("wavefront", \.wavefront, "shape of the waves at the array"),
      .choices("layers", \.layers, count: 1...64, "what each map holds"),
      .integer("seed", \.seed, in: 0...UInt64.max, "keys all random numbers"),
    ]
  }

  /// Checks what depends on the scenario.
  public func validate(_ places: ConfigurationPlaces) throws { try validate() }
}

extension AreaGrid: ConfigurationSection {
  /// 128 x 128 places, 1 m apart.
  public init() { self.init(columns: 128) }

  /// The keys of the section `grid`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("columns", \.columns, in: lineRange, "grid lines in x"),
      .integer("rows", \.rows, in: lineRange, "grid lines in y"),
      .number("spacing", \.spacing, in: spacingRange, "distance between neighbouring lines, m"),
    ]
  }
}

extension SimulationConfiguration.Array: ConfigurationSection {
  /// The paper's 8 x 8 array at half a wavelength.
  public init() { self.init(horizontal: 8) }

  /// The keys of the section `array`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("horizontal", \.horizontal, in: 1...64, "elements in a row"),
      .integer("vertical", \.vertical, in: 1...64, "elements in a column"),
      .number("spacing", \.spacing, in: 0.01...10, "distance between elements, wavelengths"),
    ]
  }
}

extension SimulationConfiguration.Subcarriers: ConfigurationSection {
  /// The paper's 300 subcarriers of 15 kHz.
  public init() { self.init(active: 300) }

  /// The keys of the section `subcarriers`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("active", \.active, in: 1...8192, "active subcarriers"),
      .number("spacing", \.spacing, in: 1e3...1e7, "distance between subcarriers, Hz"),
    ]
  }
}
