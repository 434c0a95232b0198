import Essentials
import Runs
import Tensors

/// A fixed sample of draws, cut into batches.
struct ScanBatches<Model> {
  private let scan: any PruningScan<Model>
  private let size: Int
  private let engine: Engine

  init(_ scan: any PruningScan<Model>, size: Int, _ engine: Engine) {
    (self.scan, self.size, self.engine) = (scan, size, engine)
  }

  /// How many draws there are.
  var draws: Int { scan.count }

  /// How many batches there are.
  var count: Int { (scan.count + size - 1) / size }

  /// The places of a batch's draws.
  func places(_ number: Int) -> Range<Int> { number * size..<min(scan.count, (number + 1) * size) }

  /// 64 bits that stand for all that the network is given.
  var hash: UInt64 { stableHash("\(scan.hash) in \(size)".utf8) }

  /// Runs the teacher on a batch.
  ///
  /// - Parameters:
  ///   - number: which batch.
  ///   - layers: prunable layers before which its states are kept.
  func pass(_ number: Int, keeping layers: [String]) -> any PruningPass<Model> {
    scan.pass(places(number), keeping: layers)
  }

  /// Mean over elements of the squared difference of two answers, draw by draw.
  func errors(_ one: Tensor, _ other: Tensor) -> [Double] {
    let tape = Tape(engine: engine, isRecording: false)
    let errors = tape.meanSquaredError(tape.constant(one), target: other).value
    return (0..<one.batch).map { Double(errors.base[$0]) }
  }
}
