/// Over what layers are judged.
public struct ScanSettings: Sendable {
  /// How many draws of training samples.
  public var samples = 64
  /// Draws that a rank has in the network at a time.
  public var batch = 4
  /// Keys the draws; nil for the run's own seed.
  public var seed: UInt64?
  /// Whether the teacher's activations before a removed layer are used again, which gives the same bits sooner.
  public var reusesActivations = true

  /// 64 draws in batches of 4.
  public init() {}
}
