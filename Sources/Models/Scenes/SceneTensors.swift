import Conditioning
import Essentials
import Runs
import Tensors

/// Throws unless maps have the size that networks were made for.
///
/// - Parameters:
///   - size: rows and columns that the networks take.
///   - rows: the maps'.
///   - columns: the maps'.
///   - place: the file, for the message.
func requireSize(_ size: Int, rows: Int, columns: Int, at place: String) throws {
  guard rows == size, columns == size else {
    throw Fault(
      "the maps have another size than the network", at: "\(place):/maps", expected: "\(size)x\(size)",
      found: "\(rows)x\(columns)",
      hint: rows == columns ? "`model.image_size=\(rows)`" : "cities of \(size) x \(size) places")
  }
}

extension [StationScene] {
  /// All sources, scene after scene.
  var sources: [StationView] { flatMap(\.sources) }
  /// All targets, scene after scene.
  var targets: [StationView] { flatMap(\.targets) }
}

extension StationsObservation {
  /// As networks see it: maps of the targets are not known.
  ///
  /// - Parameters:
  ///   - range: what is 0 and what is 1 [dB].
  ///   - geometry: where the places lie.
  /// - Throws: `Fault` for a station that nobody placed, or that stands outside, and where there is no source.
  func scene(_ range: ValueRange, _ geometry: ObservationGeometry) throws -> StationScene {
    guard !sources.isEmpty else {
      throw Fault("there is no source to infer from", at: geometry.place, expected: "one known map at least")
    }
    return StationScene(
      rows: geometry.rows, columns: geometry.columns,
      sources: try sources.map { try $0.view(range, in: geometry.area) },
      targets: try targets.map {
        StationView(
          grey: [],
          position: try geometry.area.position(
            of: $0, rows: geometry.rows, columns: geometry.columns, at: geometry.place))
      })
  }
}

extension ValueRange {
  /// A map in dB.
  ///
  /// - Parameters:
  ///   - grey: its grey levels; those beyond 0 and 1 are clipped.
  ///   - rows: its rows.
  ///   - columns: its columns.
  func map(grey: [Float], rows: Int, columns: Int) -> ChannelFingerprint {
    ChannelFingerprint(
      rows: rows, columns: columns, values: grey.map { decibels(grey: Swift.min(1, Swift.max(0, $0))) })
  }
}
