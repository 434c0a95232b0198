import Tensors

/// stand-in until the tensors branch is merged
public struct NetworkOutline: Sendable {
  public var parameters: Int
  public var multiplyAccumulates: Int
  public var convolutions: [ConvolutionShape]
  public var summary: String
  public init(parameters: Int, multiplyAccumulates: Int, convolutions: [ConvolutionShape], summary: String) {
    (self.parameters, self.multiplyAccumulates, self.convolutions, self.summary) = (
      parameters, multiplyAccumulates, convolutions, summary
    )
  }
}
/// A layer that the network still fits together without.
public struct PrunableLayer: Sendable {
  /// "downs.1.res_block" or "mid.0.attn".
  public var name: String
  /// Parameters that go with it.
  public var parameters: Int
  /// Multiply-accumulates that go with it.
  public var multiplyAccumulates: Int
  public init(name: String, parameters: Int, multiplyAccumulates: Int) {
    (self.name, self.parameters, self.multiplyAccumulates) = (name, parameters, multiplyAccumulates)
  }
}
