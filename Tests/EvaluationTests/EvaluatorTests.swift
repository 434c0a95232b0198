import Essentials
import Foundation
import MapStorage
import MessagePassing
import Metrics
import Records
import Testing
import TestSupport

@testable import Evaluation
@testable import Reconstruction

/// A directory with a data set of four maps and what a test wants reconstructed of them.
final class Workplace {
  static let side = 16
  let path = NSTemporaryDirectory() + "evaluation-" + UUID().uuidString
  let communicator: Communicator

  init() throws {
    communicator = try Communicator.world()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// A bowl whose bottom lies elsewhere in each sample: no interpolation is exact on it.
  static func truth(_ sample: Int) -> ChannelFingerprint {
    let values = (0..<(side * side)).map { place -> Float in
      let (y, x) = (Float(place / side) - 3, Float(place % side) - 2 - Float(sample))
      return -120 + (y * y + x * x) / 6 + (x > 7 ? 4 : 0)
    }
    return ChannelFingerprint(rows: side, columns: side, values: values)
  }

  @discardableResult
  func writeData(valid: [[UInt8]]? = nil, _ maps: [ChannelFingerprint] = (0..<4).map(truth)) throws -> String {
    let path = file("maps.h5")
    let writer = try MapSetWriter.create(
      path: path,
      description: MapSetDescription(
        rows: Self.side, columns: Self.side, hasStations: false, hasValid: valid != nil),
      count: maps.count, communicator: communicator, overwrite: true)
    try writer.write(MapBlock(first: 0, maps: maps, masks: (valid ?? []).map { Mask(bytes: $0) }))
    try writer.close()
    return path
  }

  @discardableResult
  func writeReconstruction(
    _ maps: [ChannelFingerprint], samples: [Int32], magnification: Int? = 4, method: String = "CGDM"
  ) throws -> String {
    let path = file("fine.h5")
    let record = ReconstructionRecord(
      magnification: magnification, data: "maps.h5", model: "runs/a", sampler: "ddim", steps: 20,
      method: method)
    let writer = try MapSetWriter.create(
      path: path,
      description: MapSetDescription(
        rows: maps[0].rows, columns: maps[0].columns, hasStations: false, reconstruction: record),
      count: maps.count, communicator: communicator, overwrite: true)
    try writer.write(MapBlock(first: 0, maps: maps, sampleIndices: samples))
    try writer.close()
    return path
  }

  func run() throws -> EvaluationReport {
    try Evaluator.run(
      dataPath: file("maps.h5"), reconstructionPaths: [file("fine.h5")], outputDirectory: file("report/a"),
      communicator: communicator)
  }

  func fault(_ body: () throws -> Void) -> Fault? {
    do { try body() } catch { return error as? Fault }
    return nil
  }
}

func shifted(_ map: ChannelFingerprint, by dB: Float) -> ChannelFingerprint {
  ChannelFingerprint(rows: map.rows, columns: map.columns, values: map.values.map { $0 + dB })
}

@Suite(.serialized) struct EvaluatorTests {
  private let place: Workplace

  init() throws { place = try Workplace() }

  @Test func aReconstructionIsComparedWithItsOwnSampleAndTheInterpolations() throws {
    try place.writeData()
    // In another order than the data's, two of four samples, off by 0.5 and by 0.25 dB.
    try place.writeReconstruction(
      [shifted(Workplace.truth(3), by: 0.5), shifted(Workplace.truth(1), by: -0.25)], samples: [3, 1])
    let report = try place.run()
    #expect(report.methods.map(\.name) == ["nearest", "bilinear", "bicubic", "spline", "kriging", "CGDM"])
    #expect(report.rows.map(\.sample) == [3, 1] && report.rows.map(\.position) == [0, 1])
    // Values about -100 in float32: half a unit in the last place is 4e-6 dB.
    #expect(abs(report.rows[0].metrics[5].rmseDB - 0.5) < 1e-5)
    #expect(abs(report.rows[1].metrics[5].rmseDB - 0.25) < 1e-5)
    #expect(abs((report.methods[5].rmseDB.mean ?? 0) - 0.375) < 1e-5)
    #expect(abs((report.methods[5].rmseDB.standardError ?? 0) - 0.125) < 1e-5)
    #expect(report.methods[0].mse.mean ?? 0 > report.methods[1].mse.mean ?? 0)
    let best = try #require(report.methods.dropLast().max { ($0.psnr.mean ?? 0) < ($1.psnr.mean ?? 0) })
    #expect(report.gains.count == 1 && report.gains[0].of == "CGDM" && report.gains[0].over == best.name)
    let gain = (report.methods[5].psnr.mean ?? 0) - (best.psnr.mean ?? 0)
    #expect(abs((report.gains[0].psnr.mean ?? 0) - gain) < 1e-9)
    #expect(report.examples.map(\.row.sample) == [1, 3])
  }

  /// Maps that were inferred from something else than coarse maps are compared alone, on all their places.
  @Test func inferredMapsNeedNoMagnification() throws {
    try place.writeData()
    try place.writeReconstruction(
      [shifted(Workplace.truth(2), by: 0.5), Workplace.truth(0)], samples: [2, 0], magnification: nil, method: "CNN")
    let report = try place.run()
    #expect(report.methods.map(\.name) == ["CNN"] && report.magnification == nil && report.gains.isEmpty)
    #expect(abs((report.methods[0].rmseDB.mean ?? 0) - 0.25) < 1e-5 && report.methods[0].interior == nil)
    #expect(report.markdown.hasPrefix("# CNN, 2 maps\n") && !report.markdown.contains("Border"))
    let file = try String(contentsOfFile: place.file("report/a/report.json"), encoding: .utf8)
    #expect(file.contains("\"magnification\": null"))
    #expect(FileManager.default.fileExists(atPath: place.file("report/a/best.png")))
    let mixed = place.fault {
      try Evaluator.run(
        dataPath: place.file("maps.h5"), reconstructionPaths: [place.file("fine.h5")], magnification: 4,
        outputDirectory: place.file("report/b"), communicator: place.communicator)
    }
    #expect(mixed?.expected == "x4" && mixed?.found == "none")
  }

  @Test func theFilesSayWhatTheReportSays() throws {
    try place.writeData()
    try place.writeReconstruction((0..<4).map { shifted(Workplace.truth($0), by: 1) }, samples: [0, 1, 2, 3])
    let report = try place.run()
    let json = try JSONValue.parse(
      Files.read(place.file("report/a/report.json"), limit: 1 << 20, what: "read"), at: "report.json")
    #expect(json["maps"]?.integerValue == 4 && json["magnification"]?.integerValue == 4)
    #expect(json["methods"]?.arrayValue?.count == 6 && json["rows"]?.arrayValue?.count == 4)
    #expect(
      json["methods"]?.arrayValue?[5]["psnr"]?["mean"]?.realValue == report.methods[5].psnr.mean)
    #expect(
      json["rows"]?.arrayValue?[2]["bilinear"]?["mse"]?.realValue == report.rows[2].metrics[1].mse)
    let text = try Files.readText(place.file("report/a/report.md"), limit: 1 << 20, what: "read")
    for method in report.methods {
      #expect(text.contains("| \(method.name) "))
      #expect(text.contains(method.mse.text()))
    }
    #expect(text.contains("better on \(report.gains[0].betterMaps) of 4 maps"))
    for name in report.examples.map(\.name) {
      #expect(text.contains("(\(name).png)"))
      let picture = try Files.read(place.file("report/a/\(name).png"), limit: 1 << 22, what: "read")
      #expect(picture.prefix(4) == [0x89, 0x50, 0x4E, 0x47])
    }
    #expect(report.examples.map(\.name) == ["best", "median", "worst"])
    // A second run replaces the first.
    #expect(try place.run() == report)
  }

  @Test func excludedPixelsCountNowhere() throws {
    let side = Workplace.side
    let mask = (0..<(side * side)).map { UInt8($0 % side < 5 && $0 / side > 6 ? 0 : 1) }
    let clean = (0..<2).map(Workplace.truth)
    try place.writeData(valid: [mask, mask], clean)
    try place.writeReconstruction(clean.map { shifted($0, by: 1) }, samples: [0, 1])
    let expected = try place.run()
    let wild = clean.map { map in
      var map = map
      for (i, valid) in mask.enumerated() where valid == 0 { map.values[i] = Float(1000 * i) }
      return map
    }
    try place.writeData(valid: [mask, mask], wild)
    try place.writeReconstruction(wild.map { shifted($0, by: 1) }, samples: [0, 1])
    #expect(try place.run() == expected)
    #expect(expected.rows[0].metrics[5].pixels == mask.count { $0 != 0 })
  }

  @Test func aReconstructionByInterpolationKeepsItsOwnName() throws {
    try place.writeData()
    try place.writeReconstruction([Workplace.truth(0)], samples: [0], method: "bicubic")
    let report = try place.run()
    #expect(report.methods[5].name == "reconstruction (bicubic)")
    #expect(report.methods[5].cappedMaps == 1 && report.gains[0].psnr.standardError == nil)
    #expect(report.examples.count == 1)
  }

  @Test func whatDoesNotBelongTogetherIsAFault() throws {
    try place.writeData()
    let good = (0..<2).map(Workplace.truth)
    try place.writeReconstruction(good, samples: [0, 4])
    #expect(place.fault { _ = try place.run() }?.found == "4")
    try place.writeReconstruction(good, samples: [0, -1])
    #expect(place.fault { _ = try place.run() }?.what == "the reconstruction belongs to other data")
    try place.writeReconstruction(good, samples: [2, 2])
    #expect(place.fault { _ = try place.run() }?.what == "a sample was reconstructed twice")
    try place.writeReconstruction(good, samples: [0, 1], magnification: 3)
    #expect(place.fault { _ = try place.run() }?.place.contains("@magnification") == true)
    try place.writeReconstruction([ChannelFingerprint(rows: 8, columns: 8, repeating: 1)], samples: [0])
    #expect(place.fault { _ = try place.run() }?.found == "8x8")
    let noReconstruction = place.fault {
      try Evaluator.run(
        dataPath: place.file("maps.h5"), reconstructionPaths: [place.file("maps.h5")],
        outputDirectory: place.file("report"), communicator: place.communicator)
    }
    #expect(noReconstruction?.what == "the file holds no reconstruction")
  }

  @Test func aConstantMapIsAFaultThatNamesFileAndSample() throws {
    var maps = (0..<4).map(Workplace.truth)
    maps[2] = ChannelFingerprint(rows: Workplace.side, columns: Workplace.side, repeating: -90)
    try place.writeData(maps)
    try place.writeReconstruction([maps[0], maps[2]], samples: [0, 2])
    let fault = place.fault { _ = try place.run() }
    #expect(fault?.what == "the true map is constant")
    #expect(fault?.place.contains("maps.h5, sample 2") == true)
  }

  /// Of maps of several stations one may be constant, and all are to be counted alike.
  @Test func onAFixedScaleAConstantMapIsNoFault() throws {
    var maps = (0..<3).map(Workplace.truth)
    maps[2] = ChannelFingerprint(rows: Workplace.side, columns: Workplace.side, repeating: -90)
    try place.writeData(maps)
    try place.writeReconstruction(maps.map { shifted($0, by: 1) }, samples: [0, 1, 2])
    let report = try Evaluator.run(
      dataPath: place.file("maps.h5"), reconstructionPaths: [place.file("fine.h5")],
      scale: .fixed(ValueRange(minimum: -150, maximum: -50)), outputDirectory: place.file("report"),
      communicator: place.communicator)
    // One dB, give or take float32's rounding, is 2.55 grey levels on every map.
    for row in report.rows { #expect(abs(row.metrics[5].mse - 2.55 * 2.55) < 1e-3) }
    #expect(report.markdown.contains("on which -150.0 dB is 0 and -50.0 dB is 255, for all maps, not rounded"))
    let json = String(
      decoding: try Files.read(place.file("report/report.json"), limit: 1 << 22, what: "read"), as: UTF8.self)
    #expect(json.filter { !$0.isWhitespace }.contains("\"scale\":[-150.0,-50.0]"))
  }

  /// Of two data sets that differ in nothing else.
  @Test func theUserHeightReachesKriging() throws {
    func metrics(userHeight: Double) throws -> [MapMetrics] {
      let path = place.file("stations.h5")
      let description = MapSetDescription(
        rows: Workplace.side, columns: Workplace.side, area: Area(userHeight: userHeight))
      let writer = try MapSetWriter.create(
        path: path, description: description, count: 1, communicator: place.communicator, overwrite: true)
      try writer.write(MapBlock(first: 0, maps: [Workplace.truth(0)], stations: [SIMD3(5, 5, 12)]))
      try writer.close()
      return try Evaluator.run(
        dataPath: path, reconstructionPaths: [], magnification: 2, outputDirectory: place.file("report"),
        communicator: place.communicator
      ).rows[0].metrics
    }
    let (low, high) = (try metrics(userHeight: 1.5), try metrics(userHeight: 10))
    #expect(low.prefix(4) == high.prefix(4) && low[4] != high[4])
  }

  @Test func aDirectoryThatCannotBeMadeIsAFault() throws {
    try place.writeData()
    try place.writeReconstruction([Workplace.truth(0)], samples: [0])
    try Files.write([1], to: place.file("report"), what: "write")
    #expect(place.fault { _ = try place.run() }?.what == "cannot make the report's directory")
  }

  @Test func meansAreWrittenWithTheDigitsThatCount() {
    #expect(Summary([1, 2, 3, 6]).text() == "3.0 ± 1.1")
    #expect(Summary([0.0131, 0.0135]).text() == "0.01330 ± 0.00020")
    #expect(Summary([5]).text() == "5" && Summary([]).text() == "-")
    #expect(Summary([1000, 3000]).text(scale: 10) == "20000 ± 10000")
  }
}
