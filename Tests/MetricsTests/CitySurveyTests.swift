import Essentials
import Testing

@testable import Metrics

/// Cities whose numbers are known.
@Suite struct CitySurveyTests {
  private func survey(_ side: Int, spacing: Double, _ isBuilt: (_ x: Int, _ y: Int) -> Bool) -> [String: Double] {
    let mask = Mask((0..<side * side).map { !isBuilt($0 % side, $0 / side) })
    let survey = CitySurveyor(mask, columns: side, spacing: spacing).survey()
    return Dictionary(
      uniqueKeysWithValues: zip(CitySurvey.names, survey.values).compactMap { name, value in value.map { (name, $0) } })
  }

  /// Slabs 20 m wide, 40 m apart, at 2 m a place.
  @Test func slabsHaveStreetsBetweenThem() throws {
    let found = survey(120, spacing: 2) { x, _ in x % 30 < 10 }
    #expect(abs(try #require(found["building share"]) - 1.0 / 3) < 1e-12)
    #expect(found["buildings a hectare"] == 4 / 5.76)
    #expect(found["building area, median, m2"] == 4800.0)
    for name in ["street width, 25 %, m", "street width, median, m", "street width, 75 %, m"] {
      #expect(abs(try #require(found[name]) - 40) <= 2, "\(name)")
    }
    #expect(try #require(found["walls along two directions, 0-1"]) > 0.999)
    #expect(abs(try #require(found["wall length, m a hectare"]) - 7 * 240 * Double.pi / 4 / 5.76) < 1e-9)
    #expect(found["courtyards, share of the area"] == 0)
    // Of two places in streets, the second is in the same one if no slab is as wide as the way across.
    #expect(try #require(found["line of sight at 10 m, share"]) == 1)
    #expect(try #require(found["line of sight at 80 m, share"]) < 0.5)
  }

  @Test func aYardIsNoStreet() throws {
    // A house of 40 m around a yard of 20 m, turned by nothing.
    let found = survey(100, spacing: 1) { x, y in
      (30..<70).contains(x) && (30..<70).contains(y) && !((40..<60).contains(x) && (40..<60).contains(y))
    }
    #expect(found["buildings a hectare"] == 1 && found["building area, 90 %, m2"] == 1200)
    #expect(found["courtyards a hectare"] == 1 && found["courtyards, share of the area"] == 0.04)
  }

  @Test func nothingIsMeasuredWhereThereIsNothing() {
    let open = survey(50, spacing: 1) { _, _ in false }
    #expect(open["building share"] == 0 && open["line of sight at 20 m, share"] == 1)
    #expect(open["building area, median, m2"] == nil && open["street width, median, m"] == nil)
    #expect(open["walls along two directions, 0-1"] == nil && open["line of sight at 160 m, share"] == nil)
    let solid = survey(50, spacing: 1) { _, _ in true }
    #expect(solid["building share"] == 1 && solid["line of sight at 20 m, share"] == nil)
    let sets = CityStatistics([
      CitySurvey(values: [0.1] + Array(repeating: nil, count: 15)),
      CitySurvey(values: Array(repeating: nil, count: 16)),
    ])
    #expect(sets?.count == 2 && sets?.entries.map(\.name) == ["building share"])
    #expect(CityStatistics([]) == nil)
  }
}
