import CKernels
import Computing
@testable import ChannelModels

/// The clusters of one place, drawn with given spreads and measured.
struct ClusterProbe {
  private(set) var scattered = 0.0
  private(set) var delaySpread = 0.0
  private(set) var azimuthSpread = 0.0
  private(set) var zenithSpread = 0.0

  /// - Parameters:
  ///   - delaySpread: [s].
  ///   - azimuthSpread: [degree].
  ///   - zenithSpread: [degree].
  ///   - kFactor: linear.
  init(model: ClusterModel, delaySpread: Float, azimuthSpread: Float, zenithSpread: Float, kFactor: Float) {
    let n = model.clusters
    let fields = RandomStream(seed: 4, purpose: .test).gaussian(5 * n)
    var at: [Float] = [
      delaySpread, azimuthSpread / 360, zenithSpread / 360, Float(model.clusterZenithSpread(distance: 0)) / 360,
      kFactor, 0, 0, 0, 100,
    ]
    var storage = [Float](repeating: 0, count: 4 * n)
    storage.withUnsafeMutableBufferPointer { storage in
      at.withUnsafeMutableBufferPointer { at in
        let (base, place) = (storage.baseAddress!, UnsafePointer(at.baseAddress!))
        let clusters = ck_clusters(
          power: base, delay: base + n, azimuth: base + 2 * n, elevation: base + 3 * n)
        var places = ck_places(
          delay_spread: place, azimuth_spread: place + 1, zenith_spread: place + 2, cluster_zenith: place + 3,
          k_factor: place + 4, azimuth: place + 5, elevation: place + 6, elevation_offset: place + 7,
          distance: place + 8)
        model.withLink(sample: 0) { ck_cluster_parameters(clusters, $0, &places, 1, fields.count, fields) }
      }
    }
    let direct = Double(kFactor / (1 + kFactor))
    let power = storage[0..<n].map(Double.init)
    scattered = power.reduce(0, +)
    func deviation(_ part: Int) -> Double {
      let x = storage[(part * n)..<((part + 1) * n)].map(Double.init)
      let mean = zip(power, x).reduce(0) { $0 + $1.0 * $1.1 } / (scattered + direct)
      return (zip(power, x).reduce(0) { $0 + $1.0 * $1.1 * $1.1 } / (scattered + direct) - mean * mean).squareRoot()
    }
    self.delaySpread = deviation(1)
    self.azimuthSpread = 360 * deviation(2)
    self.zenithSpread = 360 * deviation(3)
  }
}
