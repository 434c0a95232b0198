import CKernels
import Computing
import Foundation

/// Clusters and rays of one link state, with the constants of clause 7.5 that all places share.
///
/// A cluster keeps its identity over the whole map: each of its variables is a spatially consistent field
/// (clause 7.6.3.1), and clusters are never sorted by power. Every cluster is split into the three sub-clusters of
/// step 11, not the two strongest only: which two these are would jump over space.
///
/// A user with one antenna that stands still does not see arrival angles; in the set `quadriga` they have a part in
/// the clusters' powers, which there follow from delays and angles (as in clause 7.6.3.2, procedure B) instead of
/// delays and a shadowing.
struct ClusterModel {
  static let rays = 20

  /// Table 7.5-3: ray offset angles for a cluster spread of one, ordered by the sub-clusters of Table 7.5-5
  /// (rays 1 to 8, 19, 20; rays 9 to 12, 17, 18; rays 13 to 16).
  static let offsets: [Float] = [
    0.0447, -0.0447, 0.1413, -0.1413, 0.2492, -0.2492, 0.3715, -0.3715, 2.1551, -2.1551,
    0.5129, -0.5129, 0.6797, -0.6797, 1.5195, -1.5195,
    0.8844, -0.8844, 1.1481, -1.1481,
  ]
  /// Table 7.5-5: rays in each sub-cluster, and its delay over the cluster delay spread.
  static let groupRays = [10, 6, 4]
  static let groupDelays = [0, 1.28, 2.56]

  /// What a random number of a cluster is for: the third byte of its stream.
  private enum Variable: Int {
    case delay, azimuth, elevation, shadow, phase, crossPolarisation, coupling, arrivalAzimuth, arrivalElevation
  }

  let lineOfSight: Bool
  let parameters: LinkParameters
  let clusters: Int
  let basis: SinusoidBasis
  /// Whether clusters are shadowed and every ray has a cross-polarisation ratio of its own.
  let standard: Bool
  private let configuration: SimulationConfiguration

  init(configuration: SimulationConfiguration, lineOfSight: Bool) {
    let parameters = configuration.scenario.parameters(lineOfSight: lineOfSight)
    self.lineOfSight = lineOfSight
    self.parameters = parameters
    self.configuration = configuration
    clusters = parameters.clusters
    basis = SinusoidBasis(decorrelation: parameters.clusterDecorrelation)
    standard = configuration.parameterSet == .standard
  }

  /// How fast power falls with the squares of a cluster's four initial angles, uniform variables of unit variance. The
  /// standard's own procedure has exponentials of angles that leave hardly two clusters with power. The value is fitted
  /// to the reference maps without line of sight (`data/uma-reference.h5`), to the deviation and the autocorrelation of
  /// coherent - path power: Gaussian angles meet one only when they miss the other by 0.06.
  static let angularDecay: Float = 0.5

  /// Fields of a place in the order of the kernel: delays, azimuths, elevations, shadows or azimuths and elevations
  /// of arrival, then for every ray cross-polarisation ratios (where they differ) and phases.
  struct Layout {
    let clusters: Int
    let shadowed, crossPolarised, phased: Bool

    var rays: Int { clusters * ClusterModel.rays }
    var azimuth: Int { clusters }
    var elevation: Int { 2 * clusters }
    /// Shadows, or azimuths of arrival.
    var fourth: Int { 3 * clusters }
    /// Elevations of arrival.
    var fifth: Int { 4 * clusters }
    var crossPolarisation: Int { (shadowed ? 4 : 5) * clusters }
    var phase: Int { crossPolarisation + (crossPolarised ? rays : 0) }
    var count: Int { phase + (phased ? rays : 0) }
  }

  /// - Parameter phases: whether initial phases are wanted: coherent power needs them, path power does not.
  func layout(phases: Bool) -> Layout {
    Layout(
      clusters: clusters, shadowed: standard,
      crossPolarised: standard && configuration.polarisation == .normalised, phased: phases)
  }

  /// Amplitudes of all fields of a layout, `[fields, n]` each.
  func amplitudes(_ layout: Layout, sample: Int) -> (real: [Float], imaginary: [Float]) {
    let n = SinusoidBasis.count
    var phases = [Float](repeating: 0, count: layout.count * n)
    func draw(_ variable: Variable, _ first: Int, rays: Int) {
      phases.withUnsafeMutableBufferPointer { phases in
        for cluster in 0..<clusters {
          for ray in 0..<rays {
            let field = first + cluster * rays + ray
            stream(variable, cluster: cluster, ray: ray)
              .fillUniform(.init(rebasing: phases[(field * n)..<((field + 1) * n)]), sample: sample)
          }
        }
      }
    }
    draw(.delay, 0, rays: 1)
    draw(.azimuth, layout.azimuth, rays: 1)
    draw(.elevation, layout.elevation, rays: 1)
    if layout.shadowed {
      draw(.shadow, layout.fourth, rays: 1)
    } else {
      draw(.arrivalAzimuth, layout.fourth, rays: 1)
      draw(.arrivalElevation, layout.fifth, rays: 1)
    }
    if layout.crossPolarised { draw(.crossPolarisation, layout.crossPolarisation, rays: Self.rays) }
    if layout.phased { draw(.phase, layout.phase, rays: Self.rays) }
    var real = [Float](repeating: 0, count: phases.count)
    var imaginary = real
    ck_phasors(&real, &imaginary, phases, phases.count)
    let amplitude = (2 / Float(n)).squareRoot()
    for k in real.indices {
      real[k] *= amplitude
      imaginary[k] *= amplitude
    }
    return (real, imaginary)
  }

  private func stream(_ variable: Variable, cluster: Int, ray: Int = 0) -> RandomStream {
    let layer = (lineOfSight ? 1 : 0) << 20 | variable.rawValue << 16 | cluster << 8 | ray
    return RandomStream(seed: configuration.seed, purpose: .smallScaleFields, layer: layer)
  }

  /// Which zenith offset each ray has: random within its sub-cluster (step 8), the same all over a map.
  func zenithShapes(sample: Int) -> [Float] {
    (0..<clusters).flatMap { cluster in
      var shapes: [Float] = []
      for (group, count) in Self.groupRays.enumerated() {
        let first = shapes.count
        shapes += stream(.coupling, cluster: cluster, ray: group).permutation(count, step: sample)
          .map { Self.offsets[first + $0] }
      }
      return shapes
    }
  }

  /// A cluster's own zenith spread of departure [degrees] at a 2-D distance [m]: 3/8 of the mean spread (eq. 7.5-20);
  /// the reference maps of UMa have 1.5 degrees, 5 in line of sight.
  func clusterZenithSpread(distance: Double) -> Double {
    if !standard, configuration.scenario == .uma { return lineOfSight ? 5 : 1.5 }
    let mean = parameters.zenithSpreadDeparture(distance, configuration.stationHeight, configuration.userHeight)
    return 3.0 / 8 * pow(10, mean)
  }

  /// Offset of the clusters' zenith angles of departure [degrees] at a 2-D distance [m]; positive is downwards.
  func zenithOffset(distance: Double) -> Double {
    standard ? parameters.zenithOffset(configuration.lawFrequency, distance, configuration.userHeight) : 0
  }

  /// Calls `body` with the constants as the kernels want them.
  func withLink<R>(sample: Int, _ body: (UnsafePointer<ck_link>) throws -> R) rethrows -> R {
    let spread = Float(parameters.clusterAzimuthSpreadDeparture / 360)
    let azimuths = (0..<clusters).flatMap { _ in Self.offsets.map { $0 * spread } }
    let zeniths = zenithShapes(sample: sample)
    let delaySpread = parameters.clusterDelaySpread(configuration.lawFrequency) * 1e-9
    let groupDelays = Self.groupDelays.map { Float($0 * delaySpread) }
    return try azimuths.withUnsafeBufferPointer { azimuths in
      try zeniths.withUnsafeBufferPointer { zeniths in
        try groupDelays.withUnsafeBufferPointer { groupDelays in
          try Self.groupRays.withUnsafeBufferPointer { groupRays in
            var link = ck_link()
            link.clusters = clusters
            link.rays = Self.rays
            link.groups = groupRays.count
            link.group_rays = groupRays.baseAddress
            link.group_delay = groupDelays.baseAddress
            link.azimuth_offset = azimuths.baseAddress
            link.zenith_shape = zeniths.baseAddress
            link.proportionality = Float(parameters.delayProportionality)
            link.shadowing = standard ? Float(parameters.clusterShadowing) : 0
            link.angular_decay = standard ? 0 : Self.angularDecay
            link.azimuth_spread = spread
            link.horizontal = configuration.array.horizontal
            link.vertical = configuration.array.vertical
            link.spacing = Float(configuration.array.spacing)
            link.spherical = configuration.wavefront == .spherical ? 1 : 0
            link.subcarriers = Int32(configuration.subcarriers.active)
            link.subcarrier_spacing = configuration.subcarriers.spacing
            link.frequency = configuration.frequency
            return try withUnsafePointer(to: link) { try body($0) }
          }
        }
      }
    }
  }
}
