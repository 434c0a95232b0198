/// What makes the samples of a data set, each a function of what is made and its number alone.
public protocol MapBlockMaker: Sendable {
  /// What the data set says of itself.
  var description: MapSetDescription { get }

  /// Makes consecutive samples, on this rank's threads.
  ///
  /// - Throws: `Fault` where one cannot be made.
  func block(_ samples: Range<Int>) throws -> MapBlock
}
