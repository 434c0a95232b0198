import Conditioning
import Configuration
import Essentials
import NeuralNetworks
import Tensors

/// What BS-1-to-N takes from an autoencoder's run.
struct LatentSection: ConfigurationSection, Equatable {
  /// The autoencoder's run.
  var autoencoder = ""
  /// XXH64 of its weights, found when a run is begun: it must not change any more.
  var checksum = ""
  /// Channels of its latent, found likewise.
  var channels = 4
  /// Pixels of a map on a side of a pixel of the latent, found likewise.
  var factor = 4
  /// Share of the scenes that are trained without sources, for guidance.
  var withoutSources = 0.1

  static var fields: [ConfigurationField<Self>] {
    [
      .text("autoencoder", \.autoencoder, "the run of the autoencoder"),
      .text("checksum", \.checksum, "XXH64 of its weights, found when the run is begun"),
      .integer("channels", \.channels, in: 1...64, "channels of its latent, found likewise"),
      .integer("factor", \.factor, in: 1...128, "pixels on a side of a pixel of its latent, found likewise"),
      .number("without_sources", \.withoutSources, in: 0...1, "share of scenes trained without sources, for guidance"),
    ]
  }
}

/// The networks that BS-1-to-N trains: the encoder of known maps, and the U-Net across stations.
final class StationNetworks {
  let encoder: SourceEncoder, unet: StationUNet
  /// The weights and, where trained, gradients; empty for the structure alone.
  let arena: ParameterArena

  /// - Parameters:
  ///   - section: a valid structure.
  ///   - isTrained: whether gradients are needed; nil for the structure alone.
  init(_ section: StationSection, isTrained: Bool?) {
    encoder = SourceEncoder(section.encoder, seesPlaces: section.model.seesPlaces, prefix: "encoder.")
    unet = StationUNet(
      section.model, latent: section.latent.channels, context: section.encoder.tokenWidth, prefix: "unet.")
    arena = ParameterArena(
      isTrained == nil ? [] : (encoder.layers + unet.layers).parameters, isTrained: isTrained ?? false)
  }

  /// Tokens of the sources, scene by scene.
  ///
  /// - Parameters:
  ///   - scenes: of equal numbers of sources.
  ///   - tape: where it is recorded.
  /// - Returns: `[B, N_s L, tokenWidth]`.
  func tokens(_ scenes: [StationScene], _ tape: Tape) -> Variable {
    let views = scenes.sources
    let maps = tape.engine.tensor([views.count, scenes[0].rows, scenes[0].columns, 1], views.flatMap(\.grey))
    let tokens = encoder(tape.constant(encoder.input(maps, stations: views.map(\.position), tape.engine)), tape)
    let shape = tokens.value.shape
    return tape.reshape(tokens, [scenes.count, shape[0] / scenes.count * shape[1], shape[2]])
  }

  /// What a target of a scene of 10 sources and 5 targets costs; the sources' encoder is shared by these.
  static func outlines(_ section: StationSection) -> NetworkOutline {
    let networks = StationNetworks(section, isTrained: nil), size = section.model.imageSize, sources = 10
    let tokens = networks.encoder.tokenSide(size) * networks.encoder.tokenSide(size) * sources
    let encoder = networks.encoder.costs(size)
    let stages = networks.unet.costs(size / section.latent.factor, tokens: tokens / 5)
    return NetworkOutline(
      for: "one target of five, and one source, of \(size) x \(size)",
      stages: [
        .init(
          "Source encoder", contents: section.encoder.depths.map(String.init).joined(separator: ", ") + " ConvNeXt",
          channels: section.encoder.tokenWidth, resolution: size, layers: encoder)
      ]
        + stages.map {
          .init($0.label, contents: "", channels: $0.channels, resolution: $0.side, layers: $0.layers)
        })
  }
}
