import Essentials
import Foundation
@testable import MapStorage
import Testing
import TestSupport

/// What tests of the files in `Fixtures/brought` share.
protocol BroughtFiles {}

extension BroughtFiles {
  func brought(_ name: String) -> String { fixture("brought/\(name)") }

  func bring(_ name: String, _ change: (inout ImportOptions) -> Void = { _ in }) throws -> ImportedMaps {
    var options = ImportOptions()
    change(&options)
    return try ImportedMaps(path: name.hasPrefix("/") ? name : brought(name), options: options)
  }

  /// What all files show unless their name says otherwise [dB].
  func truth(_ sample: Int, _ row: Int, _ column: Int) -> Float {
    -60 - 3 * Float(sample) - Float(row) - 0.5 * Float(column)
  }

  func isHole(_ row: Int, _ column: Int) -> Bool { (2..<4).contains(row) && (1..<3).contains(column) }

  /// Throws away nothing: all maps, all places.
  func requireTruth(
    _ maps: ImportedMaps, holes: Bool = false, count: Int = 3, tolerance: Float = 0,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(maps.count == count && maps.rows == 8 && maps.columns == 6, sourceLocation: sourceLocation)
    guard maps.count == count, maps.rows == 8, maps.columns == 6 else { return }
    for (sample, map) in try maps.read(0..<count).enumerated() {
      for row in 0..<8 {
        for column in 0..<6 {
          let isValid = !(holes && isHole(row, column))
          #expect(map.mask?[row * 6 + column] ?? true == isValid, sourceLocation: sourceLocation)
          guard isValid else { continue }
          let difference = abs(map.map[row, column] - truth(sample, row, column))
          #expect(
            difference <= tolerance, "sample \(sample), row \(row), column \(column)", sourceLocation: sourceLocation)
        }
      }
    }
  }

  /// What is thrown when the first map is read.
  func refusal(
    _ name: String, _ change: @escaping (inout ImportOptions) -> Void = { _ in }
  ) -> Fault? {
    fault { _ = try bring(name, change).read(0..<1) }
  }
}
