import CKernels
import Foundation

/// Power shares at the places of one state: over what pathloss and shadow fading leave.
struct ClusterShares {
  /// Sum of path powers; nil where not asked for.
  var path: [Float]?
  /// |h|^2 averaged over elements and subcarriers; nil where not asked for.
  var coherent: [Float]?
}

/// The clusters of one state over a map, row after row: memory does not grow with the number of rows.
struct ClusterPass {
  private let map: MapSimulation
  private let model: ClusterModel
  private let layout: ClusterModel.Layout
  private let values: [LargeScaleParameter: [Float]]
  private let wantsPath, wantsCoherent, direct: Bool

  init(
    _ map: MapSimulation, state: LargeScaleFields, values: [LargeScaleParameter: [Float]], path: Bool,
    coherent: Bool, direct: Bool
  ) {
    self.map = map
    model = map.simulator.clusterModels.first { $0.lineOfSight == state.lineOfSight }!
    layout = model.layout(phases: coherent)
    self.values = values
    wantsPath = path
    wantsCoherent = coherent
    self.direct = direct
  }

  /// Computes the shares.
  func run() -> ClusterShares {
    let grid = map.simulator.configuration.grid
    let columns = grid.columns
    let tables = map.tables[model.basis.decorrelation]!
    let n = SinusoidBasis.count
    let (real, imaginary) = model.amplitudes(layout, sample: map.sample)
    var rows = [Float](repeating: 0, count: layout.count * 2 * n)
    var fields = [Float](repeating: 0, count: columns * layout.count)
    var path = [Float](repeating: 0, count: wantsPath ? grid.count : 0)
    var coherent = [Float](repeating: 0, count: wantsCoherent ? grid.count : 0)
    model.withLink(sample: map.sample) { link in
      var scratch = [Float](repeating: 0, count: wantsCoherent ? ck_coherent_scratch(link) : 0)
      for row in 0..<grid.rows {
        let mask = (0..<columns).map { map.visible[row * columns + $0] == model.lineOfSight }
        guard mask.contains(true) else { continue }
        tables.rowCosine.withUnsafeBufferPointer { cosine in
          tables.rowSine.withUnsafeBufferPointer { sine in
            ck_sinusoid_fields(
              &rows, real, imaginary, cosine.baseAddress! + row * n, sine.baseAddress! + row * n, layout.count, n)
          }
        }
        // [columns, fields]: place by place, as the kernels read.
        ck_gemm(
          1, 1, columns, layout.count, 2 * n, 1, tables.columns, columns, rows, 2 * n, 0, &fields, layout.count)
        fields.withUnsafeMutableBufferPointer { fields in
          let base = fields.baseAddress!
          PlaceRow(map, model: model, values: values, row: row, mask: mask).withClusters(
            link, layout: layout, fields: base
          ) { places, clusters, kept in
            let rays = layout.crossPolarised ? UnsafePointer(base) + layout.crossPolarisation : nil
            if wantsPath {
              path.withUnsafeMutableBufferPointer {
                ck_path_share(
                  $0.baseAddress! + row * columns, link, &places, columns, clusters, rays, layout.count, kept)
              }
            }
            if wantsCoherent {
              coherent.withUnsafeMutableBufferPointer {
                sum(
                  $0.baseAddress! + row * columns, link, &places, mask.map { $0 ? 1 : 0 }, clusters,
                  phase: base + layout.phase, rays: rays, kept: kept, scratch: &scratch)
              }
            }
          }
        }
      }
    }
    return ClusterShares(path: wantsPath ? path : nil, coherent: wantsCoherent ? coherent : nil)
  }

  private func sum(
    _ out: UnsafeMutablePointer<Float>, _ link: UnsafePointer<ck_link>, _ places: inout ck_places, _ mask: [UInt8],
    _ clusters: ck_clusters, phase: UnsafeMutablePointer<Float>, rays: UnsafePointer<Float>?,
    kept: UnsafePointer<Float>, scratch: inout [Float]
  ) {
    for place in mask.indices where mask[place] != 0 {
      ck_uniform_from_normal(phase + place * layout.count, layout.rays)
    }
    if direct {
      let status = ck_coherent_share_direct(
        out, link, &places, mask.count, mask, clusters, phase, layout.count, rays, layout.count, kept)
      precondition(status == 0, "no memory for the direct sum")
    } else {
      ck_coherent_share(
        out, link, &places, mask.count, mask, clusters, phase, layout.count, rays, layout.count, kept, &scratch)
    }
  }
}

/// What the cluster kernels need to know about the places of one row.
private struct PlaceRow {
  private var delaySpread, azimuthSpread, zenithSpread, clusterZenith, kFactor: [Float]
  private var azimuth, elevation, elevationOffset, distance, kept: [Float]
  private let count: Int
  private let crossPolarisation: (mean: Float, deviation: Float)

  init(
    _ map: MapSimulation, model: ClusterModel, values: [LargeScaleParameter: [Float]], row: Int, mask: [Bool]
  ) {
    let configuration = map.simulator.configuration
    let grid = configuration.grid
    count = grid.columns
    let ones = [Float](repeating: 1, count: count)
    // Places of the other state keep harmless values and are not read.
    (delaySpread, azimuthSpread, zenithSpread, clusterZenith, kFactor) = (ones, ones, ones, ones, ones)
    (azimuth, elevation, elevationOffset, distance, kept) = (ones, ones, ones, ones, ones)
    let law = model.parameters.crossPolarisation
    crossPolarisation = (
      Float(law.mean(configuration.lawFrequency)), Float(law.deviation(configuration.lawFrequency))
    )
    let height = configuration.stationHeight - configuration.userHeight
    for column in 0..<count where mask[column] {
      let place = row * count + column
      let flat = map.distances[place]
      delaySpread[column] = values[.delaySpread]![place]
      azimuthSpread[column] = values[.azimuthSpreadDeparture]![place] / 360
      zenithSpread[column] = values[.zenithSpreadDeparture]![place] / 360
      clusterZenith[column] = Float(model.clusterZenithSpread(distance: flat) / 360)
      kFactor[column] = values[.kFactor].map { linear($0[place]) } ?? 0
      azimuth[column] = Float(
        atan2(grid.y(row) - map.station.y, grid.x(column) - map.station.x) / (2 * .pi))
      elevation[column] = Float(-atan2(height, flat) / (2 * .pi))
      elevationOffset[column] = Float(-model.zenithOffset(distance: flat) / 360)
      distance[column] = Float((flat * flat + height * height).squareRoot())
      kept[column] = map.keptShare(values, place)
    }
  }

  /// Calls `body` with the clusters of the row, computed from their fields.
  func withClusters(
    _ link: UnsafePointer<ck_link>, layout: ClusterModel.Layout, fields: UnsafeMutablePointer<Float>,
    _ body: (inout ck_places, ck_clusters, UnsafePointer<Float>) -> Void
  ) {
    if layout.crossPolarised {
      ck_kept_shares(
        fields + layout.crossPolarisation, layout.rays, count, layout.count, crossPolarisation.mean,
        crossPolarisation.deviation)
    }
    let each = count * layout.clusters
    var storage = [Float](repeating: 0, count: 4 * each)
    storage.withUnsafeMutableBufferPointer { storage in
      let base = storage.baseAddress!
      let clusters = ck_clusters(
        power: base, delay: base + each, azimuth: base + 2 * each, elevation: base + 3 * each)
      withPlaces { places, kept in
        ck_cluster_parameters(clusters, link, &places, count, layout.count, fields)
        body(&places, clusters, kept)
      }
    }
  }

  private func withPlaces(_ body: (inout ck_places, UnsafePointer<Float>) -> Void) {
    let all =
      delaySpread + azimuthSpread + zenithSpread + clusterZenith + kFactor + azimuth + elevation
      + elevationOffset + distance + kept
    all.withUnsafeBufferPointer { all in
      let base = all.baseAddress!
      var places = ck_places(
        delay_spread: base, azimuth_spread: base + count, zenith_spread: base + 2 * count,
        cluster_zenith: base + 3 * count, k_factor: base + 4 * count, azimuth: base + 5 * count,
        elevation: base + 6 * count, elevation_offset: base + 7 * count, distance: base + 8 * count)
      body(&places, base + 9 * count)
    }
  }
}
