import Computing
import NeuralNetworks
import Tensors
import Testing

/// What follows from a parameter's kind: how it starts, how it lies on disk, how it is stepped.
@Suite struct ParameterTests {
  /// One of each kind.
  private static var all: [Parameter] {
    [
      Parameter("kernel", [3, 2, 8, 12], .kernel), Parameter("kernel.bias", [12], .bias(fanIn: 48)),
      Parameter("depthwise", [3, 3, 12], .depthwiseKernel), Parameter("depthwise.bias", [12], .bias(fanIn: 9)),
      Parameter("transposed", [2, 2, 9, 10], .transposedKernel),
      Parameter("transposed.bias", [9], .bias(fanIn: 36)), Parameter("matrix", [16, 9], .matrix),
      Parameter("matrix.bias", [9], .bias(fanIn: 16)), Parameter("gamma", [12], .scale),
      Parameter("beta", [12], .shift), Parameter("slope", [1], .vector(start: 0.25)),
      Parameter("table", [40, 16], .table), Parameter("mean", [12], .statistic(start: 0)),
      Parameter("variance", [12], .statistic(start: 1)),
    ]
  }

  private func isOrthonormal(_ rows: [[Float]]) -> Bool {
    rows.indices.allSatisfy { i in
      rows.indices.allSatisfy { j in
        let dot = zip(rows[i], rows[j]).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        return abs(dot - (i == j ? 1 : 0)) < 1e-5
      }
    }
  }

  /// Rows or columns are orthonormal, whichever are fewer.
  @Test(arguments: [[3, 3, 4, 8], [1, 1, 8, 24], [8, 8], [3, 3, 2, 200]])
  func orthogonal(shape: [Int]) throws {
    let arena = ParameterArena([Parameter("x", shape, shape.count == 4 ? .kernel : .matrix)], isTrained: false)
    try Initialisation.orthogonal.apply(to: arena, seed: 4)
    let output = shape.last!, rest = shape.reduce(1, *) / output
    let w = arena.weights.base
    let columns = (0..<output).map { o in (0..<rest).map { w[$0 * output + o] } }
    let rows = (0..<rest).map { r in (0..<output).map { w[r * output + $0] } }
    #expect(isOrthonormal(output < rest ? columns : rows))
  }

  /// A transposed kernel is a map from its inputs; each channel of a depthwise kernel has length 1.
  @Test func orthogonalByLayer() throws {
    let transposed = Parameter("t", [2, 2, 9, 10], .transposedKernel)
    let depthwise = Parameter("d", [3, 3, 12], .depthwiseKernel)
    let arena = ParameterArena([transposed, depthwise], isTrained: false)
    try Initialisation.orthogonal.apply(to: arena, seed: 5)
    let t = transposed.value!.base, d = depthwise.value!.base
    #expect(isOrthonormal((0..<10).map { i in (0..<36).map { t[$0 * 10 + i] } }))
    for channel in 0..<12 { #expect(isOrthonormal([(0..<9).map { d[$0 * 12 + channel] }])) }
  }

  /// Kaiming's bounds by the layer's own fan-in; constants; the same again for a seed.
  @Test func initialValues() throws {
    let bounds: [String: Double] = [
      "kernel": 48, "kernel.bias": 48, "depthwise": 9, "depthwise.bias": 9, "transposed": 36, "transposed.bias": 36,
      "matrix": 16, "matrix.bias": 16,
    ]
    let constants: [String: Float] = ["gamma": 1, "beta": 0, "slope": 0.25, "mean": 0, "variance": 1]
    let arenas = try (0..<2).map { _ in
      let arena = ParameterArena(Self.all, isTrained: false)
      try Initialisation.kaiming.apply(to: arena, seed: 1)
      return arena
    }
    for (parameter, again) in zip(arenas[0].parameters, arenas[1].parameters) {
      let values = parameter.value!.values()
      #expect(values == again.value!.values())
      if let fanIn = bounds[parameter.name] {
        let bound = 1 / fanIn.squareRoot(), most = Double(values.map(\.magnitude).max()!)
        #expect(most <= bound && most > bound / 2 && Set(values).count > values.count / 2, "\(parameter.name)")
      } else if let constant = constants[parameter.name] {
        #expect(values.allSatisfy { $0 == constant })
      } else {  // 640 normal numbers: deviation 0.028
        let square = values.reduce(0.0) { $0 + Double($1 * $1) } / Double(values.count)
        #expect(parameter.name == "table" && abs(square - 1) < 0.3)
      }
    }
    let orthogonal = ParameterArena(Self.all, isTrained: false)
    try Initialisation.orthogonal.apply(to: orthogonal, seed: 1)
    for parameter in orthogonal.parameters where parameter.name.hasSuffix(".bias") {
      #expect(parameter.value!.values().allSatisfy { $0 == 0 })
    }
  }

  /// He's: normal with variance 2 / fan in, biases 0.
  @Test func initialValuesBetweenRectifiers() throws {
    let kernel = Parameter("kernel", [3, 3, 8, 40], .kernel), bias = Parameter("bias", [40], .bias(fanIn: 72))
    try Initialisation.he.apply(to: ParameterArena([kernel, bias], isTrained: false), seed: 3)
    let values = kernel.value!.values(), square = values.reduce(0.0) { $0 + Double($1 * $1) } / Double(values.count)
    #expect(abs(square * 36 - 1) < 5 * (2 / Double(values.count)).squareRoot())  // deviation sqrt(2 / n)
    #expect(bias.value!.values().allSatisfy { $0 == 0 })
  }

  /// Against PyTorch's layouts written out, there and back.
  @Test func layoutsOnDisk() {
    let shapes: [String: [Int]] = [
      "kernel": [12, 8, 3, 2], "depthwise": [12, 1, 3, 3], "transposed": [10, 9, 2, 2], "matrix": [9, 16],
      "table": [40, 16], "slope": [1], "mean": [12],
    ]
    /// Where an element of the disk's row-major order lies in the kernels' layout.
    func place(_ name: String, _ at: [Int]) -> Int {
      switch name {
      case "kernel": ((at[2] * 2 + at[3]) * 8 + at[1]) * 12 + at[0]
      case "depthwise": (at[2] * 3 + at[3]) * 12 + at[0]
      case "transposed": ((at[2] * 2 + at[3]) * 9 + at[1]) * 10 + at[0]
      case "matrix": at[1] * 9 + at[0]
      default: at.count == 2 ? at[0] * 16 + at[1] : at[0]
      }
    }
    for parameter in Self.all {
      let values = (0..<parameter.count).map(Float.init)
      var disk = values, back = values
      DiskLayout.write(values, parameter, to: &disk)
      DiskLayout.read(disk, parameter, to: &back)
      #expect(back == values)
      guard let shape = shapes[parameter.name] else { continue }
      #expect(DiskLayout.shape(parameter) == shape)
      for i in disk.indices {
        var rest = i, at: [Int] = []
        for extent in shape.reversed() {
          at.insert(rest % extent, at: 0)
          rest /= extent
        }
        #expect(disk[i] == Float(place(parameter.name, at)), "\(parameter.name) \(at)")
      }
    }
  }

  /// Muon's are the kernels and matrices with sides of eight at least; statistics keep their bits under any rule, and
  /// count neither as weights nor in the norm.
  @Test func stepsByKind() throws {
    func stepped(_ kind: Optimiser.Rule.Kind) throws -> ParameterArena {
      let arena = ParameterArena(Self.all + [Parameter("narrow", [1, 1, 4, 9], .kernel)], isTrained: true)
      try Initialisation.kaiming.apply(to: arena, seed: 2)
      for parameter in arena.parameters {
        parameter.gradient?.base.update(from: randomNumbers(parameter.count), count: parameter.count)
      }
      var rule = Optimiser.Rule()
      (rule.kind, rule.weightDecay) = (kind, 0.5)
      try Optimiser(arena, rule: rule).step(learningRate: 0.1, threads: Threads(count: 2))
      return arena
    }
    let start = ParameterArena(Self.all + [Parameter("narrow", [1, 1, 4, 9], .kernel)], isTrained: false)
    try Initialisation.kaiming.apply(to: start, seed: 2)
    let adam = try stepped(.adam), muon = try stepped(.muon), descent = try stepped(.descent)
    for (place, parameter) in adam.parameters.enumerated() {
      let values = parameter.value!.values(), other = muon.parameters[place].value!.values()
      let before = start.parameters[place].value!.values()
      #expect((values != other) == ["kernel", "transposed", "matrix"].contains(parameter.name), "\(parameter.name)")
      #expect((values == before) == parameter.kind.isStatistic, "\(parameter.name)")
      let descended = descent.parameters[place].value!.values()
      let gradient = descent.parameters[place].gradient?.values() ?? []
      let expected = zip(before, gradient).map { $0 - 0.1 * ($1 + 0.5 * $0) }
      #expect(
        parameter.kind.isStatistic
          ? descended == before : zip(descended, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(parameter.name)")
      #expect((parameter.gradient == nil) == parameter.kind.isStatistic)
    }
    let learnt = adam.parameters.filter { !$0.kind.isStatistic }
    #expect(adam.parameterCount == learnt.reduce(0) { $0 + $1.count })
    let squares = learnt.flatMap { $0.gradient!.values() }.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect(abs(gradientNorm(adam, threads: Threads(count: 1)) - squares.squareRoot()) < 1e-9)
  }

  private func randomNumbers(_ count: Int) -> [Float] {
    RandomStream(seed: 7, purpose: .test).gaussian(count, sample: count)
  }
}
