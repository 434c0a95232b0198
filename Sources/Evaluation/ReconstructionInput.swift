import Checkpoints
import Essentials
import FingerprintModels
import Interpolation
import MapStorage
import MessagePassing

/// Which maps of a data set.
public enum SplitChoice: String, CaseIterable, Sendable {
  /// Those that the run was trained on.
  case train
  /// Those that it was not.
  case test
  /// All of them.
  case all
}

/// Where the coarse maps come from.
public enum ReconstructionInput: Sendable {
  /// The decimated maps of a data set.
  case dataSet(path: String, split: SplitChoice)
  /// Coarse maps alone: no truth needed.
  case coarse(path: String, options: ImportOptions)

  /// The file or folder.
  public var path: String {
    switch self {
    case .dataSet(let path, _), .coarse(let path, _): path
    }
  }
}

/// The maps to reconstruct, open: gives one by one what the network is conditioned on.
struct ReconstructionSource {
  private enum Maps {
    case fine(MapSetReader)
    case coarse(ImportedMaps)
  }
  private let maps: Maps
  private let path: String
  /// The number of each map in its file.
  let samples: [Int]
  let conditioner: MapConditioner
  let grid: SamplingGrid

  /// - Parameters:
  ///   - input: the file and which of its maps.
  ///   - trained: the model that will reconstruct.
  ///   - magnification: fine pixels from one coarse sample to the next.
  /// - Throws: `Fault` when the file cannot be read, its maps do not fit the magnification or the network.
  init(_ input: ReconstructionInput, _ trained: TrainedModel, magnification: Int) throws {
    path = input.path
    let area: AreaGeometry
    switch input {
    case .dataSet(let path, let choice):
      let reader = try MapSetReader(path: path)
      grid = try SamplingGrid(rows: reader.rows, columns: reader.columns, magnification: magnification)
      samples = try Self.chosen(choice, reader, trained)
      area = AreaGeometry(reader.description)
      maps = .fine(reader)
    case .coarse(let path, let options):
      let imported = try ImportedMaps(path: path, options: options)
      grid = try SamplingGrid(
        coarseRows: imported.rows, coarseColumns: imported.columns, magnification: magnification)
      samples = Array(0..<imported.count)
      area = AreaGeometry()
      maps = .coarse(imported)
    }
    let configuration = trained.configuration
    let factor = configuration.model.patch << (configuration.model.multipliers.count - 1)
    guard grid.rows % factor == 0, grid.columns % factor == 0 else {
      throw Fault(
        "the fine map does not fit the network's \(configuration.model.multipliers.count) stages", at: path,
        expected: "rows and columns that are multiples of \(factor)", found: "\(grid.rows)x\(grid.columns)")
    }
    conditioner = try MapConditioner(
      form: configuration.data.form,
      layout: NetworkLayout(
        rows: grid.rows, columns: grid.columns, patch: configuration.model.patch,
        channels: configuration.model.channels),
      magnifications: [magnification], upsampling: configuration.data.upsampling,
      normaliser: trained.state.normaliser, area: area)
  }

  private static func chosen(
    _ choice: SplitChoice, _ reader: MapSetReader, _ trained: TrainedModel
  ) throws -> [Int] {
    guard choice != .all else { return Array(0..<reader.count) }
    let split = try Split(MapSetCollection(paths: [reader.path]), seed: trained.configuration.seed)
    try split.require(trained.state.split, at: reader.path)
    let chosen = choice == .train ? split.training : split.test
    guard !chosen.isEmpty else {
      throw Fault("the split has no \(choice.rawValue) maps", at: reader.path, found: "\(reader.count) maps in all")
    }
    return chosen
  }

  /// What the result's file is to hold.
  func description(_ record: ReconstructionRecord, _ trained: TrainedModel, version: String) -> MapSetDescription {
    var description = MapSetDescription(
      rows: grid.rows, columns: grid.columns, softwareVersion: version,
      hasStations: false)
    switch maps {
    case .fine(let reader):
      description = reader.description
      description.layers = []
      description.hasEnvironments = false
    case .coarse(let imported):
      description.hasStations = imported.hasStations
      description.longName = imported.longName ?? description.longName
    }
    // A mask of coarse places says nothing about the fine ones between them.
    if case .coarse = maps { description.hasValid = false }
    description.longName = "reconstructed " + description.longName
    description.configuration = record.model
    description.seed = trained.configuration.seed
    description.softwareVersion = version
    description.reconstruction = record
    return description
  }

  /// What the network is conditioned on, for one map.
  func conditioned(_ sample: Int) throws -> ConditionedMap {
    let place = "\(path), sample \(sample)"
    switch maps {
    case .fine(let reader):
      return try conditioner.condition(
        MapConditioner.FineMap(
          try reader.read(indices: [sample])[0], valid: try reader.valid(indices: [sample])?[0],
          station: try reader.stations(indices: [sample])?[0], at: place),
        magnification: grid.magnification, training: false)
    case .coarse(let imported):
      let range = sample..<sample + 1
      return try conditioner.condition(
        coarse: MapConditioner.FineMap(
          try imported.read(range)[0], valid: try imported.valid(range)?[0],
          at: place),  // where its places lie is not known, so a station would not help
        magnification: grid.magnification)
    }
  }

  /// Stations and masks that the result takes over.
  func companions(_ samples: [Int]) throws -> (stations: [SIMD3<Float>], valid: [[UInt8]]) {
    switch maps {
    case .fine(let reader):
      return (try reader.stations(indices: samples) ?? [], try reader.valid(indices: samples) ?? [])
    case .coarse(let imported):
      return (try samples.flatMap { try imported.stations($0..<$0 + 1) ?? [] }, [])
    }
  }
}
