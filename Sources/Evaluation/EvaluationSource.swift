import Essentials
import Interpolation
import MapStorage

/// A data set and a reconstruction of some of its maps, both open: gives map by map what is to be compared.
struct EvaluationSource {
  let dataPath: String
  let reconstructionPath: String
  let record: ReconstructionRecord
  let grid: SamplingGrid
  /// The sample of the data that each reconstructed map belongs to.
  let samples: [Int]
  private let data: MapSetReader
  private let reconstruction: MapSetReader

  /// One map and its reconstruction.
  struct Pair {
    let truth: ChannelFingerprint
    /// Which pixels hold a true value; nil: all.
    let valid: [Bool]?
    let reconstruction: ChannelFingerprint
    /// The decimated truth, which the interpolations start from.
    let coarse: CoarseObservation
  }

  /// - Throws: `Fault` when a file cannot be read or the two do not belong together.
  init(dataPath: String, reconstructionPath: String) throws {
    self.dataPath = dataPath
    self.reconstructionPath = reconstructionPath
    data = try MapSetReader(path: dataPath)
    reconstruction = try MapSetReader(path: reconstructionPath)
    guard let record = reconstruction.description.reconstruction,
      let samples = try reconstruction.sampleIndices(indices: Array(0..<reconstruction.count))
    else {
      throw Fault(
        "the file holds no reconstruction", at: reconstructionPath, expected: "a data set sample_index",
        hint: "write one with: ckm reconstruct --data \(dataPath) --out FILE")
    }
    self.record = record
    self.samples = samples
    guard reconstruction.rows == data.rows, reconstruction.columns == data.columns else {
      throw Fault(
        "the reconstruction and the data differ in shape", at: reconstructionPath,
        expected: "\(data.rows)x\(data.columns), as in \(dataPath)",
        found: "\(reconstruction.rows)x\(reconstruction.columns)")
    }
    guard reconstruction.description.units == data.description.units else {
      throw Fault(
        "the reconstruction and the data differ in units", at: reconstructionPath,
        expected: "\(data.description.units), as in \(dataPath)", found: reconstruction.description.units)
    }
    try Self.require(samples, below: data.count, at: "\(reconstructionPath):/sample_index", of: dataPath)
    do {
      grid = try SamplingGrid(rows: data.rows, columns: data.columns, magnification: record.magnification)
    } catch let fault as Fault {
      throw fault.within("\(reconstructionPath):@magnification")
    }
  }

  private static func require(
    _ samples: [Int], below count: Int, at place: String, of dataPath: String
  ) throws {
    var seen = Set<Int>()
    for sample in samples {
      guard (0..<count).contains(sample) else {
        throw Fault(
          "the reconstruction belongs to other data", at: place,
          expected: "samples 0 to \(count - 1) of \(dataPath)",
          found: "\(sample)")
      }
      guard seen.insert(sample).inserted else {
        throw Fault("a sample was reconstructed twice", at: place, expected: "each once", found: "\(sample)")
      }
    }
  }

  /// Reads one map of the reconstruction and what it is held against.
  ///
  /// - Parameter position: the place in the reconstruction's file.
  func pair(_ position: Int) throws -> Pair {
    let sample = samples[position]
    let truth = try data.read(indices: [sample])[0]
    let valid = try data.valid(indices: [sample])?[0].map { $0 != 0 }
    return Pair(
      truth: truth, valid: valid, reconstruction: try reconstruction.read(indices: [position])[0],
      coarse: CoarseObservation(
        map: ChannelFingerprint(
          rows: grid.coarseRows, columns: grid.coarseColumns, values: grid.decimate(truth.values)),
        valid: valid.map(grid.decimate)))
  }
}

extension Fault {
  /// The same fault, its place found inside another: "maps.h5, sample 3: row 1, column 2".
  func within(_ outer: String) -> Fault {
    var fault = self
    fault.place = "\(outer): \(place)"
    return fault
  }
}
