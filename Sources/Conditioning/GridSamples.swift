import Computing
import Essentials
import MessagePassing

/// Samples of families that refine coarse maps: fine maps with the coarse ones that they would be measured as.
public struct GridSamples: SampleSource {
  /// The data sets and which of their maps train.
  public let data: MapData
  /// From dB to the network's units.
  public let conditioner: MapConditioner
  /// The magnifications to train at, each as often as it stands here.
  public let magnifications: [Int]
  private let symmetries: [GridSymmetry]

  /// Collective. Looks at every training map once, each rank at its share: a hole in the data is found now and not in
  /// the third hour.
  ///
  /// - Parameters:
  ///   - data: the data sets and which of their maps train.
  ///   - section: how maps become what the network sees.
  ///   - layout: how planes lie in the network's tensors.
  ///   - communicator: the ranks.
  /// - Throws: `Fault` on all ranks: wrong shape, a constant map, a value that is no number.
  public init(_ data: MapData, _ section: GridSection, layout: NetworkLayout, communicator: Communicator) throws {
    self.data = data
    let fixed =
      section.normalisation == .dataset
      ? try ValueRange.covering(data.maps, samples: data.split.training, communicator: communicator) : nil
    magnifications = section.trained
    symmetries = section.symmetries ? GridSymmetry.allCases : [.identity]
    conditioner = try MapConditioner(
      section, layout: layout, magnifications: magnifications,
      normaliser: Normaliser(section.normalisation, fixed: fixed, margin: section.margin),
      area: data.maps.description.area)
    let asked = Set(magnifications)
    try communicator.agree("look at the training maps") { [conditioner] in
      let share = Share.range(of: data.split.training.count, rank: communicator.rank, size: communicator.size)
      for number in data.split.training[share] {
        let fine = try data.maps.map(number)
        for magnification in asked { try conditioner.check(fine, magnification: magnification) }
      }
    }
  }

  /// The files.
  public var path: String { data.maps.path }
  /// Each training map as often as an epoch visits it.
  public var epochCount: Int { data.epoch.count }
  /// The test maps.
  public var heldOutCount: Int { data.split.test.count }

  /// Throws unless maps are seen here as a model saw them in training.
  ///
  /// - Parameters:
  ///   - split: the model's split.
  ///   - normaliser: the model's.
  public func require(_ split: Split.Record, _ normaliser: Normaliser) throws {
    try data.split.require(split, at: path)
    guard conditioner.normaliser == normaliser else {
      func text(_ range: ValueRange?) -> String {
        range.map { "\($0.minimum) to \($0.maximum) dB" } ?? "no fixed range"
      }
      throw Fault(
        "the training maps have another range than the model's", at: path, expected: text(normaliser.fixed),
        found: text(conditioner.normaliser.fixed), hint: "give the data set that the run was trained on")
    }
  }

  /// A training map as the network sees it: its magnification, and how it is turned, are drawn for its place in the
  /// batch.
  public func sample(visit: Int, position: Int, step: Int) throws -> ConditionedMap {
    try sample(number: data.epoch[visit], position: position, step: step)
  }

  /// The same, by the map's number in the data.
  public func sample(number: Int, position: Int, step: Int) throws -> ConditionedMap {
    func draw<Choice>(_ choices: [Choice], _ purpose: RandomPurpose) -> Choice {
      choices[
        RandomStream(seed: data.seed, purpose: purpose).integer(below: choices.count, sample: position, step: step)]
    }
    return try conditioned(number, magnification: draw(magnifications, .magnification))
      .seen(as: draw(symmetries, .symmetry))
  }

  /// Magnifications take turns.
  public func heldOut(_ place: Int, of count: Int) throws -> ConditionedMap {
    try conditioned(
      data.split.test[place * data.split.test.count / count],
      magnification: magnifications[place % magnifications.count])
  }

  private func conditioned(_ number: Int, magnification: Int) throws -> ConditionedMap {
    let fine = try data.maps.map(number)
    return try conditioner.condition(fine, magnification: magnification, training: true)
  }

  /// What a log's head says of the data.
  public var summary: String {
    let asked = Set(magnifications).sorted().map { "x\($0)" }.joined(separator: " ")
    return "data: \(data.summary), \(asked), normalised by the \(conditioner.normaliser.normalisation.rawValue) map"
  }
}

extension MapConditioner {
  /// The conditioner of a configuration.
  ///
  /// - Parameters:
  ///   - section: how maps become what the network sees.
  ///   - layout: how planes lie in its tensors.
  ///   - magnifications: the ones that will be asked for.
  ///   - normaliser: which range a map gets.
  ///   - area: where the places lie.
  /// - Throws: `Fault` for a magnification that does not fit the maps.
  public init(
    _ section: GridSection, layout: NetworkLayout, magnifications: [Int], normaliser: Normaliser, area: Area
  ) throws {
    try self.init(
      form: section.form, layout: layout, magnifications: magnifications, upsampling: section.upsampling,
      normaliser: normaliser, area: area)
  }
}
