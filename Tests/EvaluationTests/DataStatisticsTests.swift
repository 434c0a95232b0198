import Computing
import Essentials
import Evaluation
import Foundation
import MapStorage
import MessagePassing
import Metrics
import Records
import Testing
import TestSupport

/// Statistics of data sets: what the file tells, what must be told, what is refused.
@Suite(.serialized) struct DataStatisticsTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ckm-\(UUID().uuidString)")

  /// Maps whose power falls by 1 dB a metre of distance, 40 dB more where the column is even, which "sees" the station.
  private func write(
    units: String = "dB", states: Bool = true, state value: Float = 1, coherent: Float = 0
  ) throws -> MapSetReader {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appendingPathComponent("\(UUID().uuidString).h5").path
    let communicator = try Communicator.world()
    var layers = [MapLayer(name: DataStatistics.coherentLayer, longName: "coherent power", units: "dB")]
    if states { layers.append(MapLayer(name: DataStatistics.stateLayer, longName: "state", units: "1")) }
    let writer = try MapSetWriter.create(
      path: path,
      description: .init(
        rows: 12, columns: 16, area: Area(spacing: 5, originX: 5, originY: 5), units: units, layers: layers),
      count: 5, communicator: communicator)
    let places = 0..<192
    let maps = (0..<5).map { sample in
      ChannelFingerprint(
        rows: 12, columns: 16,
        values: places.map { place in
          let (x, y) = (Float(5 * (place % 16)), Float(5 * (place / 16) - 5 * sample))
          return -80 - (x * x + y * y).squareRoot() + (place % 2 == 0 ? 40 : 0)
        })
    }
    let seen = ChannelFingerprint(rows: 12, columns: 16, values: places.map { $0 % 2 == 0 ? value : 0 })
    var block = MapBlock(
      first: 0, maps: maps, stations: (0..<5).map { SIMD3(5, 5 + 5 * Float($0), 25) },
      layers: [
        DataStatistics.coherentLayer: maps.map {
          .init(rows: 12, columns: 16, values: zip($0.values, places).map { $0 + coherent + Float($1 % 3) })
        }
      ])
    if states { block.layers[DataStatistics.stateLayer] = [ChannelFingerprint](repeating: seen, count: 5) }
    try writer.write(block)
    try writer.close()
    return try MapSetReader(path: path)
  }

  private func statistics(_ reader: MapSetReader, state: Bool?, threads: Int = 1) throws -> MapStatistics {
    let link = LinkKnowledge(state: state) { distance, seen in distance + (seen ? 40 : 80) }
    return try #require(
      try DataStatistics(reader, link: link).run(.world(), threads: Threads(count: threads)))
  }

  @Test func stateComesFromTheLayerOrFromWhatIsKnown() throws {
    let layered = try statistics(try write(), state: false)
    // Float powers of some -150 dB: a rounding of 1e-5.
    #expect(abs(try #require(layered.excess).value) < 1e-4)
    #expect(try #require(layered.shadowFading).value < 1e-4)
    #expect(layered.lineOfSight?.value == 0.5)
    #expect(layered.bins.map(\.from) == [0, 10, 20, 30, 45, 60, 80])
    // All taken as out of sight: the columns in sight stick out by 40 dB, so the deviation is 20 dB.
    let told = try statistics(try write(states: false), state: false)
    #expect(abs(try #require(told.shadowFading).value - 20) < 1e-4)
    #expect(told.lineOfSight == nil)
    let unknown = try statistics(try write(states: false), state: nil)
    #expect(unknown.shadowFading == nil && unknown.bins == told.bins)
  }

  @Test func threadsDoNotChangeTheStatistics() throws {
    let reader = try write()
    #expect(try statistics(reader, state: nil) == (try statistics(reader, state: nil, threads: 3)))
  }

  private func fault(_ body: () throws -> Void) -> Fault? {
    do {
      try body()
      return nil
    } catch { return error as? Fault }
  }

  @Test func whatIsNoPowerIsRefused() throws {
    let linear = try write(units: "W")
    #expect(fault { _ = try DataStatistics(linear) }?.found == "W")
    let reader = try write(state: 0.5)
    #expect(
      fault { _ = try statistics(reader, state: nil) }?.found == "0.5 in sample 0, row 0, column 0")
    #expect(fault { _ = try DataStatistics(reader, maps: "line_of_sight") }?.expected == "dB")
    #expect(fault { _ = try DataStatistics(reader, maps: "colour") }?.expected == "coherent_power, line_of_sight")
    let broken = try write(coherent: .infinity)
    #expect(fault { _ = try statistics(broken, state: nil) }?.expected == "finite numbers")
  }

  @Test func reportHasTablesNumbersAndPictures() throws {
    let reader = try write()
    let found = try statistics(reader, state: nil)
    let survey = try DataStatistics(reader)
    let own = DataStatisticsReport.Subject(path: "own.h5", statistics: found, examples: try survey.examples())
    let report = DataStatisticsReport(own, against: own)
    #expect(report.outside == 0 && report.markdown.contains("0 of \(found.entries.count - 8) rows outside"))
    let directory = folder.appendingPathComponent("report").path
    let names = try report.write(to: directory)
    #expect(
      names == [
        "statistics.md", "statistics.json", "mean-power.svg", "shadow-autocorrelation.svg",
        "fading-autocorrelation.svg", "maps.png",
      ])
    let json = try JSONValue.parse(
      Files.read("\(directory)/statistics.json", limit: 1 << 20, what: "read"), at: "statistics.json")
    #expect(json["statistics"]?["share in line of sight"]?["value"]?.realValue == 0.5)
    #expect(json["rows_outside"]?.integerValue == 0)
    for name in names { #expect(FileManager.default.fileExists(atPath: "\(directory)/\(name)")) }
    let unwritable = fault { _ = try report.write(to: reader.path + "/report") }
    #expect(unwritable?.what == "cannot make the report's directory")
    try FileManager.default.removeItem(at: folder)
  }
}
