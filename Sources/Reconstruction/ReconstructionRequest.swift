import Interpolation
import Runs

/// What makes fine maps out of coarse ones.
public enum ReconstructionMethod {
  /// A trained run of any family.
  case model(any TrainedModel)
  /// Plain interpolation.
  case interpolation(InterpolationMethod)
  /// Kriging with the mean and the covariance of many maps of the same kind.
  case ensembleKriging(MapEnsemble)
}

/// What a reconstruction is asked to do.
public struct ReconstructionRequest: Sendable {
  /// Where the coarse maps come from.
  public var input: ReconstructionInput
  /// The result's file.
  public var output: String
  /// What the result is exported to, in a form that may not hold any number of maps; nil: it stays a data set.
  public var exportedTo: String?
  /// Fine pixels from one coarse sample to the next.
  public var magnification = 4
  /// How a model infers maps; the geometry is the input's own.
  public var sampling = SamplingRequest()
  /// Maps that a rank has in the network at a time.
  public var batch = 4
  /// As it stands in tables; nil for the method's own name.
  public var name: String?
  /// Whether an existing file may be replaced.
  public var overwrite = false
  /// What the file says it was written by.
  public var softwareVersion = ""

  /// - Parameters:
  ///   - input: where the coarse maps come from.
  ///   - output: the result's file.
  public init(input: ReconstructionInput, output: String) {
    self.input = input
    self.output = output
  }
}
