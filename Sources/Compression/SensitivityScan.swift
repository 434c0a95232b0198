import Configuration
import Essentials
import MessagePassing
import Metrics
import NeuralNetworks
import Records
import Runs

/// What the network's answer loses without one layer.
public struct LayerSensitivity: Sendable {
  /// The layer, with what it would save.
  public var layer: NetworkOutline.PrunableUnit
  /// The squared difference that it makes in the answer, mean over elements.
  public var value: Double
  /// The standard error of that mean over the draws.
  public var standardError: Double?
}

/// The sensitivity scan (Algorithm 3): every prunable layer is taken away alone, over a fixed sample.
///
/// A job is one layer on one batch of the sample. Jobs are handed to ranks as they become free, batch by batch, since
/// their costs differ by two orders of magnitude. A rank runs the teacher once for each batch that it meets, keeps the
/// states of that batch only, and goes on from them. Each job is a function of its number, and sums are taken in the
/// order of the draws: the values are the same bits for any number of ranks, interrupted or not.
public final class SensitivityScan<Family: PrunableFamily> {
  /// The layers, in the order of computation.
  public let layers: [NetworkOutline.PrunableUnit]
  let batches: ScanBatches<Family.Model>
  private let settings: ScanSettings
  private let key: String
  private let communicator: Communicator

  /// Collective. Reads the sample.
  ///
  /// - Parameters:
  ///   - trained: the teacher.
  ///   - context: the data that it was trained on, ranks and threads.
  ///   - settings: the sample.
  /// - Throws: `Fault` on all ranks when these are other data, or a map cannot be read.
  public init(_ trained: TrainedRun<Family>, _ context: TaskContext, settings: ScanSettings) throws {
    layers = try Family.outlines(trained.configuration).flatMap(\.prunable)
    let scan = try Family.makeScan(
      trained, context, draws: settings.samples, seed: settings.seed ?? trained.configuration.seed)
    batches = ScanBatches(scan, size: settings.batch, context.engine)
    self.settings = settings
    communicator = context.communicator
    let hashes = [trained.weightsHash, Configuration.hash(trained.configuration), batches.hash]
    key = String(stableHash(hashes.map { String($0) }.joined(separator: " ").utf8), radix: 16)
  }

  /// Collective. Finds the value of every layer.
  ///
  /// - Parameters:
  ///   - folder: a folder where ranks note what they have found; a scan of the same sample and weights goes on there.
  ///   - isStopped: asked now and then; once it is so on a rank, the scan ends with what it has noted.
  ///   - style: how rank 0 shows progress.
  /// - Returns: one entry a layer, in the order of `layers`; nil where it was stopped.
  /// - Throws: `Fault` on all ranks.
  public func run(
    notes folder: String, isStopped: () -> Bool = { false }, progress style: ProgressDisplay.Style
  ) throws -> [LayerSensitivity]? {
    let count = batches.count * layers.count
    var known: [Int: [Double]] = [:]
    try communicator.onRoot("read the scan's notes") {
      known = try ScanJournal.read(folder: folder, key: key) { [batches, layers] job, errors in
        (0..<count).contains(job) && errors.count == batches.places(job / layers.count).count
      }
    }
    let worker = try communicator.agree("open the scan's notes") {
      ScanWorker(
        batches, layers: layers.map(\.name), keepsStates: settings.reusesActivations,
        journal: try ScanJournal(folder: folder, key: key, rank: communicator.rank))
    }
    let open = (0..<count).filter { known[$0] == nil }
    let display = ProgressDisplay("scan", total: count, from: known.count, unit: "layers and batches", style: style)
    let isWhole = try communicator.handOut(
      Self.ranges(of: open), pieces: PieceSize(least: 1, most: layers.count, seconds: 2), isStopped: isStopped,
      progress: { [known] in display.update(step: known.count + $0) }, { try worker.run($0) })
    display.finish()
    guard isWhole else { return nil }
    return try sensitivities(known.merging(worker.found) { first, _ in first })
  }

  /// Collective. Each rank gives what it has found; all have everything.
  private func sensitivities(_ found: [Int: [Double]]) throws -> [LayerSensitivity] {
    let draws = batches.draws
    // Every draw of a layer stands in one rank's array, so the sum only gathers.
    var errors = [Double](repeating: 0, count: layers.count * draws)
    for (job, own) in found {
      let (batch, layer) = job.quotientAndRemainder(dividingBy: layers.count)
      for (place, error) in zip(batches.places(batch), own) { errors[layer * draws + place] = error }
    }
    errors = try communicator.allReduce(errors, .sum)
    return try layers.enumerated().map { index, layer in
      let summary = Summary(Array(errors[index * draws..<(index + 1) * draws]))
      let mean = summary.mean ?? .nan
      guard mean.isFinite else {
        throw Fault(
          "the network's answer is not finite", at: "without \(layer.name)", expected: "finite numbers",
          found: "\(mean)", hint: "has the run diverged?")
      }
      return LayerSensitivity(layer: layer, value: mean, standardError: summary.standardError)
    }
  }

  /// Neighbouring numbers as ranges.
  static func ranges(of numbers: [Int]) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    for number in numbers {
      if let last = ranges.last, last.upperBound == number {
        ranges[ranges.count - 1] = last.lowerBound..<number + 1
      } else {
        ranges.append(number..<number + 1)
      }
    }
    return ranges
  }
}

/// One rank's part of a scan. One thread at a time uses it: the one that does the pieces, and, when all are done, the
/// one that asked for them.
private final class ScanWorker<Model>: @unchecked Sendable {
  private(set) var found: [Int: [Double]] = [:]
  private let batches: ScanBatches<Model>
  private let layers: [String]
  private let keepsStates: Bool
  private let journal: ScanJournal
  private var pass: (batch: Int, teacher: any PruningPass<Model>)?

  init(_ batches: ScanBatches<Model>, layers: [String], keepsStates: Bool, journal: ScanJournal) {
    self.batches = batches
    self.layers = layers
    self.keepsStates = keepsStates
    self.journal = journal
  }

  func run(_ piece: Range<Int>) throws {
    for job in piece {
      let (batch, layer) = job.quotientAndRemainder(dividingBy: layers.count)
      let pass = teacher(on: batch)
      let errors = batches.errors(pass.answer(without: layers[layer]), pass.answer)
      try journal.append(job: job, layer: layers[layer], errors: errors)
      found[job] = errors
    }
    try journal.synchronise()
  }

  private func teacher(on batch: Int) -> any PruningPass<Model> {
    if let pass, pass.batch == batch { return pass.teacher }
    pass = nil  // first: its buffers are used again
    let fresh = batches.pass(batch, keeping: keepsStates ? layers : [])
    pass = (batch, fresh)
    return fresh
  }
}
