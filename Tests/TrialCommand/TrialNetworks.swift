import NeuralNetworks
import Tensors

/// A conditional generator: what it adds to the upsampled coarse map, out of the map and a plane of noise.
struct Generator {
  let first: Convolution, firstNorm: GroupNorm
  let second: Convolution, secondNorm: GroupNorm
  let last: Convolution

  init(width: Int) {
    first = Convolution("net.0", 2, width, kernel: 3)
    firstNorm = GroupNorm("net.1", width, groups: 4, swish: true)
    second = Convolution("net.3", width, width, kernel: 3)
    secondNorm = GroupNorm("net.4", width, groups: 4, swish: true)
    last = Convolution("net.6", width, 1, kernel: 3)
  }

  var layers: [any Layer] { [first, firstNorm, second, secondNorm, last] }

  /// - Parameters:
  ///   - condition: the upsampled coarse map, `[N, H, W, 1]`.
  ///   - noise: `[N, H, W, 1]`.
  ///   - tape: where it is recorded.
  /// - Returns: the fine map, `[N, H, W, 1]`.
  func callAsFunction(_ condition: Tensor, _ noise: Tensor, _ tape: Tape) -> Variable {
    let input = tape.constant(condition)
    let x = tape.concatenate(input, tape.constant(noise))  // [N, H, W, 2]
    let hidden = secondNorm(second(firstNorm(first(x, tape), tape), tape), tape)
    return last(hidden, tape, residual: input)
  }
}

/// Scores patches of a map beside the coarse map that it should belong to: 1 for true ones.
struct Discriminator {
  let first: Convolution, firstNorm: GroupNorm
  let second: Convolution, secondNorm: GroupNorm
  let last: Convolution

  init(width: Int) {
    first = Convolution("net.0", 2, width, kernel: 3, stride: 2)
    firstNorm = GroupNorm("net.1", width, groups: 4, swish: true)
    second = Convolution("net.3", width, width, kernel: 3, stride: 2)
    secondNorm = GroupNorm("net.4", width, groups: 4, swish: true)
    last = Convolution("net.6", width, 1, kernel: 3)
  }

  var layers: [any Layer] { [first, firstNorm, second, secondNorm, last] }

  /// - Parameters:
  ///   - map: a fine map, `[N, H, W, 1]`.
  ///   - condition: the upsampled coarse map, `[N, H, W, 1]`.
  ///   - tape: where it is recorded.
  /// - Returns: scores, `[N, H / 4, W / 4, 1]`.
  func callAsFunction(_ map: Variable, _ condition: Tensor, _ tape: Tape) -> Variable {
    let x = tape.concatenate(map, tape.constant(condition))  // [N, H, W, 2]
    return last(secondNorm(second(firstNorm(first(x, tape), tape), tape), tape), tape)
  }
}

/// Both, each with weights of its own.
final class TrialNetworks {
  let generator: Generator, discriminator: Discriminator
  let generatorArena: ParameterArena, discriminatorArena: ParameterArena

  init(width: Int, isTrained: Bool) {
    generator = Generator(width: width)
    discriminator = Discriminator(width: width)
    generatorArena = ParameterArena(generator.layers.flatMap(\.parameters), isTrained: isTrained)
    discriminatorArena = ParameterArena(discriminator.layers.flatMap(\.parameters), isTrained: isTrained)
  }
}
