import Configuration

/// The structure of SRGAN's generator.
struct GeneratorConfiguration: RefinementStructure {
  /// Rows and columns of the fine maps or windows that it is trained on.
  var imageSize = 128
  /// Channels of all layers between the first and the last.
  var channels = 64
  /// Residual blocks.
  var blocks = 16
  /// Whether the network adds to bilinear interpolation of what it is given.
  var residual = false

  static var fields: [ConfigurationField<Self>] {
    [
      .integer("image_size", \.imageSize, in: 16...4096, "rows and columns of the fine maps or windows, pixels"),
      .integer("channels", \.channels, in: 1...1024, "channels between the generator's first and last layer"),
      .integer("blocks", \.blocks, in: 1...256, "residual blocks of the generator"),
      .flag("residual", \.residual, "add to bilinear interpolation"),
    ]
  }

  var step: Int { Generator.magnification }
  var seesSamplesAlone: Bool { true }
}

/// The structure of SRGAN's networks, and the weights of their losses.
struct SRGANConfiguration: RefinementStructure {
  /// The generator.
  var generator = GeneratorConfiguration()
  /// Channels of the discriminator's first layer; the last one has eight times as many.
  var base = 64
  /// Width of the discriminator's layer before its logit.
  var dense = 1024
  /// Weight of the edges' squared error beside that of the map.
  var edgeWeight = 1.0
  /// torchvision's weights of VGG19 (safetensors): the content loss of the paper in place of ours; nil: ours.
  var vgg: String?
  /// Weight of the discriminator's verdict.
  var adversarialWeight = 1e-3

  static var fields: [ConfigurationField<Self>] {
    GeneratorConfiguration.fields.map { $0.lifted(through: \.generator) } + [
      .integer("base", \.base, in: 1...512, "channels of the discriminator's first layer"),
      .integer("dense", \.dense, in: 1...8192, "width of the discriminator's layer before its logit"),
      .number("edge_weight", \.edgeWeight, in: 0...1000, "weight of the squared error of edges"),
      .text("vgg", \.vgg, "file of VGG19's weights, whose features then are the content; null: map and edges"),
      .number("adversarial_weight", \.adversarialWeight, in: 0...1000, "weight of the discriminator's verdict"),
    ]
  }

  var imageSize: Int { generator.imageSize }
  /// Four scales of edges halve the map three times, VGG four times.
  var step: Int { vgg == nil ? 8 : 16 }
  var seesSamplesAlone: Bool { true }
}
