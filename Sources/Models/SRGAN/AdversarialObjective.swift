import Runs
import Tensors

/// The losses of SRGAN's players (Ledig et al. 2017), with cross entropies of logits: the generator's
///
///     (y - x)² + edge_weight · edges + adversarial_weight · softplus(-D(y))
///
/// where edges are squared errors of how steep the maps are, and their means over 2×2, 4×4 and 8×8 places; the
/// discriminator's softplus(-D(x)) + softplus(D(y)), with statistics of their own for true and made maps. With VGG's weights the
/// generator's first two terms are the squared error of its features.
final class AdversarialObjective: RefinementObjective {
  private static let edgeScales = 4

  let networks: SRGAN
  let termNames = [["pixel_error", "edge_error", "verdict"], ["true_maps", "made_maps"]]
  let couplesSamples = true
  var options: Set<SamplingRequest.Option> { maps.options }
  /// The generator's own.
  private let maps: GeneratorObjective
  private let vgg: VGGContent?
  /// What the generator made in its turn, of which the discriminator learns in the same step.
  private var made: (step: Int, maps: Tensor)?

  init(_ networks: SRGAN, vgg: VGGContent?) {
    (self.networks, self.vgg) = (networks, vgg)
    maps = GeneratorObjective(network: networks.generator)
  }

  func require(_ magnification: Int, _ request: SamplingRequest) throws { try maps.require(magnification, request) }

  func refine(_ condition: Tensor, magnification: Int, _ request: SamplingRequest, _ tape: Tape) -> Variable {
    maps.refine(condition, magnification: magnification, request, tape)
  }

  func evaluate(_ player: Int, _ batch: RefinementBatch, step: Int, _ tape: Tape) -> ObjectiveValue {
    tape.batchStatistics = networks.generator.statistics
    guard player == 1 else { return generatorLosses(batch, step: step, tape) }
    guard let made, made.step == step else { preconditionFailure("the generator's turn comes first") }
    let ofTrue = tape.softplus(tape.scale(networks.discriminator(tape.constant(batch.target), tape), by: -1))
    let ofMade = tape.softplus(networks.discriminator(tape.constant(made.maps), tape))
    self.made = nil
    return ObjectiveValue(losses: tape.add(ofTrue, ofMade), terms: [ofTrue.value, ofMade.value])
  }

  private func generatorLosses(_ batch: RefinementBatch, step: Int, _ tape: Tape) -> ObjectiveValue {
    let map = maps.generate(batch, tape), weights = networks.configuration
    made = (step, map.value)
    let pixel = tape.meanSquaredError(map, target: batch.target)
    let truth = tape.constant(batch.target), edges = edgeError(map, truth, tape)
    let verdict = tape.softplus(tape.scale(networks.discriminator(map, tape), by: -1))
    let content =
      vgg?.error(map, truth, tape) ?? tape.add(pixel, tape.scale(edges, by: Float(weights.edgeWeight)))
    return ObjectiveValue(
      losses: tape.add(content, tape.scale(verdict, by: Float(weights.adversarialWeight))),
      terms: [pixel.value, edges.value, verdict.value])
  }

  private func edgeError(_ map: Variable, _ truth: Variable, _ tape: Tape) -> Variable {
    func error(_ map: Variable, _ truth: Variable) -> Variable {
      tape.meanSquaredError(tape.edgeStrength(map), target: tape.edgeStrength(truth).value)
    }
    var (map, truth) = (map, truth), sum = error(map, truth)
    for _ in 1..<Self.edgeScales {
      (map, truth) = (tape.averagePool(map), tape.averagePool(truth))
      sum = tape.add(sum, error(map, truth))
    }
    return sum
  }
}
