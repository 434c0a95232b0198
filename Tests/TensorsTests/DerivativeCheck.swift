import Computing
import Tensors
import Testing

/// What an operation gave: its output and d(sum of cotangent · output) for every input.
struct Differentiated {
  var output: [Float]
  var gradients: [[Float]]
}

/// Norm of the difference over the norm.
func relativeDifference(_ a: [Double], _ b: [Double]) -> Double {
  let difference = zip(a, b).reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
  let norm = b.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
  return norm == 0 ? difference : difference / norm
}

/// Holds a float32 operation and its derivative against a naive double one by central differences.
///
/// The step 1e-4 in double leaves an error of about 1e-8 (h² f'''/6); what remains is float32 rounding, for which
/// 2e-5 relative is room enough at these sizes.
func expectDerivative(
  of inputs: [[Float]], cotangent: [Float], reference: ([[Double]]) -> [Double],
  operation: () -> Differentiated, tolerance: Double = 2e-5,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let result = operation()
  var points = inputs.map { $0.map(Double.init) }
  let value = reference(points)
  #expect(value.count == result.output.count, sourceLocation: sourceLocation)
  let outputError = relativeDifference(result.output.map(Double.init), value)
  #expect(outputError < tolerance, "output", sourceLocation: sourceLocation)
  let weights = cotangent.map(Double.init)
  func functional() -> Double { zip(reference(points), weights).reduce(0) { $0 + $1.0 * $1.1 } }
  let step = 1e-4
  for input in inputs.indices {
    var numeric: [Double] = []
    for i in inputs[input].indices {
      let centre = points[input][i]
      points[input][i] = centre + step
      let above = functional()
      points[input][i] = centre - step
      let below = functional()
      points[input][i] = centre
      numeric.append((above - below) / (2 * step))
    }
    let error = relativeDifference(result.gradients[input].map(Double.init), numeric)
    #expect(error < tolerance, "gradient of input \(input)", sourceLocation: sourceLocation)
  }
}

/// Random values for tests, from a stream of their own.
func randomValues(_ count: Int, _ seed: Int) -> [Float] {
  RandomStream(seed: UInt64(seed), purpose: .test).gaussian(count)
}

/// A bound parameter with values.
func boundParameter(_ engine: Engine, _ shape: [Int], _ values: [Float]) -> Parameter {
  let kinds: [Int: Parameter.Kind] = [4: .kernel, 3: .depthwiseKernel, 2: .matrix]
  let parameter = Parameter("test", shape, kinds[shape.count] ?? .vector(start: 0))
  parameter.bind(index: 0, value: engine.tensor(shape, values), gradient: engine.zeros(shape))
  return parameter
}

extension Parameter {
  var gradientValues: [Float] { gradient!.values() }
}

extension Variable {
  var gradientValues: [Float] { gradient!.values() }
}
