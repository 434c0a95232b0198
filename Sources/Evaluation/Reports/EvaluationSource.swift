import Essentials
import Interpolation
import MapStorage
import Metrics

/// A fine map that was made of a coarse one, and how far off it may be, where that is known.
struct ComparedMap {
  let map: ChannelFingerprint
  let predicted: PredictedMap?

  init(_ interpolated: InterpolatedMap) {
    map = interpolated.map
    predicted = interpolated.deviation.map { PredictedMap(mean: interpolated.map, deviation: $0) }
  }

  init(map: ChannelFingerprint, predicted: PredictedMap?) {
    self.map = map
    self.predicted = predicted
  }
}

/// A data set and reconstructions of some of its maps, all open: gives map by map what is to be compared.
struct EvaluationSource {
  let dataPath: String
  /// Where samples lay; nil where the maps were inferred from no coarse ones.
  let grid: SamplingGrid?
  let area: Area
  /// The samples of the data that are compared, in the order of the first reconstruction.
  let samples: [Int]
  /// None where interpolations alone are compared.
  let reconstructions: [Reconstruction]
  private let data: MapSetReader

  /// A file of reconstructed maps.
  struct Reconstruction {
    let path: String
    let record: ReconstructionRecord
    fileprivate let reader: MapSetReader
    /// The place of each sample of the data in the file.
    fileprivate let positions: [Int: Int]
    fileprivate let order: [Int]

    fileprivate func estimate(of sample: Int) throws -> ComparedMap {
      let position = positions[sample] ?? 0
      let map = try reader.read(indices: [position])[0]
      let name = ReconstructionRecord.deviationName
      guard reader.description.layers.contains(where: { $0.name == name }) else {
        return ComparedMap(map: map, predicted: nil)
      }
      let deviation = try reader.read(layer: name, indices: [position])[0]
      return ComparedMap(
        map: map,
        predicted: PredictedMap(
          mean: map, deviation: deviation, drawCount: record.draws, draws: try reader.draws(of: position)))
    }
  }

  /// One map, what it is held against, and what was reconstructed.
  struct Pair {
    let truth: StationMap
    /// One of each file.
    let reconstructions: [ComparedMap]
    /// The decimated truth, which the interpolations start from; nil where the maps were inferred from no coarse ones.
    let coarse: StationMap?
  }

  /// - Parameters:
  ///   - dataPath: the data set with the true maps.
  ///   - reconstructionPaths: what was reconstructed of the same maps, all at one magnification or all from no coarse maps.
  ///   - magnification: needed where nothing was reconstructed.
  /// - Throws: `Fault` when a file cannot be read or they do not belong together.
  init(dataPath: String, reconstructionPaths: [String], magnification: Int? = nil) throws {
    self.dataPath = dataPath
    let data = try MapSetReader(path: dataPath)
    self.data = data
    reconstructions = try reconstructionPaths.map { try Reconstruction(path: $0, of: data) }
    guard !reconstructions.isEmpty || magnification != nil else {
      throw Fault(
        "there is nothing to compare", at: dataPath, expected: "a reconstruction, or a magnification",
        hint: "`reconstruction` FILE, or `magnification` 4 for the interpolations alone")
    }
    let wanted = magnification ?? reconstructions.first?.record.magnification
    func text(_ magnification: Int?) -> String { magnification.map { "x\($0)" } ?? "none" }
    for other in reconstructions where other.record.magnification != wanted {
      throw Fault(
        "the reconstructions differ in magnification", at: "\(other.path):@magnification", expected: text(wanted),
        found: text(other.record.magnification))
    }
    samples = reconstructions.first?.order ?? Array(0..<data.count)
    for other in reconstructions.dropFirst() where Set(other.order) != Set(samples) {
      throw Fault(
        "the reconstructions are of different maps", at: "\(other.path):/sample_index",
        expected: "the \(samples.count) samples of \(reconstructions[0].path)", found: "\(other.order.count) others")
    }
    do {
      grid = try wanted.map { try SamplingGrid(rows: data.rows, columns: data.columns, magnification: $0) }
    } catch let fault as Fault {
      throw fault.within(reconstructions.first.map { "\($0.path):@magnification" } ?? dataPath)
    }
    area = data.description.area
  }

  /// Reads one map, its reconstructions and what they are held against.
  ///
  /// - Parameter position: the place in `samples`.
  func pair(_ position: Int) throws -> Pair {
    let sample = samples[position]
    let truth = try data.map(sample)
    return Pair(
      truth: truth, reconstructions: try reconstructions.map { try $0.estimate(of: sample) },
      coarse: grid?.decimate(truth))
  }

  /// The methods' names, in the order of a row: the interpolations', then each reconstruction's, none of them twice.
  func names(_ interpolations: [any Interpolator]) -> [String] {
    var names = interpolations.map(\.name)
    for other in reconstructions {
      var method = other.record.method.isEmpty ? "reconstruction" : other.record.method
      if interpolations.contains(where: { $0.name == method }) { method = "reconstruction (\(method))" }
      var name = method, number = 2
      while names.contains(name) {
        name = "\(method) (\(number))"
        number += 1
      }
      names.append(name)
    }
    return names
  }
}

extension EvaluationSource.Reconstruction {
  /// Opens a file of reconstructed maps.
  fileprivate init(path: String, of data: MapSetReader) throws {
    self.path = path
    reader = try MapSetReader(path: path)
    guard let record = reader.description.reconstruction,
      let order = try reader.sampleIndices(indices: Array(0..<reader.count))
    else {
      throw Fault(
        "the file holds no reconstruction", at: path, expected: "a data set sample_index",
        hint: "ckm reconstruct makes one of \(data.path)")
    }
    self.record = record
    self.order = order
    guard reader.rows == data.rows, reader.columns == data.columns else {
      throw Fault(
        "the reconstruction and the data differ in shape", at: path,
        expected: "\(data.rows)x\(data.columns), as in \(data.path)", found: "\(reader.rows)x\(reader.columns)")
    }
    guard reader.description.units == data.description.units else {
      throw Fault(
        "the reconstruction and the data differ in units", at: path,
        expected: "\(data.description.units), as in \(data.path)", found: reader.description.units)
    }
    var positions: [Int: Int] = [:]
    for (position, sample) in order.enumerated() {
      let place = "\(path):/sample_index"
      guard (0..<data.count).contains(sample) else {
        throw Fault(
          "the reconstruction belongs to other data", at: place,
          expected: "samples 0 to \(data.count - 1) of \(data.path)", found: "\(sample)")
      }
      guard positions.updateValue(position, forKey: sample) == nil else {
        throw Fault("a sample was reconstructed twice", at: place, expected: "each once", found: "\(sample)")
      }
    }
    self.positions = positions
  }
}
