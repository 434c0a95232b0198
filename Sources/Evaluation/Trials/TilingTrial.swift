import Essentials
import Foundation
import Interpolation
import MapStorage
import MessagePassing
import Reconstruction
import Records
import Runs
import Tensors

/// How a trained run reconstructs maps of other sizes than it was trained at: whether borders of windows show, how good the
/// maps are beside interpolation, what time and memory they take.
public enum TilingTrial {
  /// What is tried.
  public struct Request {
    /// A data set of maps at least as large as the largest size.
    public var dataPath: String
    /// The run.
    public var model: any TrainedModel
    /// Rows and columns of the maps to reconstruct, cut from the data set's, smallest first.
    public var sizes: [(rows: Int, columns: Int)]
    /// How many maps of each size.
    public var count: Int
    /// Fine pixels from one coarse sample to the next.
    public var magnification: Int
    /// How maps are drawn.
    public var sampling: SamplingRequest
    /// Maps, or windows of them, that the network has at a time.
    public var batch: Int

    /// - Parameters:
    ///   - dataPath: a data set of maps at least as large as the largest size.
    ///   - model: the run.
    ///   - sizes: rows and columns of the maps to reconstruct.
    ///   - count: how many maps of each size.
    ///   - magnification: fine pixels from one coarse sample to the next.
    ///   - sampling: how maps are drawn.
    ///   - batch: maps that the network has at a time.
    public init(
      dataPath: String, model: any TrainedModel, sizes: [(rows: Int, columns: Int)], count: Int, magnification: Int,
      sampling: SamplingRequest, batch: Int
    ) {
      (self.dataPath, self.model, self.sizes, self.count) = (dataPath, model, sizes, count)
      (self.magnification, self.sampling, self.batch) = (magnification, sampling, batch)
    }
  }

  /// What one size gave.
  public struct Row: Codable, Equatable, Sendable {
    /// Rows and columns of the maps.
    public var size: [Int]
    /// "windows", "whole", or "apart": windows that know nothing of each other, as a control.
    public var way: String
    /// Mean absolute step across the borders of windows over that everywhere else, less what the true maps have there; nil
    /// where there is one window.
    public var seams: Double?
    /// RMSE [dB].
    public var error: Double
    /// RMSE of bicubic interpolation [dB].
    public var interpolationError: Double
    /// Seconds a map.
    public var seconds: Double
    /// The most memory that the process has had so far [byte].
    public var memory: Int
  }

  /// Runs the trial on one process.
  ///
  /// - Parameters:
  ///   - request: what is tried.
  ///   - window: rows and columns of the windows, pixels: what the run was trained at.
  ///   - communicator: one rank.
  ///   - engine: its threads and buffers.
  /// - Throws: `Fault` when the data set cannot be read or has smaller maps.
  public static func run(
    _ request: Request, window: Int, communicator: Communicator, engine: Engine
  ) throws -> [Row] {
    let reader = try MapSetReader(path: request.dataPath)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tiling-\(UUID().uuidString)").path
    try Files.makeDirectory(folder, what: "cannot make a directory")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var rows: [Row] = []
    for (number, size) in request.sizes.enumerated() {
      guard size.rows <= reader.rows, size.columns <= reader.columns else {
        throw Fault(
          "the maps are smaller than what is to be cut from them", at: request.dataPath,
          expected: "\(size.rows)x\(size.columns)", found: "\(reader.rows)x\(reader.columns)")
      }
      let truth = try (0..<min(request.count, reader.count)).map {
        Cut(try reader.map($0), rows: size.rows, columns: size.columns, spacing: reader.description.area.spacing)
      }
      let isLarger = size.rows > window || size.columns > window
      for way in isLarger ? ["windows", "whole", "apart"] : ["whole"] {
        let trial = Trial(
          request: request, area: reader.description.area, window: window, communicator: communicator, engine: engine,
          file: "\(folder)/\(number)-\(way)")
        rows.append(try trial.row(truth, way: way))
      }
    }
    return rows
  }
}

/// A part of a map with its station.
private struct Cut {
  let map: ChannelFingerprint
  let station: SIMD3<Float>?

  init(_ map: StationMap, row: Int = 0, column: Int = 0, rows: Int, columns: Int, spacing: Double) {
    self.map = ChannelFingerprint(
      rows: rows, columns: columns,
      values: (row..<row + rows).flatMap { y in (column..<column + columns).map { map.map[y, $0] } })
    station = map.station.map { $0 - SIMD3(Float(spacing * Double(column)), Float(spacing * Double(row)), 0) }
  }
}

/// One size in one way.
private struct Trial {
  let request: TilingTrial.Request
  let area: Area
  let window: Int
  let communicator: Communicator
  let engine: Engine
  let file: String

  func row(_ truth: [Cut], way: String) throws -> TilingTrial.Row {
    let clock = ContinuousClock()
    let begin = clock.now
    let made = try way == "apart" ? apart(truth) : reconstruct(truth, .model(request.model), whole: way == "whole")
    let elapsed = (clock.now - begin) / .seconds(1)
    let plain = try reconstruct(truth, .interpolation(.bicubic), whole: true)
    let (rows, columns) = (truth[0].map.rows, truth[0].map.columns)
    let borders = try way == "apart" ? (rows: sides(rows), columns: sides(columns)) : blended(truth[0].map)
    let hasBorders = !borders.rows.isEmpty || !borders.columns.isEmpty
    func ratio(_ maps: [ChannelFingerprint]) -> Double { Steps(maps, borders.rows, borders.columns).ratio }
    return TilingTrial.Row(
      size: [rows, columns], way: way, seams: hasBorders ? ratio(made) / ratio(truth.map(\.map)) : nil,
      error: error(made, truth), interpolationError: error(plain, truth), seconds: elapsed / Double(truth.count),
      memory: peakMemory())
  }

  /// Where windows end that are laid side by side.
  private func sides(_ side: Int) -> [Int] { Array(stride(from: window, to: side, by: window)) }

  /// Where windows begin and end that overlap; looked at also where the map was seen as a whole, for comparison.
  private func blended(_ map: ChannelFingerprint) throws -> (rows: [Int], columns: [Int]) {
    let grid = try SamplingGrid(rows: map.rows, columns: map.columns, magnification: request.magnification)
    var asked = request.sampling
    asked.tiling = .windows(window)
    return try request.model.makeEstimator(
      ObservationGeometry(grid: grid, area: area, at: request.dataPath), asked, communicator: communicator,
      engine: engine
    ).windowBorders
  }

  private func error(_ maps: [ChannelFingerprint], _ truth: [Cut]) -> Double {
    let squares = zip(maps, truth).map { map, truth in
      zip(map.values, truth.map.values).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    }
    return (squares.reduce(0, +) / Double(truth.reduce(0) { $0 + $1.map.values.count })).squareRoot()
  }

  private func reconstruct(
    _ truth: [Cut], _ method: ReconstructionMethod, whole: Bool
  ) throws -> [ChannelFingerprint] {
    let (data, result) = ("\(file)-data.h5", "\(file)-fine.h5")
    let description = MapSetDescription(
      rows: truth[0].map.rows, columns: truth[0].map.columns, area: area, hasStations: truth[0].station != nil)
    let writer = try MapSetWriter.create(
      path: data, description: description, count: truth.count, communicator: communicator, overwrite: true)
    try writer.write(MapBlock(first: 0, maps: truth.map(\.map), stations: truth.compactMap(\.station)))
    try writer.close()
    var asked = ReconstructionRequest(input: .dataSet(path: data, split: .all), output: result)
    if case .model = method {
      asked.sampling = request.sampling
      asked.sampling.tiling = whole ? .whole : .windows(window)
    }
    asked.magnification = request.magnification
    asked.batch = request.batch
    asked.overwrite = true
    try Reconstructor.run(asked, method, communicator: communicator, engine: engine, progress: .silent)
    return try MapSetReader(path: result).read(indices: Array(truth.indices))
  }

  /// Windows side by side, each reconstructed by itself.
  private func apart(_ truth: [Cut]) throws -> [ChannelFingerprint] {
    var whole = truth.map(\.map)
    let (rows, columns) = (whole[0].rows, whole[0].columns)
    for row in stride(from: 0, to: rows, by: window) {
      for column in stride(from: 0, to: columns, by: window) {
        let parts = truth.map { cut in
          Cut(
            StationMap(cut.map, station: cut.station), row: row, column: column, rows: min(window, rows - row),
            columns: min(window, columns - column), spacing: area.spacing)
        }
        for (index, part) in try reconstruct(parts, .model(request.model), whole: true).enumerated() {
          for y in 0..<part.rows { for x in 0..<part.columns { whole[index][row + y, column + x] = part[y, x] } }
        }
      }
    }
    return whole
  }

  private func peakMemory() -> Int {
    var usage = rusage()
    getrusage(numericCast(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}

/// Steps from each place to its neighbours, across borders of windows and elsewhere.
private struct Steps {
  private var across = (sum: 0.0, count: 0)
  private var inside = (sum: 0.0, count: 0)

  /// The mean absolute step across borders over that elsewhere.
  var ratio: Double { across.sum / Double(across.count) / (inside.sum / Double(inside.count)) }

  init(_ maps: [ChannelFingerprint], _ rows: [Int], _ columns: [Int]) {
    let (tall, wide) = (Set(rows), Set(columns))
    for map in maps {
      for row in 0..<map.rows {
        for column in 0..<map.columns {
          if row > 0 { add(map[row, column] - map[row - 1, column], isAcross: tall.contains(row)) }
          if column > 0 { add(map[row, column] - map[row, column - 1], isAcross: wide.contains(column)) }
        }
      }
    }
  }

  private mutating func add(_ step: Float, isAcross: Bool) {
    if isAcross {
      across = (across.sum + Double(abs(step)), across.count + 1)
    } else {
      inside = (inside.sum + Double(abs(step)), inside.count + 1)
    }
  }
}
