import Testing

/// What a seed's simulated maps hold.
@Suite struct GoldenSimulationTests {
  private struct Map: Codable {
    var mean: Double
    var deviation: Double
    /// Values [dB] at every 379th pixel: all over the map, in no step with its rows.
    var values: [Double]

    init(_ pixels: [Float]) {
      let all = pixels.map(Double.init), count = Double(all.count)
      let mean = all.reduce(0, +) / count
      self.mean = mean
      deviation = (all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
      values = stride(from: 17, to: all.count, by: 379).map { all[$0] }
    }
  }

  /// Two maps of each scenario and quantity, as at 7d7dfe3.
  ///
  /// Another processor's BLAS moves sums of powers by 1e-5 dB, means of coherent power by 1e-4 dB, and single places of
  /// it, where paths cancel and their phases are of many turns, by 2e-2 dB (OPENBLAS_CORETYPE=Sandybridge).
  @Test func mapsOfASeed() throws {
    let folder = try Folder()
    let side = 48
    var measured: [String: [Map]] = [:]
    for scenario in ["los", "nlos", "mixed"] {
      for layer in ["path_power", "coherent_power"] {
        try Program.ckm(
          ["simulate", "uma", "--scenario", scenario, "--layers", layer, "--size", "\(side)", "--count", "2"]
            + ["--seed", "20261126", "--threads", "2", "--out", "maps.h5", "--overwrite"], in: folder)
        measured["\(scenario)/\(layer)"] = try folder.maps("maps.h5", pixels: side * side).map(Map.init)
      }
    }
    let golden = try Golden.numbers("golden/simulation", measured: measured)
    #expect(measured.keys.sorted() == golden.keys.sorted())
    for (name, maps) in golden {
      let found = try #require(measured[name])
      #expect(found.count == maps.count)
      for (number, (one, other)) in zip(found, maps).enumerated() {
        let moments = [one.mean - other.mean, one.deviation - other.deviation]
        let places = zip(one.values, other.values).map { $0 - $1 }
        let tolerance = name.hasSuffix("coherent_power") ? 0.05 : 1e-3
        #expect(moments.allSatisfy { abs($0) < 1e-3 }, "\(name), map \(number): moments off by \(moments) dB")
        #expect(places.allSatisfy { abs($0) < tolerance }, "\(name), map \(number): places off by \(places) dB")
        #expect(one.values.count == other.values.count)
      }
    }
  }
}
