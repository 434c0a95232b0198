import Testing
@testable import ChannelModels

/// Clause 7.4 against values worked out by hand from Table 7.4.1-1.
@Suite struct PathlossTests {
  private func pathloss(_ scenario: Scenario, set: ParameterSet = .quadriga) -> Pathloss {
    Pathloss(
      scenario: scenario, frequency: 2.4e9, stationHeight: scenario.defaultStationHeight, userHeight: 1.5,
      parameterSet: set)
  }

  @Test func urbanMacroAtTheReferencePageFrequency() {
    let model = pathloss(.uma)
    // The reference page: 39.08 lg d3D + 21.14 and 22 lg d3D + 35.6; at d2D = 60 m, d3D = 64.438 m.
    #expect(abs(model.decibels(distance: 60, lineOfSight: false) - (39.08 * 1.80914 + 21.144)) < 0.01)
    #expect(abs(model.decibels(distance: 60, lineOfSight: true) - (22 * 1.80914 + 35.604)) < 0.01)
    #expect(abs(model.breakpoint - 384) < 1e-9)
  }

  @Test(arguments: Scenario.allCases)
  func pathlossIsContinuousAtTheBreakpoint(scenario: Scenario) {
    let model = pathloss(scenario)
    let below = model.decibels(distance: model.breakpoint - 1e-6, lineOfSight: true)
    let above = model.decibels(distance: model.breakpoint + 1e-6, lineOfSight: true)
    // The dual slopes meet up to the difference of d2D and d3D.
    #expect(abs(below - above) < 0.01)
  }

  @Test(arguments: Scenario.allCases)
  func obstructedPathlossIsNeverBelowVisible(scenario: Scenario) {
    let model = pathloss(scenario)
    for distance in stride(from: 0.0, to: 5000, by: 7.3) {
      #expect(
        model.decibels(distance: distance, lineOfSight: false)
          >= model.decibels(distance: distance, lineOfSight: true))
    }
  }

  @Test func valuesAtHundredMetres() {
    // Worked out in double from Table 7.4.1-1 at 2.4 GHz and default heights.
    #expect(abs(pathloss(.umi).decibels(distance: 100, lineOfSight: true) - 82.0371) < 1e-3)
    #expect(abs(pathloss(.umi).decibels(distance: 100, lineOfSight: false) - 101.1537) < 1e-3)
    #expect(abs(pathloss(.rma).decibels(distance: 100, lineOfSight: true) - 80.9213) < 1e-3)
    #expect(abs(pathloss(.rma).decibels(distance: 100, lineOfSight: false) - 89.3967) < 1e-3)
  }

  @Test func theStandardStopsAtTenMetres() {
    let model = pathloss(.uma, set: .standard)
    #expect(
      model.decibels(distance: 0, lineOfSight: true) == model.decibels(distance: 10, lineOfSight: true))
    #expect(
      pathloss(.uma).decibels(distance: 0, lineOfSight: true)
        < model.decibels(distance: 0, lineOfSight: true))
  }

  @Test func lineOfSightProbability() {
    let model = pathloss(.uma)
    #expect(model.lineOfSightProbability(distance: 18) == 1)
    #expect(abs(model.lineOfSightProbability(distance: 63) - (18.0 / 63 + 0.367879 * (1 - 18.0 / 63))) < 1e-5)
    #expect(pathloss(.rma).lineOfSightProbability(distance: 1010) == 0.36787944117144233)
  }
}
