import Computing
import Conditioning
import Essentials
import Interpolation
import MapStorage
import MessagePassing
import Runs

/// The data sets of a run: which maps train, which test, and how they become what the network sees.
public struct TrainingData: Sendable {
  /// The data sets.
  public let maps: MapSetCollection
  /// Which maps train, which test.
  public let split: Split
  /// From dB to the network's units.
  public let conditioner: MapConditioner
  /// The training maps, each as often as an epoch visits it.
  let epoch: [Int]
  /// The magnifications to train at, each as often as it stands here.
  let magnifications: [Int]
  private let symmetries: [GridSymmetry]
  private let seed: UInt64

  /// Collective. Opens the data sets and looks at every training map once, each rank at its share: a hole in the data
  /// is found now and not in the third hour.
  ///
  /// - Parameters:
  ///   - paths: the data sets.
  ///   - configuration: the run's.
  ///   - communicator: the ranks.
  /// - Throws: `Fault` on all ranks: missing or damaged file, wrong shape, a constant map, a value that is no number.
  public init(paths: [String], configuration: RunConfiguration, communicator: Communicator) throws {
    let size = configuration.model.imageSize
    (maps, split) = try communicator.agree("open the data") {
      let maps = try MapSetCollection(paths: paths)
      guard maps.rows == size, maps.columns == size else {
        throw Fault(
          "the maps do not fit the network", at: "\(maps.path):/maps",
          expected: "\(size)x\(size) (model.image_size)", found: "\(maps.rows)x\(maps.columns)",
          hint: "--set model.image_size=\(maps.rows)")
      }
      return (maps, try Split(maps, seed: configuration.seed))
    }
    let repeats = configuration.training.repeats
    guard repeats.isEmpty || repeats.count == maps.readers.count else {
      throw Fault(
        "the repeats do not fit the data sets", at: "training.repeats",
        expected: "\(maps.readers.count) of them, one for each data set", found: "\(repeats.count)")
    }
    epoch = split.training.flatMap { [maps] number in
      Array(repeating: number, count: repeats.isEmpty ? 1 : repeats[maps.set(of: number)])
    }
    let data = configuration.data
    let fixed =
      data.normalisation == .dataset
      ? try ValueRange.covering(maps, samples: split.training, communicator: communicator) : nil
    let listed = configuration.training.magnifications
    magnifications = listed.isEmpty ? [data.magnification] : listed
    symmetries = configuration.training.symmetries ? GridSymmetry.allCases : [.identity]
    seed = configuration.seed
    conditioner = try configuration.conditioner(
      rows: size, columns: size, magnifications: magnifications,
      normaliser: Normaliser(data.normalisation, fixed: fixed, margin: data.margin),
      area: AreaGeometry(maps.description))
    let asked = Set(magnifications)
    try communicator.agree("look at the training maps") { [maps, split, conditioner] in
      let share = Share.range(of: split.training.count, rank: communicator.rank, size: communicator.size)
      for number in split.training[share] {
        let fine = MapConditioner.FineMap(try maps.read(number))
        for magnification in asked { try conditioner.check(fine, magnification: magnification) }
      }
    }
  }

  /// Throws unless these are the maps that a model was trained on, seen as it saw them.
  ///
  /// - Parameter state: what the model's checkpoint remembers.
  public func require(_ state: TrainingState) throws {
    try split.require(state.split, at: maps.path)
    guard conditioner.normaliser == state.normaliser else {
      func text(_ range: ValueRange?) -> String {
        range.map { "\($0.minimum) to \($0.maximum) dB" } ?? "no fixed range"
      }
      throw Fault(
        "the training maps have another range than the model's", at: maps.path,
        expected: text(state.normaliser.fixed), found: text(conditioner.normaliser.fixed),
        hint: "give the data set that the run was trained on")
    }
  }

  /// A training map as the network sees it: its magnification, and how it is turned, are drawn for its place in the
  /// batch.
  public func sample(_ number: Int, position: Int, step: Int) throws -> TrainingSample {
    func draw<Choice>(_ choices: [Choice], _ purpose: RandomPurpose) -> Choice {
      choices[
        RandomStream(seed: seed, purpose: purpose).integer(below: choices.count, sample: position, step: step)]
    }
    var drawn = try sample(number, position: position, magnification: draw(magnifications, .magnification))
    drawn.map = drawn.map.seen(as: draw(symmetries, .symmetry))
    return drawn
  }

  /// The maps of a rank's share of some held-out ones, with their place among them: spread evenly over all, so that every
  /// data set has its share; magnifications take turns.
  func heldOut(_ limit: Int, _ communicator: Communicator) throws -> [TrainingSample] {
    let count = min(limit, split.test.count)
    let chosen = (0..<count).map { split.test[$0 * split.test.count / count] }
    let share = Share.range(of: chosen.count, rank: communicator.rank, size: communicator.size)
    return try share.map { place in
      try sample(chosen[place], position: place, magnification: magnifications[place % magnifications.count])
    }
  }

  private func sample(_ number: Int, position: Int, magnification: Int) throws -> TrainingSample {
    let fine = MapConditioner.FineMap(try maps.read(number))
    return TrainingSample(
      position: position,
      map: try conditioner.condition(fine, magnification: magnification, training: true))
  }
}

extension MapConditioner.FineMap {
  /// A map of a data set.
  init(_ sample: MapSetCollection.Sample) {
    self.init(sample.map, valid: sample.valid, station: sample.station, at: sample.place)
  }
}
