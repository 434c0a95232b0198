import Foundation

/// Speed of light [m/s], as clause 7.4.1 takes it (Table 7.4.1-1, note 1).
let speedOfLight = 3.0e8

/// Pathloss and line-of-sight probability of clause 7.4, for one scenario, frequency and pair of heights.
public struct Pathloss: Sendable {
  /// The scenario.
  public let scenario: Scenario
  private let gigahertz, stationHeight, userHeight, shortestDistance: Double
  /// Breakpoint distance [m] (Table 7.4.1-1, notes 1 and 5).
  public let breakpoint: Double

  // Default street width and building height of RMa [m] (Table 7.4.1-1).
  private static let streetWidth = 20.0
  private static let buildingHeight = 5.0

  /// - Parameters:
  ///   - scenario: the scenario.
  ///   - frequency: carrier frequency [Hz].
  ///   - stationHeight: height of the base station [m].
  ///   - userHeight: height of the user equipment [m].
  ///   - parameterSet: `standard` keeps the 2-D distance at 10 m or more.
  public init(
    scenario: Scenario, frequency: Double, stationHeight: Double, userHeight: Double,
    parameterSet: ParameterSet
  ) {
    self.scenario = scenario
    self.stationHeight = stationHeight
    self.userHeight = userHeight
    gigahertz = frequency / 1e9
    shortestDistance = parameterSet == .standard ? 10 : 0
    breakpoint =
      scenario == .rma
      ? 2 * .pi * stationHeight * userHeight * frequency / speedOfLight
      : 4 * (stationHeight - 1) * (userHeight - 1) * frequency / speedOfLight
  }

  /// Pathloss [dB] at a 2-D distance [m] (Table 7.4.1-1).
  public func decibels(distance: Double, lineOfSight: Bool) -> Double {
    let flat = max(distance, shortestDistance)
    let height = stationHeight - userHeight
    let slant = (flat * flat + height * height).squareRoot()
    let visible = self.visible(flat: flat, slant: slant)
    return lineOfSight ? visible : max(visible, obstructed(slant: slant))
  }

  private func visible(flat: Double, slant: Double) -> Double {
    let height = stationHeight - userHeight
    switch scenario {
    case .uma:
      let near = 28 + 22 * log10(slant) + 20 * log10(gigahertz)
      guard flat > breakpoint else { return near }
      return 28 + 40 * log10(slant) + 20 * log10(gigahertz)
        - 9 * log10(breakpoint * breakpoint + height * height)
    case .umi:
      let near = 32.4 + 21 * log10(slant) + 20 * log10(gigahertz)
      guard flat > breakpoint else { return near }
      return 32.4 + 40 * log10(slant) + 20 * log10(gigahertz)
        - 9.5 * log10(breakpoint * breakpoint + height * height)
    case .rma:
      guard flat > breakpoint else { return ruralVisible(slant) }
      return ruralVisible(breakpoint) + 40 * log10(slant / breakpoint)
    }
  }

  private func ruralVisible(_ distance: Double) -> Double {
    let rough = pow(Self.buildingHeight, 1.72)
    return 20 * log10(40 * .pi * distance * gigahertz / 3) + min(0.03 * rough, 10) * log10(distance)
      - min(0.044 * rough, 14.77) + 0.002 * log10(Self.buildingHeight) * distance
  }

  private func obstructed(slant: Double) -> Double {
    switch scenario {
    case .uma:
      return 13.54 + 39.08 * log10(slant) + 20 * log10(gigahertz) - 0.6 * (userHeight - 1.5)
    case .umi:
      return 22.4 + 35.3 * log10(slant) + 21.3 * log10(gigahertz) - 0.3 * (userHeight - 1.5)
    case .rma:
      let ratio = Self.buildingHeight / stationHeight
      return 161.04 - 7.1 * log10(Self.streetWidth) + 7.5 * log10(Self.buildingHeight)
        - (24.37 - 3.7 * ratio * ratio) * log10(stationHeight)
        + (43.42 - 3.1 * log10(stationHeight)) * (log10(slant) - 3) + 20 * log10(gigahertz)
        - (3.2 * pow(log10(11.75 * userHeight), 2) - 4.97)
    }
  }

  /// Probability of line of sight at a 2-D distance [m] (Table 7.4.2-1; UMa for users below 13 m).
  public func lineOfSightProbability(distance: Double) -> Double {
    switch scenario {
    case .uma: streetProbability(distance, 63)
    case .umi: streetProbability(distance, 36)
    case .rma: distance <= 10 ? 1 : exp(-(distance - 10) / 1000)
    }
  }

  private func streetProbability(_ distance: Double, _ decay: Double) -> Double {
    distance <= 18 ? 1 : 18 / distance + exp(-distance / decay) * (1 - 18 / distance)
  }
}
