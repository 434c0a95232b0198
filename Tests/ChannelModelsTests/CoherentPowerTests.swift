import Computing
import Essentials
import Foundation
import Testing
@testable import ChannelModels

/// Coherent power: the fast sum against the direct one, and against what it must mean.
@Suite struct CoherentPowerTests {
  private func configuration(
    _ propagation: Propagation, columns: Int, rows: Int, spacing: Double = 1
  ) -> SimulationConfiguration {
    var configuration = SimulationConfiguration(propagation: propagation, seed: 31)
    configuration.grid = AreaGrid(columns: columns, rows: rows, spacing: spacing)
    configuration.layers = [.coherentPower, .pathPower]
    return configuration
  }

  private func worstDifference(_ configuration: SimulationConfiguration, sample: Int = 0) throws -> Float {
    let simulator = try ChannelSimulator(configuration, threads: Threads(count: 1))
    let fast = try #require(try simulator.simulate(sample).layers[.coherentPower])
    let direct = try #require(try simulator.simulateDirectly(sample).layers[.coherentPower])
    return zip(fast.values, direct.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  /// The bar: 1e-4 dB on 1,000 positions, with the paper's array and subcarriers.
  @Test func theFastSumIsTheDirectSumOnAThousandPlaces() throws {
    var worst: Float = 0
    for propagation in Propagation.allCases {
      worst = max(worst, try worstDifference(configuration(propagation, columns: 37, rows: 9, spacing: 3)))
    }
    #expect(worst < 1e-4)
  }

  /// Sizes that fill no block, an odd band, spherical waves, the standard's set: deep fades are allowed ten times
  /// more, since few elements average them less.
  @Test func theFastSumIsTheDirectSumForOtherArrays() throws {
    var odd = configuration(.mixed, columns: 11, rows: 5, spacing: 9)
    odd.array = .init(horizontal: 3, vertical: 5, spacing: 0.7)
    odd.subcarriers = .init(active: 51, spacing: 60e3)
    #expect(try worstDifference(odd) < 1e-3)
    odd.wavefront = .spherical
    #expect(try worstDifference(odd) < 1e-3)
    var standard = configuration(.mixed, columns: 13, rows: 4, spacing: 9)
    standard.parameterSet = .standard
    #expect(try worstDifference(standard) < 1e-4)
    var tall = configuration(.nonLineOfSight, columns: 8, rows: 4, spacing: 9)
    tall.array = .init(horizontal: 1, vertical: 16, spacing: 0.5)
    #expect(try worstDifference(tall, sample: 3) < 1e-3)
  }

  /// Over many places the interference between delays averages out: E[coherent / path] = 1. 20 maps of places
  /// far apart: 5,000 nearly independent values with a relative deviation of 0.28; five standard errors.
  @Test(arguments: [Propagation.nonLineOfSight, .lineOfSight], ParameterSet.allCases)
  func coherentPowerAveragesToPathPower(propagation: Propagation, set: ParameterSet) throws {
    var configuration = configuration(propagation, columns: 16, rows: 16, spacing: 60)
    configuration.parameterSet = set
    let simulator = try ChannelSimulator(configuration, threads: Threads(count: 1))
    var sum = 0.0
    var count = 0.0
    for map in try simulator.simulate(Array(0..<20)) {
      let path = try #require(map.pathPower)
      let coherent = try #require(map.layers[.coherentPower])
      for (p, c) in zip(path.values, coherent.values) {
        sum += pow(10, Double(c - p) / 10)
        count += 1
      }
    }
    #expect(abs(sum / count - 1) < 0.02)
  }

  /// A single element and a single subcarrier fade like Rayleigh without line of sight: |h|^2 is exponential,
  /// and 10 lg of it has a deviation of 5.57 dB. The sub-clusters' powers are fixed, which takes a little off.
  @Test func oneElementAndOneSubcarrierFadeLikeRayleigh() throws {
    var configuration = configuration(.nonLineOfSight, columns: 24, rows: 24, spacing: 60)
    configuration.array = .init(horizontal: 1, vertical: 1, spacing: 0.5)
    configuration.subcarriers = .init(active: 1, spacing: 15e3)
    let simulator = try ChannelSimulator(configuration, threads: Threads(count: 1))
    var differences: [Double] = []
    for map in try simulator.simulate(Array(0..<8)) {
      let path = try #require(map.pathPower)
      let coherent = try #require(map.layers[.coherentPower])
      differences += zip(path.values, coherent.values).map { Double($1 - $0) }
    }
    let mean = differences.reduce(0, +) / Double(differences.count)
    let variance = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(differences.count)
    #expect(abs(variance.squareRoot() - 5.57) < 0.4)
    #expect(abs(mean + 2.51) < 0.35)  // E[10 lg x] of an exponential variable
  }

  /// Far from the array a spherical wave is a plane one: with the user 5 km away and elements half a wavelength
  /// apart, only nearby scatterers differ.
  @Test func sphericalWavesFromAfarArePlane() throws {
    var plane = configuration(.lineOfSight, columns: 6, rows: 6, spacing: 800)
    var spherical = plane
    plane.wavefront = .plane
    spherical.wavefront = .spherical
    let threads = Threads(count: 1)
    let a = try ChannelSimulator(plane, threads: threads).simulate(0, station: SIMD2(0, 0))
    let b = try ChannelSimulator(spherical, threads: threads).simulate(0, station: SIMD2(0, 0))
    let first = try #require(a.layers[.coherentPower])
    let second = try #require(b.layers[.coherentPower])
    for (x, y) in zip(first.values, second.values) { #expect(abs(x - y) < 0.2) }
  }

  @Test func clusterPowersDelaysAndAnglesMeetTheirSpreads() throws {
    let configuration = configuration(.lineOfSight, columns: 8, rows: 1)
    let model = ClusterModel(configuration: configuration, lineOfSight: true)
    let clusters = ClusterProbe(model: model, delaySpread: 90e-9, azimuthSpread: 14, zenithSpread: 6, kFactor: 4)
    #expect(abs(clusters.scattered - 0.2) < 1e-5)
    #expect(abs(clusters.delaySpread / 90e-9 - 1) < 1e-3)
    // The clusters' centres leave room for the spread within a cluster: 14^2 - 0.2 x 5^2, 6^2 - 0.2 x 5^2.
    #expect(abs(clusters.azimuthSpread - (196.0 - 5).squareRoot()) < 0.02)
    #expect(abs(clusters.zenithSpread - (36.0 - 5).squareRoot()) < 0.02)
  }
}
