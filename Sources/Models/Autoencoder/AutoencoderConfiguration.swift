import Conditioning
import Configuration
import Essentials

/// The structure of an autoencoder of maps, and the weights of its loss.
struct AutoencoderConfiguration: ConfigurationSection, Equatable {
  /// Rows and columns of the maps.
  var imageSize = 64
  /// How often a map's grey level enters, and leaves: 3 for weights of pictures.
  var channels = 1
  /// Channels of the latent.
  var latent = 4
  /// Channels of each resolution, finest first; it is halved from one to the next.
  var widths = [16, 32, 64]
  /// Residual blocks of a resolution; the decoder has one more.
  var layers = 1
  /// Groups of a group norm; a layer of C channels uses gcd(groups, C).
  var groups = 8
  /// Whether the coarsest pixels attend to each other.
  var attention = false
  /// Weight of the divergence from the standard normal, summed over a map and divided by its number of values.
  var divergence = 1e-6
  /// Weight of the error of differences between neighbouring places.
  var gradient = 0.0

  static var fields: [ConfigurationField<Self>] {
    [
      .integer("image_size", \.imageSize, in: 8...4096, "rows and columns of the maps, pixels"),
      .integer("channels", \.channels, in: 1...3, "how often a map's grey level enters; 3 for weights of pictures"),
      .integer("latent", \.latent, in: 1...64, "channels of the latent"),
      .integers("widths", \.widths, in: 1...4096, count: 1...8, "channels of each resolution, finest first"),
      .integer("layers", \.layers, in: 1...8, "residual blocks of a resolution; the decoder has one more"),
      .integer("groups", \.groups, in: 1...1024, "groups of a group norm, at most"),
      .flag("attention", \.attention, "whether the coarsest pixels attend to each other"),
      .number("divergence", \.divergence, in: 0...100, "weight of the divergence over the number of values"),
      .number("gradient", \.gradient, in: 0...100, "weight of the error of neighbours' differences"),
    ]
  }

  /// What the sides of a map are multiples of.
  var step: Int { 1 << (widths.count - 1) }

  func validate(_ places: ConfigurationPlaces) throws {
    guard imageSize % step == 0 else {
      throw Fault(
        "the network cannot divide its maps", at: places["image_size"], expected: "a multiple of \(step)",
        found: "\(imageSize)")
    }
  }
}
