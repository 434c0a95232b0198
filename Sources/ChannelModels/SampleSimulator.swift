import MapStorage

/// What makes the samples of a data set, each a function of the configuration and its number alone.
public protocol SampleSimulator: Sendable {
  /// What the data set says of itself.
  var description: MapSetDescription { get }

  /// Simulates consecutive samples, on this rank's threads.
  ///
  /// - Throws: `Fault` where one cannot be made.
  func block(_ samples: Range<Int>) throws -> MapBlock
}
