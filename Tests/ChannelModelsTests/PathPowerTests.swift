import Computing
import Essentials
import Foundation
import Testing
@testable import ChannelModels

/// Path power against theory, and what a map may depend on.
@Suite struct PathPowerTests {
  private func simulator(_ configuration: SimulationConfiguration, threads: Int = 1) throws -> ChannelSimulator {
    try ChannelSimulator(configuration, threads: Threads(count: threads))
  }

  /// Three of our own standard errors in each of the reference page's bins, as the issue asks: 200 maps.
  @Test(arguments: [Propagation.nonLineOfSight, .lineOfSight])
  func powerPlusPathlossIsThePolarisationLossInEveryBin(propagation: Propagation) throws {
    let simulator = try simulator(SimulationConfiguration(propagation: propagation, seed: 5))
    let expected = Self.polarisationLoss(simulator.states[0], simulator.configuration)
    let edges = [0.0, 10, 20, 30, 45, 60, 80, 100, 130]
    // The sums over a map and their denominators: a bin's mean is their quotient, over all places of all maps.
    var bins = [[(sum: Double, count: Double)]](repeating: [], count: edges.count)
    for sample in 0..<200 {
      let map = try simulator.simulate(sample)
      var sums = [Double](repeating: 0, count: edges.count)
      var counts = sums
      let power = try #require(map.pathPower)
      for row in 0..<128 {
        for column in 0..<128 {
          let x = simulator.configuration.grid.x(column) - map.station.x
          let y = simulator.configuration.grid.y(row) - map.station.y
          let distance = (x * x + y * y).squareRoot()
          let loss = simulator.pathloss.decibels(distance: distance, lineOfSight: propagation == .lineOfSight)
          let bin = try #require(edges.lastIndex { $0 <= distance })
          sums[bin] += Double(power[row, column]) + loss - expected
          counts[bin] += 1
        }
      }
      for bin in edges.indices where counts[bin] > 0 { bins[bin].append((sums[bin], counts[bin])) }
    }
    for (bin, maps) in bins.enumerated() {
      let below = maps.reduce(0) { $0 + $1.count }
      let mean = maps.reduce(0) { $0 + $1.sum } / below
      let squares = maps.reduce(0) { $0 + ($1.sum - mean * $1.count) * ($1.sum - mean * $1.count) }
      let error = squares.squareRoot() / below
      #expect(abs(mean) < 3 * error, "from \(edges[bin]) m: \(mean) +- \(error) dB")
    }
  }

  /// E[10 lg of the kept share], by quadrature over the normal K factor and cross-polarisation ratio with the
  /// deviations that are left when a map's mean is removed.
  private static func polarisationLoss(
    _ state: LargeScaleFields, _ configuration: SimulationConfiguration
  ) -> Double {
    func remaining(_ parameter: LargeScaleParameter) -> Double {
      let distance = state.parameters.decorrelation(of: parameter, configuration)
      return (1 - varianceOfMean(SinusoidBasis(decorrelation: distance), configuration.grid)).squareRoot()
    }
    let (ratioDeviation, kDeviation) = (remaining(.crossPolarisation), remaining(.kFactor))
    var sum = 0.0
    var weight = 0.0
    for i in -40...40 {
      for j in -40...40 {
        let (u, v) = (Double(i) / 10, Double(j) / 10)
        let w = exp(-(u * u + v * v) / 2)
        let ratio = pow(10, state.lineOfSight ? 0.8 + 0.4 * u * ratioDeviation : 0.7 + 0.3 * u * ratioDeviation)
        var kept = ratio / (1 + ratio)
        if state.lineOfSight {
          let k = pow(10, 0.9 + 0.35 * v * kDeviation)
          kept = (k + kept) / (k + 1)
        }
        sum += w * 10 * log10(kept)
        weight += w
      }
    }
    return sum / weight
  }

  /// Variance of the mean over a square map of a field of unit variance: the mean autocorrelation over all pairs of places,
  /// (n - i) (n - j) of which lie i columns and j rows apart, in any direction.
  private static func varianceOfMean(_ basis: SinusoidBasis, _ grid: AreaGrid) -> Double {
    let n = grid.columns
    // In steps of four places: the field hardly changes over them.
    var (sum, weight) = (0.0, 0.0)
    for i in stride(from: -n + 2, to: n, by: 4) {
      for j in stride(from: -n + 2, to: n, by: 4) {
        let pairs = Double((n - abs(i)) * (n - abs(j)))
        sum += pairs * basis.autocorrelation(distance: grid.spacing * Double(i * i + j * j).squareRoot())
        weight += pairs
      }
    }
    return sum / weight
  }

  @Test func neitherThreadsNorOrderChangeAMap() throws {
    var configuration = SimulationConfiguration(propagation: .mixed, seed: 9)
    configuration.grid = AreaGrid(columns: 24, rows: 20, spacing: 5)
    configuration.layers = [.pathPower, .lineOfSight, .delaySpread, .kFactor]
    let one = try simulator(configuration).simulate([0, 1, 2, 3, 4])
    let three = try simulator(configuration, threads: 3).simulate([4, 2, 0, 1, 3])
    for (position, sample) in [4, 2, 0, 1, 3].enumerated() {
      #expect(three[position].layers == one[sample].layers)
      #expect(three[position].station == one[sample].station)
    }
    #expect(one[0].layers != one[1].layers)
  }

  /// Uniform over 128 lines: 500 stations have a mean of 64.5 give or take 1.65, and few lie on the same point.
  @Test func stationsAreSpreadEvenlyOverTheGridPoints() throws {
    let simulator = try simulator(SimulationConfiguration(seed: 3))
    let stations = (0..<500).map { simulator.station(sample: $0) }
    for axis in 0..<2 {
      let places = stations.map { $0[axis] }
      #expect(!places.contains { $0 != $0.rounded() || !(1...128).contains($0) })
      #expect(abs(places.reduce(0, +) / 500 - 64.5) < 6.6)
    }
    #expect(Set(stations.map { "\($0.x) \($0.y)" }).count > 480)
    #expect(!stations.contains { $0.z != 25 })
  }

  @Test func lineOfSightShareFollowsTheProbability() throws {
    // 300 maps of 50 m correlation: the standard error of the share is about 0.012.
    var configuration = SimulationConfiguration(propagation: .mixed, seed: 21)
    configuration.grid = AreaGrid(columns: 16, rows: 16, spacing: 8)
    configuration.layers = [.lineOfSight]
    let simulator = try simulator(configuration)
    var seen = 0.0
    var expected = 0.0
    for map in try simulator.simulate(Array(0..<300)) {
      seen += Double(try #require(map.layers[.lineOfSight]).values.reduce(0, +))
      for row in 0..<16 {
        for column in 0..<16 {
          let (x, y) = (configuration.grid.x(column), configuration.grid.y(row))
          let distance = ((x - map.station.x) * (x - map.station.x) + (y - map.station.y) * (y - map.station.y))
            .squareRoot()
          expected += simulator.pathloss.lineOfSightProbability(distance: distance)
        }
      }
    }
    #expect(abs(seen - expected) / (300 * 256) < 0.04)
  }

  @Test func everyScenarioGivesFiniteLayers() throws {
    for scenario in Scenario.allCases {
      for set in ParameterSet.allCases {
        var configuration = SimulationConfiguration(scenario: scenario, propagation: .mixed, seed: 2)
        configuration.parameterSet = set
        configuration.grid = AreaGrid(columns: 12, rows: 9, spacing: 7)
        configuration.layers = ChannelQuantity.allCases
        let map = try simulator(configuration).simulate(3)
        #expect(Set(map.layers.keys) == Set(ChannelQuantity.allCases))
        for (layer, values) in map.layers {
          #expect(values.rows == 9 && values.columns == 12)
          #expect(!values.values.contains { !$0.isFinite }, "\(scenario) \(layer)")
        }
      }
    }
  }

  @Test func faultsNameTheKey() throws {
    func place(_ change: (inout SimulationConfiguration) -> Void) -> String? {
      var configuration = SimulationConfiguration()
      change(&configuration)
      do {
        try configuration.validate()
        return nil
      } catch { return (error as? Fault)?.place }
    }
    #expect(place { _ in } == nil)
    #expect(place { $0.grid.columns = 0 } == "grid.columns")
    #expect(place { $0.grid.rows = -3 } == "grid.rows")
    #expect(place { $0.grid.spacing = .nan } == "grid.spacing")
    #expect(place { $0.frequency = 0.1e9 } == "frequency")
    #expect(place { $0.frequency = .infinity } == "frequency")
    #expect(place { $0.userHeight = 0 } == "user_height")
    #expect(place { $0.stationHeight = 2000 } == "station_height")
    #expect(place { $0.array.horizontal = 0 } == "array.horizontal")
    #expect(place { $0.subcarriers.active = 0 } == "subcarriers.active")
    #expect(place { $0.layers = [] } == "layers")
  }

  @Test func aStationOutsideTheAreaIsAFault() throws {
    let simulator = try simulator(SimulationConfiguration())
    #expect(throws: Fault.self) { try simulator.simulate(0, station: SIMD2(128.5, 3)) }
    #expect(throws: Fault.self) { try simulator.simulate(0, station: SIMD2(.nan, 3)) }
    #expect(throws: Fault.self) { try simulator.simulate([0], stations: [SIMD2(-1, 3)]) }
  }
}
