import Conditioning
import Essentials
import Interpolation
import MapStorage
import Runs

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
  /// Coarse maps alone: no truth needed. The options' spacing is that of the fine places; the first sample is at the first of
  /// them. `conditions` are layers over the fine places that the run sees as well.
  case coarse(path: String, options: ImportOptions, conditions: [ImportOptions.Layer] = [])

  /// The file or folder.
  public var path: String {
    switch self {
    case .dataSet(let path, _), .coarse(let path, _, _): path
    }
  }
}

/// The maps to reconstruct, open: gives one by one what is known of them.
struct ReconstructionSource {
  private enum Maps {
    case fine(MapSetReader)
    case coarse(ImportedMaps, FineLayers)
  }
  private let maps: Maps
  private let path: String
  /// The number of each map in its file.
  let samples: [Int]
  let grid: SamplingGrid
  /// Where places lie.
  let area: Area
  /// Layers that the model sees beside the maps.
  private let conditions: [String]

  /// - Parameters:
  ///   - input: the file and which of its maps.
  ///   - trained: the model that will reconstruct, which knows its split; nil for none.
  ///   - magnification: fine pixels from one coarse sample to the next.
  /// - Throws: `Fault` when the file cannot be read, or its maps do not fit the magnification.
  init(_ input: ReconstructionInput, _ trained: (any TrainedModel)?, magnification: Int) throws {
    path = input.path
    conditions = try trained?.state.conditions().map(\.name) ?? []
    switch input {
    case .dataSet(let path, let choice):
      let reader = try MapSetReader(path: path)
      grid = try SamplingGrid(rows: reader.rows, columns: reader.columns, magnification: magnification)
      samples = try choice.numbers(of: reader, trained)
      area = reader.description.area
      try reader.require(layers: conditions)
      maps = .fine(reader)
    case .coarse(let path, let options, let layers):
      let imported = try ImportedMaps(path: path, options: options.coarse(magnification))
      grid = try SamplingGrid(
        coarseRows: imported.rows, coarseColumns: imported.columns, magnification: magnification)
      samples = Array(0..<imported.count)
      area = imported.area.fine(magnification)
      maps = .coarse(
        imported,
        try FineLayers(
          layers, names: conditions, rows: grid.rows, columns: grid.columns, count: imported.count, options))
    }
  }

  /// What the result's file is to hold.
  ///
  /// - Parameters:
  ///   - record: how the maps are made.
  ///   - hasDeviation: whether each map has the layer of its deviation.
  ///   - draws: how many draws stand beside each map.
  func description(_ record: ReconstructionRecord, hasDeviation: Bool, draws: Int) -> MapSetDescription {
    var description = MapSetDescription(rows: grid.rows, columns: grid.columns, hasStations: false)
    switch maps {
    case .fine(let reader):
      description = reader.description
      description.hasEnvironments = false
    case .coarse(let imported, _):
      description.hasStations = imported.hasStations
      description.hasValid = false
      description.area = area
      description.longName = imported.longName ?? description.longName
      description.units = imported.units
    }
    description.setEstimates("reconstructed", record, hasDeviation: hasDeviation, draws: draws)
    return description
  }

  /// What is observed, and where.
  var geometry: ObservationGeometry { ObservationGeometry(grid: grid, area: area, at: path) }

  /// A map as its file has it.
  func known(of sample: Int) throws -> StationMap {
    switch maps {
    case .fine(let reader): return try reader.map(sample, conditions: conditions)
    case .coarse(let imported, let layers):
      var map = try imported.read(sample..<sample + 1)[0]
      map.conditions = try layers.read(sample)
      return map
    }
  }

  /// What is observed of it.
  func observation(_ known: StationMap) -> Observation {
    switch maps {
    case .fine: .grid(GridObservation(coarse: grid.decimate(known), truth: known))
    case .coarse: .grid(GridObservation(coarse: known))
    }
  }

  /// Stations and masks that the result takes over.
  func companions(_ known: [StationMap]) -> (stations: [SIMD3<Float>], masks: [Mask]) {
    // A mask of coarse places says nothing about the fine ones between them.
    if case .coarse = maps { return (known.compactMap(\.station), []) }
    return (known.compactMap(\.station), known.compactMap(\.mask))
  }
}
