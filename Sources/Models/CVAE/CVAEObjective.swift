import Computing
import Runs
import Tensors

/// The evidence bound of a conditional variational autoencoder, and the error of the map that the prior's mean gives:
///
///     (y - x)² + beta KL(q‖p) / pixels + gamma (y_p - x)²
struct CVAEObjective: RefinementObjective {
  let network: CVAE
  /// Keys the noise of training.
  let noise: RandomStream
  /// Steps over which beta rises from 0.
  let rise: Double
  let engine: Engine

  let termNames = [["pixel_error", "divergence", "prior_error"]]
  let options: Set<SamplingRequest.Option> = [.draws, .keepDraws, .estimate, .seed]

  /// Each map's numbers for z, `[N, h, w, latent]`.
  private func normal(_ maps: Tensor, _ stream: RandomStream, _ keys: [Int], step: Int) -> Tensor {
    let latent = network.configuration.latent
    let (rows, columns) = (network.latentSide(maps.shape[1]), network.latentSide(maps.shape[2]))
    let noise = engine.tensor([keys.count, rows, columns, latent]), count = rows * columns * latent
    engine.threads.run(keys.count) { n, _ in
      stream.fillGaussian(
        UnsafeMutableBufferPointer(start: noise.sample(n), count: count), sample: keys[n], step: step)
    }
    return noise
  }

  func evaluate(_ player: Int, _ batch: RefinementBatch, step: Int, _ tape: Tape) -> ObjectiveValue {
    losses(batch, noise: normal(batch.condition, noise, batch.positions, step: step), step: step, tape)
  }

  /// The losses with given numbers for z, `[N, h, w, latent]`.
  func losses(_ batch: RefinementBatch, noise: Tensor, step: Int, _ tape: Tape) -> ObjectiveValue {
    let weights = network.configuration
    let beta = weights.beta * min(1, rise > 0 ? Double(step) / rise : 1)
    let coarse = tape.constant(batch.condition), features = network.condition(coarse, tape)
    let prior = network.priorMoments(features, tape)
    let posterior = network.posteriorMoments(fine: tape.constant(batch.target), coarse: coarse, features, tape)
    func error(_ z: Variable) -> Variable {
      tape.meanSquaredError(network.decode(z, coarse: coarse, features, tape), target: batch.target)
    }
    let pixel = error(tape.drawGaussian(posterior, noise: noise))
    let divergence = tape.divergence(of: posterior, from: prior)
    var losses = tape.add(pixel, tape.scale(divergence, by: Float(beta / Double(batch.rows * batch.columns))))
    var terms = [pixel.value, divergence.value, engine.zeros(pixel.value.shape)]
    if weights.gamma > 0 {
      let ofPrior = error(network.mean(prior, tape))
      losses = tape.add(losses, tape.scale(ofPrior, by: Float(weights.gamma)))
      terms[2] = ofPrior.value
    }
    return ObjectiveValue(losses: losses, terms: terms)
  }

  func refine(_ condition: Tensor, magnification: Int, _ request: SamplingRequest, _ tape: Tape) -> Variable {
    let coarse = tape.constant(condition), features = network.condition(coarse, tape)
    return network.decode(network.mean(network.priorMoments(features, tape), tape), coarse: coarse, features, tape)
  }

  func draw(_ condition: Tensor, keys: [Int], draw: Int, seed: UInt64, _ tape: Tape) -> Variable {
    let numbers = normal(condition, RandomStream(seed: seed, purpose: .samplerNoise), keys, step: draw)
    return sample(condition, noise: numbers, tape)
  }

  /// Maps of z from the prior with given numbers.
  func sample(_ condition: Tensor, noise: Tensor, _ tape: Tape) -> Variable {
    let coarse = tape.constant(condition), features = network.condition(coarse, tape)
    let z = tape.drawGaussian(network.priorMoments(features, tape), noise: noise)
    return network.decode(z, coarse: coarse, features, tape)
  }
}
