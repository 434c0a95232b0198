import Computing
import Conditioning
import Records
import Runs
import Tensors

/// What an autoencoder is asked to make small (Rombach et al. 2022, appendix G, without the adversary):
///
///     mean |x - y| + divergence KL(q‖N(0, 1)) / values + gradient mean |differences of x - differences of y|
struct AutoencoderLoss {
  let network: LatentAutoencoder
  let seed: UInt64
  let engine: Engine

  /// What log variances are clamped to.
  static let limits: ClosedRange<Float> = -30...20

  /// The losses of some maps.
  func callAsFunction(_ samples: [TrainingSample<GreyMap>], step: Int, _ tape: Tape) -> ObjectiveValue {
    let side = network.latentSide, width = network.configuration.latent
    let noise = engine.tensor([samples.count, side, side, width]), count = side * side * width
    let stream = RandomStream(seed: seed, purpose: .noise)
    engine.threads.run(samples.count) { n, _ in
      stream.fillGaussian(
        UnsafeMutableBufferPointer(start: noise.sample(n), count: count), sample: samples[n].position, step: step)
    }
    return losses(network.input(samples.map(\.value.grey), engine), noise: noise, tape)
  }

  /// The losses with given noise.
  func losses(_ maps: Tensor, noise: Tensor, _ tape: Tape) -> ObjectiveValue {
    let weights = network.configuration
    let moments = network.encode(tape.constant(maps), tape)
    let drawn = network.decode(tape.drawGaussian(moments, noise: noise, limits: Self.limits), tape)
    let error = tape.meanAbsoluteError(drawn, target: maps)
    let standard = tape.constant(engine.zeros(moments.value.shape))
    let divergence = tape.divergence(of: moments, from: standard, limits: Self.limits)
    let perValue = Float(weights.divergence / Double(maps.count / maps.batch))
    var losses = tape.add(error, tape.scale(divergence, by: perValue))
    var terms = [error.value, divergence.value, engine.zeros(error.value.shape)]
    if weights.gradient > 0 {
      let edges = tape.differenceError(drawn, target: maps)
      losses = tape.add(losses, tape.scale(edges, by: Float(weights.gradient)))
      terms[2] = edges.value
    }
    return ObjectiveValue(losses: losses, terms: terms)
  }

  /// The root mean squared error on the scale of grey levels, over places that hold a value, of a map out of its latent's mean.
  func reconstructionError(_ map: GreyMap, _ tape: Tape) -> Double {
    let maps = network.input([map.grey], engine), out = network.decode(network.mean(maps, tape), tape).value
    var sum = 0.0, count = 0.0
    for place in map.grey.indices where map.mask?[place] != false {
      let error = Double((out.base[place * out.stride] - maps.base[place * maps.stride]) / 2)
      sum += error * error
      count += 1
    }
    return (sum / max(1, count)).squareRoot()
  }
}

/// What an autoencoder learns; its validation loss is the error of reconstructed maps, 0.01 for a dB.
struct AutoencoderTask: TrainingTask {
  let source: GreyMapSamples
  let loss: AutoencoderLoss

  func termNames(of player: Int) -> [String] { ["absolute_error", "divergence", "difference_error"] }

  func evaluate(_ player: Int, _ samples: [Sample], step: Int, _ tape: Tape) -> ObjectiveValue {
    loss(samples, step: step, tape)
  }

  func validationLoss(_ sample: Sample, _ tape: Tape) -> Double { loss.reconstructionError(sample.value, tape) }

  func resume(from state: TrainingState) throws { try source.data.split.require(state.split, at: source.path) }

  var notes: JSONValue { .members([:]) }

  var summary: [String] { [source.summary] }
}
