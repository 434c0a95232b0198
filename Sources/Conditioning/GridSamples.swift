import Computing
import Essentials
import MessagePassing

/// Samples of families that refine coarse maps: fine maps with the coarse ones that they would be measured as. Of maps that
/// are larger than the network's tensors each visit sees a window somewhere.
public struct GridSamples: SampleSource {
  /// The data sets and which of their maps train.
  public let data: MapData
  /// From dB to the network's units.
  public let conditioner: MapConditioner
  /// The magnifications to train at, each as often as it stands here.
  public let magnifications: [Int]
  private let symmetries: [GridSymmetry]
  /// Windows that are looked at for one with something to learn from, of maps with holes.
  private static let mostWindows = 64

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
    try communicator.agree("look for the layers") { try data.maps.require(layers: section.conditions) }
    conditioner = try MapConditioner(
      section, layout: layout, magnifications: magnifications,
      normaliser: Normaliser(section.normalisation, fixed: fixed, margin: section.margin),
      area: data.maps.description.area,
      conditions: ConditionScale.measured(
        section.conditions, of: data.maps, samples: data.split.training, communicator: communicator))
    let asked = Set(magnifications)
    try communicator.agree("look at the training maps") { [conditioner] in
      let share = Share.range(of: data.split.training.count, rank: communicator.rank, size: communicator.size)
      for number in data.split.training[share] {
        let fine = try data.maps.map(number)
        for magnification in asked {
          try conditioner.check(fine, magnification: magnification, cuts: data.isCut(conditioner))
        }
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
  ///   - conditions: the layers that the model sees.
  public func require(_ split: Split.Record, _ normaliser: Normaliser, _ conditions: [ConditionScale]) throws {
    try data.split.require(split, at: path)
    guard conditioner.conditions == conditions else {
      func text(_ scales: [ConditionScale]) -> String {
        scales.isEmpty ? "none" : scales.map { "\($0.name) of \($0.mean) ± \($0.deviation)" }.joined(separator: ", ")
      }
      throw Fault(
        "the layers beside the maps are others than the model's", at: path, expected: text(conditions),
        found: text(conditioner.conditions), hint: "give the data set that the run was trained on")
    }
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
    let fine = try map(number), magnification = draw(magnifications, .magnification)
    return try conditioned(fine, magnification: magnification) { windows, attempt in
      RandomStream(seed: data.seed, purpose: .window, layer: attempt).integer(
        below: windows, sample: position, step: step)
    }.seen(as: draw(symmetries, .symmetry))
  }

  /// Magnifications take turns; of maps that are larger the window is the one in the middle.
  public func heldOut(_ place: Int, of count: Int) throws -> ConditionedMap {
    let fine = try map(data.split.test[place * data.split.test.count / count])
    return try conditioned(fine, magnification: magnifications[place % magnifications.count]) { windows, attempt in
      guard attempt > 0 else { return windows / 2 }
      return RandomStream(seed: data.seed, purpose: .window, layer: attempt).integer(
        below: windows, sample: place, step: 0)
    }
  }

  /// A map with the layers that the network sees.
  private func map(_ number: Int) throws -> StationMap {
    try data.maps.map(number, conditions: conditioner.conditions.map(\.name))
  }

  /// A map, or a window of it, as the network sees it.
  ///
  /// - Parameters:
  ///   - fine: the map.
  ///   - magnification: fine pixels from one coarse sample to the next.
  ///   - choose: one of so many windows, at the n-th attempt to find one from which there is something to learn.
  private func conditioned(
    _ fine: StationMap, magnification: Int, choose: (_ windows: Int, _ attempt: Int) -> Int
  ) throws -> ConditionedMap {
    let (rows, columns) = (conditioner.layout.rows, conditioner.layout.columns)
    guard data.isCut(conditioner) else {
      return try conditioner.condition(fine, magnification: magnification, training: true)
    }
    let down = fine.map.rows - rows + 1, across = fine.map.columns - columns + 1
    for attempt in 0... {
      let (row, column) = choose(down * across, attempt).quotientAndRemainder(dividingBy: across)
      let window = fine.window(
        row: row, column: column, rows: rows, columns: columns, spacing: data.maps.description.area.spacing)
      do {
        return try conditioner.condition(window, magnification: magnification, training: true)
      } catch {
        // A window of buildings alone, or of one value: another will do. A map of nothing else is no map to train on.
        guard attempt < Self.mostWindows else { throw error }
      }
    }
    preconditionFailure("attempts end")
  }

  /// What a log's head says of the data.
  public var summary: String {
    let asked = Set(magnifications).sorted().map { "x\($0)" }.joined(separator: " ")
    let layout = conditioner.layout
    let names = conditioner.conditions.map(\.name)
    let windows = data.isCut(conditioner) ? ", in windows of \(layout.rows)x\(layout.columns)" : ""
    return "data: \(data.summary)\(windows), \(asked), normalised by the "
      + "\(conditioner.normaliser.normalisation.rawValue) map"
      + (names.isEmpty ? "" : ", seen with " + names.joined(separator: ", "))
  }
}

extension MapData {
  /// Whether maps are larger than what a network sees.
  fileprivate func isCut(_ conditioner: MapConditioner) -> Bool {
    maps.rows != conditioner.layout.rows || maps.columns != conditioner.layout.columns
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
  ///   - conditions: layers that the network sees beside the coarse map, with their scales.
  /// - Throws: `Fault` for a magnification that does not fit the maps.
  public init(
    _ section: GridSection, layout: NetworkLayout, magnifications: [Int], normaliser: Normaliser, area: Area,
    conditions: [ConditionScale] = []
  ) throws {
    try self.init(
      form: section.form, base: section.base, expected: section.expected, layout: layout,
      magnifications: magnifications, upsampling: section.upsampling,
      normaliser: normaliser, area: area, conditions: conditions)
  }
}
