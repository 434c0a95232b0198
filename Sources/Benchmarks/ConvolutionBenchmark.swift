import Computing
import Records
import Tensors

/// The three products of every kind of convolution in a model.
public enum ConvolutionBenchmark {
  private struct Times {
    var forward: Double, inputGradient: Double, weightGradient: Double
    var all: [Double] { [forward, inputGradient, weightGradient] }
  }

  /// Times each distinct shape alone; rates count the operations of the definition. The share of the peak counts the
  /// multiplications that are left: a quarter of them in Winograd's tiles.
  public static func run(
    _ subject: BenchmarkSubject, _ settings: BenchmarkSettings,
    convolution: ConvolutionChoice
  ) -> BenchmarkReport {
    let engine = Engine(threads: settings.threads, convolution: convolution)
    let peak = ProductBenchmark.peak(engine)
    var shapes: [(shape: ConvolutionShape, layers: Int)] = []
    for shape in subject.convolutions {
      if let known = shapes.firstIndex(where: { $0.shape == shape }) {
        shapes[known].layers += 1
      } else {
        shapes.append((shape, 1))
      }
    }
    var table = MarkdownTable([
      "map", "channels", "kernel", "layers", "algorithm", "forward", "input gr.", "weight gr.", "ms", "of peak",
    ])
    var rows: [JSONValue] = []
    for (shape, layers) in shapes {
      let algorithm = shape.algorithm(convolution), times = measure(shape, engine, settings)
      let operations = Double(2 * shape.multiplyAccumulates * settings.batch)
      let left = Double(shape.operations(convolution) * settings.batch)
      let total = times.all.reduce(0, +)
      table.add(
        [
          "\(shape.height)²", "\(shape.input) → \(shape.output)",
          "\(shape.kernel)²" + (shape.stride > 1 ? " / \(shape.stride)" : ""), "\(layers)", algorithm.rawValue,
        ] + times.all.map { Units.number(operations / $0 / 1e9) }
          + [Units.number(total * 1e3), Units.number(300 * left / total / peak) + " %"])
      rows.append(
        .members([
          "height": .integer(shape.height), "width": .integer(shape.width), "input": .integer(shape.input),
          "output": .integer(shape.output), "kernel": .integer(shape.kernel), "stride": .integer(shape.stride),
          "layers": .integer(layers), "algorithm": .text(algorithm.rawValue),
          "forward_seconds": .real(times.forward), "input_gradient_seconds": .real(times.inputGradient),
          "weight_gradient_seconds": .real(times.weightGradient), "share_of_peak": .real(3 * left / total / peak),
        ]))
    }
    return BenchmarkReport(
      title:
        "Convolutions of \(subject.name), batch \(settings.batch), \(settings.threads) threads: GFLOP/s-eq. by product; peak "
        + "\(Units.number(peak / 1e9)) GFLOP/s",
      tables: [table],
      json: .members([
        "benchmark": .text("convolution"), "preset": .text(subject.name), "batch": .integer(settings.batch),
        "threads": .integer(settings.threads), "peak_operations_per_second": .real(peak), "layers": .array(rows),
      ]))
  }

  private static func measure(
    _ shape: ConvolutionShape, _ engine: Engine, _ settings: BenchmarkSettings
  ) -> Times {
    let stream = RandomStream(seed: settings.seed, purpose: .test)
    func random(_ extents: [Int], _ sample: Int) -> Tensor {
      engine.tensor(extents, stream.gaussian(extents.reduce(1, *), sample: sample))
    }
    let x = random([settings.batch, shape.height, shape.width, shape.input], 0)
    let extents = [shape.kernel, shape.kernel, shape.input, shape.output]
    let weight = Parameter("weight", extents, .kernel)
    weight.bind(index: 0, value: random(extents, 1), gradient: engine.zeros(extents))
    let slope = random([settings.batch, shape.outputHeight, shape.outputWidth, shape.output], 2)
    let laps = (0...settings.steps).map { _ in
      let profile = OperationProfile(), tape = Tape(engine: engine, isRecording: true)
      tape.profile = profile
      profile.restart()
      let y = tape.convolution(tape.input(x), weight: weight, stride: shape.stride)
      profile.restart()
      tape.backward(from: y, gradient: slope)
      func time(_ direction: String) -> Double {
        profile.sorted.first { $0.direction == direction }?.seconds ?? .nan
      }
      return Times(
        forward: time("forward"), inputGradient: time("input gradient"), weightGradient: time("weight gradient"))
    }.dropFirst()  // the first touches fresh memory
    return Times(
      forward: median(laps.map(\.forward)), inputGradient: median(laps.map(\.inputGradient)),
      weightGradient: median(laps.map(\.weightGradient)))
  }
}
