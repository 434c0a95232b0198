import Configuration

/// What a data set's `config` records of the simulation that made it: the configuration's keys, and behind them the
/// section `stations` where stations were given.
public struct SimulationRecord: ConfigurationSection, Equatable {
  /// Stations that were given.
  public struct Stations: ConfigurationSection, Equatable {
    /// The file and data set, as given.
    public var source = ""
    /// How many there are; 0: none were given.
    public var count = 0
    /// XXH64 of the positions.
    public var checksum = ""

    /// None.
    public init() {}

    /// The keys of the section `stations`.
    public static var fields: [ConfigurationField<Self>] {
      [
        .text("source", \.source, "file and data set"),
        .integer("count", \.count, in: 0...Int(Int32.max), "positions"),
        .text("checksum", \.checksum, "XXH64 of the positions"),
      ]
    }
  }

  /// Everything else that the maps depend on.
  public var simulation = SimulationConfiguration()
  /// Of count 0 where stations were drawn.
  public var stations = Stations()

  /// A record to read keys into.
  public init() {}

  /// - Parameters:
  ///   - simulation: the configuration.
  ///   - stations: those that were given; nil where they were drawn.
  public init(_ simulation: SimulationConfiguration, stations: Stations?) {
    self.simulation = simulation
    self.stations = stations ?? Stations()
  }

  /// The record in a data set's `config`; nil where that tells of something else than a simulation.
  ///
  /// - Parameters:
  ///   - yaml: the text of `config`.
  ///   - place: what to call it in messages.
  /// - Throws: `Fault` naming line and key that are wrong.
  public init?(yaml: String, at place: String) throws {
    guard Configuration.topLevelKeys(of: yaml).contains(Self.fields[0].name) else { return nil }
    self = try Configuration.read(yaml: yaml, named: place)
  }

  /// The record as text.
  public var yaml: String { stations.count > 0 ? Configuration.yaml(self) : Configuration.yaml(simulation) }

  /// The keys of the configuration, and `stations`.
  public static var fields: [ConfigurationField<Self>] {
    SimulationConfiguration.fields.map { $0.lifted(through: \.simulation) } + [
      .section("stations", \.stations, "given stations")
    ]
  }

  /// Checks what depends on the scenario.
  public func validate(_ places: ConfigurationPlaces) throws { try simulation.validate(places) }
}
