import Essentials
import Foundation
import Interpolation
import MapStorage
import MessagePassing
import Metrics
import RunRecords

/// Holds a reconstruction against the truth, beside plain interpolation of the same coarse maps.
public enum Evaluator {
  /// Collective. Compares all maps of a reconstruction, shared out over the ranks one map at a time, and writes
  /// `report.md`, `report.json` and the pictures of the best, the median and the worst map.
  ///
  /// Each map is compared on the scale of its own true range. Pixels that the data mark as not valid are left out of
  /// everything, and out of the coarse maps that the interpolations start from.
  ///
  /// - Parameters:
  ///   - dataPath: the data set with the true maps.
  ///   - reconstructionPath: the file that `ckm reconstruct` wrote.
  ///   - outputDirectory: where the report goes; it is made where it is missing, files of the same names are replaced.
  ///   - communicator: the ranks that share the work.
  /// - Returns: the report, on every rank.
  /// - Throws: `Fault` on every rank when a file cannot be read, the two do not belong together, a true map is constant or
  ///   the report cannot be written.
  @discardableResult
  public static func run(
    dataPath: String, reconstructionPath: String, outputDirectory: String, communicator: Communicator
  ) throws -> EvaluationReport {
    // Before the work, so that a directory that cannot be written shows at once.
    try communicator.onRoot("make the report's directory") { try makeDirectory(outputDirectory) }
    let source = try communicator.agree("open the maps") {
      try EvaluationSource(dataPath: dataPath, reconstructionPath: reconstructionPath)
    }
    let interpolations = UpsamplingMethod.allCases.map { Upsampler(grid: source.grid, method: $0) }
    let share = Share.range(of: source.samples.count, rank: communicator.rank, size: communicator.size)
    let own = try communicator.agree("compare the maps") {
      try share.map { try row($0, source, interpolations) }
    }
    let gathered = try communicator.gather(value: own)
    return try communicator.onRoot("write the report") {
      let names = interpolations.map(\.name) + [reconstructionName(source.record, interpolations)]
      let report = EvaluationReport(source, names: names, rows: (gathered ?? [own]).flatMap { $0 })
      try report.writePictures(source, interpolations, to: outputDirectory)
      try report.write(to: outputDirectory)
      return report
    }
  }

  private static func makeDirectory(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Fault(
        "cannot make the report's directory", at: path, found: error.localizedDescription,
        hint: "check the permissions, or give another place")
    }
  }

  private static func row(
    _ position: Int, _ source: EvaluationSource, _ interpolations: [Upsampler]
  ) throws -> EvaluationRow {
    let pair = try source.pair(position)
    do {
      let estimates = try interpolations.map { try $0.interpolate(pair.coarse).map } + [pair.reconstruction]
      return EvaluationRow(
        sample: source.samples[position], position: position,
        metrics: try estimates.map {
          try MapMetrics(comparing: $0, to: pair.truth, valid: pair.valid)
        })
    } catch let fault as Fault {
      let sample = source.samples[position]
      throw fault.within(
        "\(source.dataPath), sample \(sample) (\(source.reconstructionPath), map \(position))")
    }
  }

  /// A reconstruction by interpolation must not have the name of the interpolation that it is compared to.
  private static func reconstructionName(
    _ record: ReconstructionRecord, _ interpolations: [Upsampler]
  ) -> String {
    let name = record.method.isEmpty ? "reconstruction" : record.method
    return interpolations.contains { $0.name == name } ? "reconstruction (\(name))" : name
  }
}
