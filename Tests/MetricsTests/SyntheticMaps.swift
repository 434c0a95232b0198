import Essentials
import Foundation

/// Three made-up channel maps (smooth; with sharp edges; with sharp edges and not square) and what an independent
/// computation in double precision says of their interpolations: `synthetic-maps.f32`, `synthetic-maps.json`.
struct SyntheticMap: Decodable {
  struct Upsampling: Decodable {
    let magnification: Int
    let method: String
    let mse: Double
  }
  struct Expected: Decodable {
    let nmse, mse, psnr, ssim, rmseDB, maeDB: Double
    let pixels: Int
  }
  let name: String
  let rows: Int
  let columns: Int
  let upsampling: [Upsampling]
  /// One character a pixel, 1 where it counts.
  let valid: String
  /// Of the x4 bicubic map: everywhere; on `valid`; at least 8 pixels from the sides; `valid` and nearer.
  let all, masked, interior, border: Expected

  var flags: [Bool] { valid.map { $0 == "1" } }

  static func load() throws -> [(expected: SyntheticMap, map: ChannelFingerprint)] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures")
    let expected = try JSONDecoder().decode(
      [SyntheticMap].self, from: Data(contentsOf: folder.appendingPathComponent("synthetic-maps.json")))
    let bytes = try Data(contentsOf: folder.appendingPathComponent("synthetic-maps.f32"))
    var values = bytes.withUnsafeBytes { raw in
      (0..<(raw.count / 4)).map {
        Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
      }
    }
    return expected.map { map in
      let count = map.rows * map.columns
      defer { values.removeFirst(count) }
      return (map, ChannelFingerprint(rows: map.rows, columns: map.columns, values: Array(values[..<count])))
    }
  }
}
