import Foundation

// Table 7.5-6 (parts 1 and 2), 7.5-7 to 7.5-9 and 7.6.3.1-2 of 3GPP TR 38.901 V16.1.0. The order of `decorrelation`
// is DS, ASD, ASA, ZSD, ZSA, SF, K, XPR; the standard gives none for XPR, so that of the cluster variables is used.

private func constant(_ mean: Double, _ deviation: Double) -> LinkParameters.Normal {
  .init(mean: .init(constant: mean), deviation: .init(constant: deviation))
}

private func law(_ constant: Double, _ slope: Double, addend: Double = 0) -> FrequencyLaw {
  FrequencyLaw(constant: constant, slope: slope, addend: addend)
}

private let noOffset: @Sendable (Double, Double, Double) -> Double = { _, _, _ in 0 }

private func degrees(_ radians: Double) -> Double { radians * 180 / .pi }

extension Scenario {
  /// The parameters of this scenario with or without line of sight.
  public func parameters(lineOfSight: Bool) -> LinkParameters {
    switch (self, lineOfSight) {
    case (.uma, true): Self.urbanMacroLineOfSight
    case (.uma, false): Self.urbanMacroObstructed
    case (.umi, true): Self.urbanMicroLineOfSight
    case (.umi, false): Self.urbanMicroObstructed
    case (.rma, true): Self.ruralMacroLineOfSight
    case (.rma, false): Self.ruralMacroObstructed
    }
  }

  private static let urbanMacroLineOfSight = LinkParameters(
    delaySpread: .init(mean: law(-6.955, -0.0963), deviation: 0.66),
    azimuthSpreadDeparture: .init(mean: law(1.06, 0.1114), deviation: 0.28),
    azimuthSpreadArrival: constant(1.81, 0.20),
    zenithSpreadArrival: constant(0.95, 0.16),
    zenithSpreadDeparture: { distance, _, user in
      max(-0.5, -2.1 * distance / 1000 - 0.01 * (user - 1.5) + 0.75)  // Table 7.5-7
    },
    zenithSpreadDepartureDeviation: 0.40,
    zenithOffset: noOffset,
    shadowFading: 4, shadowFadingFar: 4,
    kFactor: constant(9, 3.5),
    crossPolarisation: constant(8, 4),
    decorrelation: [30, 18, 15, 15, 15, 37, 12, 40],
    correlations: [
      (.delaySpread, .azimuthSpreadDeparture, 0.4), (.delaySpread, .azimuthSpreadArrival, 0.8),
      (.shadowFading, .azimuthSpreadArrival, -0.5), (.shadowFading, .azimuthSpreadDeparture, -0.5),
      (.shadowFading, .delaySpread, -0.4), (.kFactor, .azimuthSpreadArrival, -0.2),
      (.kFactor, .delaySpread, -0.4), (.shadowFading, .zenithSpreadArrival, -0.8),
      (.delaySpread, .zenithSpreadDeparture, -0.2), (.azimuthSpreadDeparture, .zenithSpreadDeparture, 0.5),
      (.azimuthSpreadArrival, .zenithSpreadDeparture, -0.3),
      (.azimuthSpreadArrival, .zenithSpreadArrival, 0.4),
    ],
    clusters: 12, delayProportionality: 2.5, clusterShadowing: 3,
    clusterDelaySpread: .init(constant: 6.5622, slope: -3.4084, floor: 0.25),
    clusterAzimuthSpreadDeparture: 5, clusterDecorrelation: 40)

  private static let urbanMacroObstructed = LinkParameters(
    delaySpread: .init(mean: law(-6.28, -0.204), deviation: 0.39),
    azimuthSpreadDeparture: .init(mean: law(1.5, -0.1144), deviation: 0.28),
    azimuthSpreadArrival: .init(mean: law(2.08, -0.27), deviation: 0.11),
    zenithSpreadArrival: .init(mean: law(1.512, -0.3236), deviation: 0.16),
    zenithSpreadDeparture: { distance, _, user in
      max(-0.5, -2.1 * distance / 1000 - 0.01 * (user - 1.5) + 0.9)  // Table 7.5-7
    },
    zenithSpreadDepartureDeviation: 0.49,
    zenithOffset: { frequency, distance, user in  // Table 7.5-7
      let lg = log10(frequency)
      let exponent = (0.208 * lg - 0.782) * log10(max(25, distance)) - 0.13 * lg + 2.03 - 0.07 * (user - 1.5)
      return 7.66 * lg - 5.96 - pow(10, exponent)
    },
    shadowFading: 6, shadowFadingFar: 6,
    kFactor: nil,
    crossPolarisation: constant(7, 3),
    decorrelation: [40, 50, 50, 50, 50, 50, 50, 50],
    correlations: [
      (.delaySpread, .azimuthSpreadDeparture, 0.4), (.delaySpread, .azimuthSpreadArrival, 0.6),
      (.shadowFading, .azimuthSpreadDeparture, -0.6), (.shadowFading, .delaySpread, -0.4),
      (.azimuthSpreadDeparture, .azimuthSpreadArrival, 0.4), (.shadowFading, .zenithSpreadArrival, -0.4),
      (.delaySpread, .zenithSpreadDeparture, -0.5), (.azimuthSpreadDeparture, .zenithSpreadDeparture, 0.5),
      (.azimuthSpreadDeparture, .zenithSpreadArrival, -0.1),
    ],
    clusters: 20, delayProportionality: 2.3, clusterShadowing: 3,
    clusterDelaySpread: .init(constant: 6.5622, slope: -3.4084, floor: 0.25),
    clusterAzimuthSpreadDeparture: 2, clusterDecorrelation: 50)

  private static let urbanMicroLineOfSight = LinkParameters(
    delaySpread: .init(mean: law(-7.14, -0.24, addend: 1), deviation: 0.38),
    azimuthSpreadDeparture: .init(mean: law(1.21, -0.05, addend: 1), deviation: 0.41),
    azimuthSpreadArrival: .init(
      mean: law(1.73, -0.08, addend: 1), deviation: law(0.28, 0.014, addend: 1)),
    zenithSpreadArrival: .init(
      mean: law(0.73, -0.1, addend: 1), deviation: law(0.34, -0.04, addend: 1)),
    zenithSpreadDeparture: { distance, station, user in
      max(-0.21, -14.8 * distance / 1000 + 0.01 * abs(user - station) + 0.83)  // Table 7.5-8
    },
    zenithSpreadDepartureDeviation: 0.35,
    zenithOffset: noOffset,
    shadowFading: 4, shadowFadingFar: 4,
    kFactor: constant(9, 5),
    crossPolarisation: constant(9, 3),
    decorrelation: [7, 8, 8, 12, 12, 10, 15, 12],
    correlations: [
      (.delaySpread, .azimuthSpreadDeparture, 0.5), (.delaySpread, .azimuthSpreadArrival, 0.8),
      (.shadowFading, .azimuthSpreadArrival, -0.4), (.shadowFading, .azimuthSpreadDeparture, -0.5),
      (.shadowFading, .delaySpread, -0.4), (.azimuthSpreadDeparture, .azimuthSpreadArrival, 0.4),
      (.kFactor, .azimuthSpreadDeparture, -0.2), (.kFactor, .azimuthSpreadArrival, -0.3),
      (.kFactor, .delaySpread, -0.7), (.kFactor, .shadowFading, 0.5),
      (.delaySpread, .zenithSpreadArrival, 0.2), (.azimuthSpreadDeparture, .zenithSpreadDeparture, 0.5),
      (.azimuthSpreadDeparture, .zenithSpreadArrival, 0.3),
    ],
    clusters: 12, delayProportionality: 3, clusterShadowing: 3,
    clusterDelaySpread: 5.0, clusterAzimuthSpreadDeparture: 3, clusterDecorrelation: 12)

  private static let urbanMicroObstructed = LinkParameters(
    delaySpread: .init(mean: law(-6.83, -0.24, addend: 1), deviation: law(0.28, 0.16, addend: 1)),
    azimuthSpreadDeparture: .init(
      mean: law(1.53, -0.23, addend: 1), deviation: law(0.33, 0.11, addend: 1)),
    azimuthSpreadArrival: .init(
      mean: law(1.81, -0.08, addend: 1), deviation: law(0.3, 0.05, addend: 1)),
    zenithSpreadArrival: .init(
      mean: law(0.92, -0.04, addend: 1), deviation: law(0.41, -0.07, addend: 1)),
    zenithSpreadDeparture: { distance, station, user in
      max(-0.5, -3.1 * distance / 1000 + 0.01 * max(user - station, 0) + 0.2)  // Table 7.5-8
    },
    zenithSpreadDepartureDeviation: 0.35,
    zenithOffset: { _, distance, _ in -pow(10, -1.5 * log10(max(10, distance)) + 3.3) },  // Table 7.5-8
    shadowFading: 7.82, shadowFadingFar: 7.82,
    kFactor: nil,
    crossPolarisation: constant(8, 3),
    decorrelation: [10, 10, 9, 10, 10, 13, 15, 15],
    correlations: [
      (.delaySpread, .azimuthSpreadArrival, 0.4), (.shadowFading, .azimuthSpreadArrival, -0.4),
      (.shadowFading, .delaySpread, -0.7), (.delaySpread, .zenithSpreadDeparture, -0.5),
      (.azimuthSpreadDeparture, .zenithSpreadDeparture, 0.5),
      (.azimuthSpreadDeparture, .zenithSpreadArrival, 0.5),
      (.azimuthSpreadArrival, .zenithSpreadArrival, 0.2),
    ],
    clusters: 19, delayProportionality: 2.1, clusterShadowing: 3,
    clusterDelaySpread: 11.0, clusterAzimuthSpreadDeparture: 10, clusterDecorrelation: 15)

  // Without a cluster delay spread in the table, 3.91 ns is used (clause 7.5, step 11).
  private static let ruralMacroLineOfSight = LinkParameters(
    delaySpread: constant(-7.49, 0.55),
    azimuthSpreadDeparture: constant(0.90, 0.38),
    azimuthSpreadArrival: constant(1.52, 0.24),
    zenithSpreadArrival: constant(0.47, 0.40),
    zenithSpreadDeparture: { distance, _, user in
      max(-1, -0.17 * distance / 1000 - 0.01 * (user - 1.5) + 0.22)  // Table 7.5-9
    },
    zenithSpreadDepartureDeviation: 0.34,
    zenithOffset: noOffset,
    shadowFading: 4, shadowFadingFar: 6,
    kFactor: constant(7, 4),
    crossPolarisation: constant(12, 4),
    decorrelation: [50, 25, 35, 15, 15, 37, 40, 50],
    correlations: [
      (.shadowFading, .delaySpread, -0.5), (.shadowFading, .zenithSpreadDeparture, 0.01),
      (.shadowFading, .zenithSpreadArrival, -0.17), (.kFactor, .zenithSpreadArrival, -0.02),
      (.delaySpread, .zenithSpreadDeparture, -0.05), (.delaySpread, .zenithSpreadArrival, 0.27),
      (.azimuthSpreadDeparture, .zenithSpreadDeparture, 0.73),
      (.azimuthSpreadDeparture, .zenithSpreadArrival, -0.14),
      (.azimuthSpreadArrival, .zenithSpreadDeparture, -0.20),
      (.azimuthSpreadArrival, .zenithSpreadArrival, 0.24),
      (.zenithSpreadDeparture, .zenithSpreadArrival, -0.07),
    ],
    clusters: 11, delayProportionality: 3.8, clusterShadowing: 3,
    clusterDelaySpread: 3.91, clusterAzimuthSpreadDeparture: 2, clusterDecorrelation: 50)

  private static let ruralMacroObstructed = LinkParameters(
    delaySpread: constant(-7.43, 0.48),
    azimuthSpreadDeparture: constant(0.95, 0.45),
    azimuthSpreadArrival: constant(1.52, 0.13),
    zenithSpreadArrival: constant(0.58, 0.37),
    zenithSpreadDeparture: { distance, _, user in
      max(-1, -0.19 * distance / 1000 - 0.01 * (user - 1.5) + 0.28)  // Table 7.5-9
    },
    zenithSpreadDepartureDeviation: 0.30,
    zenithOffset: { _, distance, _ in  // Table 7.5-9
      degrees(atan2(35 - 3.5, distance) - atan2(35 - 1.5, distance))
    },
    shadowFading: 8, shadowFadingFar: 8,
    kFactor: nil,
    crossPolarisation: constant(7, 3),
    decorrelation: [36, 30, 40, 50, 50, 120, 40, 60],
    correlations: [
      (.delaySpread, .azimuthSpreadDeparture, -0.4), (.shadowFading, .azimuthSpreadDeparture, 0.6),
      (.shadowFading, .delaySpread, -0.5), (.shadowFading, .zenithSpreadDeparture, -0.04),
      (.shadowFading, .zenithSpreadArrival, -0.25), (.delaySpread, .zenithSpreadDeparture, -0.10),
      (.delaySpread, .zenithSpreadArrival, -0.40), (.azimuthSpreadDeparture, .zenithSpreadDeparture, 0.42),
      (.azimuthSpreadDeparture, .zenithSpreadArrival, -0.27),
      (.azimuthSpreadArrival, .zenithSpreadDeparture, -0.18),
      (.azimuthSpreadArrival, .zenithSpreadArrival, 0.26),
      (.zenithSpreadDeparture, .zenithSpreadArrival, -0.27),
    ],
    clusters: 10, delayProportionality: 1.7, clusterShadowing: 3,
    clusterDelaySpread: 3.91, clusterAzimuthSpreadDeparture: 2, clusterDecorrelation: 60)
}
