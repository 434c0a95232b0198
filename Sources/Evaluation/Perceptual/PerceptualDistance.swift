import Essentials
import NeuralNetworks
import Tensors

/// ST-LPIPS (Ghildyal and Liu, "Shift-tolerant perceptual similarity metric", ECCV 2022): how different two pictures look, told by
/// features of a network that was trained on people's judgements. 0 for equal pictures; lower is better.
///
/// AlexNet whose strides are blurs: feature vectors of five layers are scaled to length 1, and the squares of their differences are
/// weighted and averaged over places. The widths of the layers are those of the weights.
public final class PerceptualDistance {
  /// What the file calls the metric, as it stands in tables.
  public let title: String
  private let first: PatchConvolution
  private let rest: [Convolution]
  private let weights: [Parameter]
  private let arena: ParameterArena
  private let engine: Engine

  /// PyTorch's names of the layers.
  private static let names = ["net.slice1.0", "net.slice2.5", "net.slice3.9", "net.slice4.11", "net.slice5.13"]
  private static let kernels = [11, 5, 3, 3, 3]
  /// Rows and columns that a picture has at least.
  private static let leastSide = 32
  /// What is taken off each colour of -1 to 1, and what it is divided by.
  private static let shifts: [Float] = [-0.030, -0.088, -0.188]
  private static let scales: [Float] = [0.458, 0.448, 0.450]

  /// - Parameters:
  ///   - path: the weights, as `Scripts/lpips-weights` writes them.
  ///   - engine: threads and buffers.
  /// - Throws: `Fault` naming file and tensor where they are not those of such a network.
  public init(path: String, engine: Engine) throws {
    let file = try SafetensorsFile(path)
    title = file.metadata("metric") ?? "LPIPS"
    var input = 3, layers: [(name: String, input: Int, output: Int)] = []
    for (name, kernel) in zip(Self.names, Self.kernels) {
      let shape = try file.entry("\(name).weight").shape
      guard shape.count == 4, shape[1...] == [input, kernel, kernel], shape[0] > 0 else {
        throw Fault(
          "the weights are not those of such a network", at: "\(path): \(name).weight",
          expected: "[any, \(input), \(kernel), \(kernel)]", found: "\(shape)",
          hint: "Scripts/lpips-weights makes such a file")
      }
      layers.append((name, input, shape[0]))
      input = shape[0]
    }
    first = PatchConvolution(
      layers[0].name, 3, layers[0].output, PatchGrid(kernel: 11, stride: 1, before: 2, after: 2))
    rest = zip(layers, Self.kernels).dropFirst().map { Convolution($0.name, $0.input, $0.output, kernel: $1) }
    weights = layers.enumerated().map { Parameter("lin\($0).model.1.weight", [1, 1, $1.output, 1], .kernel) }
    arena = ParameterArena(first.parameters + rest.flatMap(\.parameters) + weights, isTrained: false)
    self.engine = engine
    for (index, parameter) in arena.parameters.enumerated() {
      let disk = try file.floats(parameter.name, shape: DiskLayout.shape(parameter))
      DiskLayout.read(disk, parameter, to: arena.weights.base + arena.ranges[index].lowerBound)
    }
  }

  /// What the network sees of a picture: a tensor of each layer, `[1, rows, columns, channels]`, vectors of length 1.
  public struct Features {
    fileprivate let layers: [Tensor]
  }

  /// Looks at a picture.
  ///
  /// - Parameters:
  ///   - grey: grey levels 0 to 1, row after row; all three colours are that.
  ///   - rows: its rows.
  ///   - columns: its columns.
  ///   - place: for the message.
  /// - Throws: `Fault` for a picture that is too small.
  public func features(_ grey: [Float], rows: Int, columns: Int, at place: String) throws -> Features {
    guard min(rows, columns) >= Self.leastSide else {
      throw Fault(
        "the map is too small to be looked at", at: place,
        expected: "\(Self.leastSide) rows and columns at least, for \(title)", found: "\(rows)x\(columns)")
    }
    let picture = engine.tensor([1, rows, columns, 3])
    for (pixel, level) in grey.enumerated() {
      for colour in 0..<3 {
        picture.base[3 * pixel + colour] = (2 * level - 1 - Self.shifts[colour]) / Self.scales[colour]
      }
    }
    let tape = Tape(engine: engine, isRecording: false)
    var x = tape.rectify(tape.constant(blurred(first(tape.constant(picture), tape).value)))
    var layers = [x.value]
    for (number, convolution) in rest.enumerated() {
      if number < 2 { x = tape.constant(blurred(peaks(x.value))) }
      x = tape.rectify(convolution(x, tape))
      layers.append(x.value)
    }
    return Features(layers: layers.map(unit))
  }

  /// How different two pictures of one size look.
  public func distance(_ a: Features, _ b: Features) -> Double {
    zip(zip(a.layers, b.layers), weights).reduce(0) { total, layer in
      let ((first, second), weight) = layer, channels = first.channels
      guard let factors = weight.value?.base else { return total }
      var sum = 0.0
      for place in 0..<first.pixels {
        let (own, other) = (first.base + place * first.stride, second.base + place * second.stride)
        for c in 0..<channels { sum += Double(factors[c]) * Double(own[c] - other[c]) * Double(own[c] - other[c]) }
      }
      return total + sum / Double(first.pixels)
    }
  }

  /// Vectors of length 1 over the channels.
  private func unit(_ x: Tensor) -> Tensor {
    let y = engine.tensor(x.shape)
    for place in 0..<x.pixels {
      let (from, to) = (x.base + place * x.stride, y.base + place * y.stride)
      let squares = (0..<x.channels).reduce(Float(0)) { $0 + from[$1] * from[$1] }
      let factor = 1 / (squares.squareRoot() + 1e-10)
      for c in 0..<x.channels { to[c] = from[c] * factor }
    }
    return y
  }

  /// The greatest of 3×3 places around each that has all of them.
  private func peaks(_ x: Tensor) -> Tensor {
    let (rows, columns) = (x.shape[1] - 2, x.shape[2] - 2), y = engine.tensor([1, rows, columns, x.channels])
    for row in 0..<rows {
      for column in 0..<columns {
        let to = y.base + (row * columns + column) * y.stride
        for c in 0..<x.channels {
          var greatest = -Float.infinity
          for tap in 0..<9 {
            let place = (row + tap / 3) * x.shape[2] + column + tap % 3
            greatest = max(greatest, x.base[place * x.stride + c])
          }
          to[c] = greatest
        }
      }
    }
    return y
  }

  /// Every other place of the map blurred by [1, 2, 1] / 4 along rows and columns, which is mirrored two places beyond its border.
  private func blurred(_ x: Tensor) -> Tensor {
    let (height, width) = (x.shape[1], x.shape[2]), rows = (height + 1) / 2 + 1, columns = (width + 1) / 2 + 1
    func mirrored(_ place: Int, _ count: Int) -> Int {
      place < 0 ? -place : place >= count ? 2 * (count - 1) - place : place
    }
    let y = engine.zeros([1, rows, columns, x.channels]), shares: [Float] = [0.25, 0.5, 0.25]
    for row in 0..<rows {
      for column in 0..<columns {
        let to = y.base + (row * columns + column) * y.stride
        for tap in 0..<9 {
          let from =
            x.base
            + (mirrored(2 * row + tap / 3 - 2, height) * width + mirrored(2 * column + tap % 3 - 2, width)) * x.stride
          let share = shares[tap / 3] * shares[tap % 3]
          for c in 0..<x.channels { to[c] += share * from[c] }
        }
      }
    }
    return y
  }
}
