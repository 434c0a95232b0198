import Configuration

/// The structure of a conditional variational autoencoder, and the weights of its loss.
struct CVAEConfiguration: RefinementStructure {
  /// Rows and columns of the fine maps or windows that it is trained on.
  var imageSize = 128
  /// Channels of each stage, finest first; the resolution is halved from one to the next.
  var widths = [32, 64, 96, 128]
  /// Channels of the latent variable, whose places are those of the coarsest stage.
  var latent = 8
  /// Groups of a group norm; a layer of C channels uses gcd(groups, C).
  var groups = 8
  /// Whether the network adds to the interpolated map.
  var residual = true
  /// Weight of the divergence over the number of pixels: twice the variance of the decoder, in a range of 1.
  var beta = 2e-4
  /// Share of the steps over which beta rises from 0.
  var betaRise = 0.1
  /// Weight of the squared error of the map that the prior's mean gives, the one that is evaluated; 0 is the textbook's form.
  var gamma = 1.0

  static var fields: [ConfigurationField<Self>] {
    [
      .integer("image_size", \.imageSize, in: 8...4096, "rows and columns of the fine maps or windows, pixels"),
      .integers("widths", \.widths, in: 1...1024, count: 1...10, "channels of each stage, finest first"),
      .integer("latent", \.latent, in: 1...256, "channels of the latent variable"),
      .integer("groups", \.groups, in: 1...1024, "groups of a group norm, at most"),
      .flag("residual", \.residual, "add to the interpolated map"),
      .number("beta", \.beta, in: 0...100, "weight of the divergence over the number of pixels"),
      .number("beta_rise", \.betaRise, in: 0...1, "share of the steps over which beta rises from 0"),
      .number("gamma", \.gamma, in: 0...100, "weight of the squared error from the prior's mean"),
    ]
  }

  var step: Int { 1 << (widths.count - 1) }
}
