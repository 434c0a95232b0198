import Essentials
import Runs
import Tensors

/// The squared error of a generator's map, and how the generator refines maps of any magnification.
struct GeneratorObjective: RefinementObjective {
  let network: Generator
  let termNames: [[String]] = [[]]
  let couplesSamples = true
  let options: Set<SamplingRequest.Option> = [.estimate, .zeroShot]

  func evaluate(_ player: Int, _ batch: RefinementBatch, step: Int, _ tape: Tape) -> ObjectiveValue {
    tape.batchStatistics = network.statistics
    return ObjectiveValue(losses: tape.meanSquaredError(generate(batch, tape), target: batch.target))
  }

  /// The generator's maps of samples four pixels apart.
  func generate(_ batch: RefinementBatch, _ tape: Tape) -> Variable {
    network(Self.decimated(batch.condition, by: Generator.magnification, tape.engine), tape)
  }

  func require(_ magnification: Int, _ request: SamplingRequest) throws {
    guard request.zeroShot == .resample || magnification & (magnification - 1) == 0 else {
      throw Fault(
        "a cascade of fourfold magnifications cannot give this one", at: "magnification", expected: "a power of 2",
        found: "\(magnification)", hint: "`zero_shot` resample interpolates to samples four pixels apart")
    }
  }

  /// By a cascade, the coarse map as it is, magnified until it is at least as fine as asked and then decimated; or resampled
  /// to four pixels from sample to sample and magnified once. At x4 they are the same.
  func refine(_ condition: Tensor, magnification: Int, _ request: SamplingRequest, _ tape: Tape) -> Variable {
    let isCascade = request.zeroShot != .resample, fourfold = Generator.magnification
    var map = Self.decimated(condition, by: isCascade ? magnification : fourfold, tape.engine)
    var reached = isCascade ? 1 : magnification / fourfold
    repeat {
      map = network(map, tape).value
      reached *= fourfold
    } while isCascade && reached < magnification
    return tape.constant(isCascade ? Self.decimated(map, by: reached / magnification, tape.engine) : map)
  }

  /// Every so many-th pixel of every so many-th row, `[N, H, W, 1]`.
  static func decimated(_ x: Tensor, by step: Int, _ engine: Engine) -> Tensor {
    guard step > 1 else { return x }
    let columns = x.shape[2] / step, y = engine.tensor([x.batch, x.shape[1] / step, columns, 1])
    for n in 0..<x.batch {
      for place in 0..<y.pixelsPerSample {
        let (row, column) = (place / columns * step, place % columns * step)
        y.sample(n)[place] = x.sample(n)[(row * x.shape[2] + column) * x.stride]
      }
    }
    return y
  }
}
