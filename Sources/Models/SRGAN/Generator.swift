import Interpolation
import MessagePassing
import NeuralNetworks
import Tensors

/// SRResNet, the generator of Ledig et al. 2017: from samples four pixels apart to the fine map, without a bound at the end.
final class Generator {
  /// What it magnifies by.
  static let magnification = 4

  /// x + norm(conv(prelu(norm(conv(x))))).
  struct Block {
    let first: Convolution, firstNorm: BatchNorm, rectifier: LearntRectifier
    let second: Convolution, secondNorm: BatchNorm

    init(_ name: String, _ channels: Int) {
      first = Convolution("\(name).0", channels, channels, kernel: 3, hasBias: false)
      firstNorm = BatchNorm("\(name).1", channels)
      rectifier = LearntRectifier("\(name).2")
      second = Convolution("\(name).3", channels, channels, kernel: 3, hasBias: false)
      secondNorm = BatchNorm("\(name).4", channels)
    }

    var layers: [any Layer] { [first, firstNorm, rectifier, second, secondNorm] }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      tape.add(x, secondNorm(second(rectifier(firstNorm(first(x, tape), tape), tape), tape), tape))
    }
  }

  /// Twice as fine.
  struct Up {
    let convolution: Convolution, rectifier: LearntRectifier

    init(_ name: String, _ channels: Int) {
      convolution = Convolution("\(name).0", channels, 4 * channels, kernel: 3)
      rectifier = LearntRectifier("\(name).2")
    }

    var layers: [any Layer] { [convolution, rectifier] }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      rectifier(tape.pixelShuffle(convolution(x, tape)), tape)
    }
  }

  let configuration: GeneratorConfiguration
  let head: Convolution, headRectifier: LearntRectifier
  let trunk: [Block]
  let fuse: Convolution, fuseNorm: BatchNorm
  let ups: [Up]
  let tail: Convolution
  /// The weights and, where trained, gradients; empty for the structure alone.
  let arena: ParameterArena
  /// Where batch norms have their statistics from while it learns.
  var statistics = BatchStatistics()

  /// - Parameters:
  ///   - configuration: a valid structure.
  ///   - isTrained: whether gradients are needed; nil for the structure alone.
  init(_ configuration: GeneratorConfiguration, isTrained: Bool?) {
    self.configuration = configuration
    let channels = configuration.channels
    head = Convolution("head.0", 1, channels, kernel: 9)
    headRectifier = LearntRectifier("head.1")
    trunk = (0..<configuration.blocks).map { Block("trunk.\($0).body", channels) }
    fuse = Convolution("fuse.0", channels, channels, kernel: 3, hasBias: false)
    fuseNorm = BatchNorm("fuse.1", channels)
    ups = (0..<2).map { Up("up.\($0)", channels) }
    tail = Convolution("tail", channels, 1, kernel: 9)
    let layers: [any Layer] =
      [head, headRectifier] + trunk.flatMap(\.layers) + [fuse, fuseNorm] + ups.flatMap(\.layers) + [tail]
    arena = ParameterArena(
      isTrained == nil ? [] : layers.flatMap(\.parameters), isTrained: isTrained ?? false)
  }

  /// PyTorch's usual numbers; where the network adds to the interpolation, nothing at first.
  func initialise(seed: UInt64) throws {
    try Initialisation.kaiming.apply(to: arena, seed: seed)
    guard configuration.residual else { return }
    for parameter in tail.parameters { parameter.value?.base.update(repeating: 0, count: parameter.count) }
  }

  /// - Parameters:
  ///   - coarse: `[N, h, w, 1]`.
  ///   - tape: where it is recorded.
  /// - Returns: `[N, 4 h, 4 w, 1]`.
  func callAsFunction(_ coarse: Tensor, _ tape: Tape) -> Variable {
    let start = headRectifier(head(tape.constant(coarse), tape), tape)  // [N, h, w, channels]
    let deep = fuseNorm(fuse(trunk.reduce(start) { $1($0, tape) }, tape), tape)
    let fine = ups.reduce(tape.add(start, deep)) { $1($0, tape) }  // [N, 4 h, 4 w, channels]
    let base = configuration.residual ? tape.constant(interpolated(coarse, tape.engine)) : nil
    return tail(fine, tape, residual: base)
  }

  private func interpolated(_ coarse: Tensor, _ engine: Engine) -> Tensor {
    let (rows, columns, magnification) = (coarse.shape[1], coarse.shape[2], Self.magnification)
    guard
      let upsampler = try? Upsampler(
        rows: magnification * rows, columns: magnification * columns, magnification: magnification, method: .bilinear)
    else { preconditionFailure("\(coarse.shape) cannot be magnified") }
    let grid = upsampler.grid, fine = engine.tensor([coarse.batch, grid.rows, grid.columns, 1])
    engine.threads.run(coarse.batch) { n, _ in
      upsampler.upsample(
        UnsafeBufferPointer(start: coarse.sample(n), count: grid.samples),
        into: UnsafeMutableBufferPointer(start: fine.sample(n), count: grid.pixels))
    }
    return fine
  }

  /// What it costs, on the way from 1/4 of the map's rows and columns up.
  static func outline(_ configuration: GeneratorConfiguration) -> NetworkOutline {
    let network = Generator(configuration, isTrained: nil), size = configuration.imageSize
    let coarse = size / magnification, channels = configuration.channels
    func costs(_ layers: [any Layer], _ side: Int) -> [LayerCost] { layers.map { $0.cost(over: [side, side]) } }
    return NetworkOutline(
      mapOf: size,
      [
        ("Head", "convolution", channels, coarse, costs([network.head, network.headRectifier], coarse)),
        ("Trunk", "\(network.trunk.count) blocks", channels, coarse, costs(network.trunk.flatMap(\.layers), coarse)),
        ("Fuse", "convolution", channels, coarse, costs([network.fuse, network.fuseNorm], coarse)),
        ("Up 1", "convolution, shuffle", channels, coarse, costs(network.ups[0].layers, coarse)),
        ("Up 2", "convolution, shuffle", channels, 2 * coarse, costs(network.ups[1].layers, 2 * coarse)),
        ("Tail", "convolution", 1, size, costs([network.tail], size)),
      ])
  }
}

extension BatchStatistics {
  /// Those of the samples of all ranks, or of this one's where there is no communicator. A rank that cannot reach the others
  /// ends the job: they wait for it.
  convenience init(_ communicator: Communicator?) {
    guard let communicator else {
      self.init()
      return
    }
    let size = communicator.size
    self.init(rank: communicator.rank, size: size) { numbers in
      do {
        let counts = [Int](repeating: numbers.count / size, count: size)
        try communicator.allGather(numbers, counts: counts, checked: false)
      } catch {
        communicator.leave(after: error)
      }
    }
  }
}
