import Computing
import Essentials
import Foundation
import MapStorage
import Metrics
import Records
import Testing

@testable import Evaluation
@testable import Reconstruction

/// Reports on reconstructions with deviations, on several of them, and on none.
@Suite(.serialized) struct CalibratedReportTests {
  private let place: Workplace

  init() throws { place = try Workplace() }

  /// Truths with errors of deviation 0.5 that the file knows of, but for the sampled pixels.
  private func writeUncertain(_ name: String, draws: Int = 0, deviation: Float = 0.5) throws {
    let stream = RandomStream(seed: 3, purpose: .test), side = Workplace.side
    func noisy(_ sample: Int, _ draw: Int) -> ChannelFingerprint {
      var map = Workplace.truth(sample)
      let noise = stream.gaussian(side * side, sample: sample, step: draw)
      for i in map.values.indices { map.values[i] += 0.5 * noise[i] }
      return map
    }
    let record = ReconstructionRecord(
      magnification: 4, data: "maps.h5", model: "runs/a", sampler: "ddim", steps: 20, method: "CGDM",
      estimate: "mean", draws: draws)
    let layer = MapLayer(name: ReconstructionRecord.deviationName, longName: "deviation", units: "dB")
    let writer = try MapSetWriter.create(
      path: place.file(name),
      description: MapSetDescription(
        rows: side, columns: side, layers: [layer], hasStations: false, reconstruction: record, draws: draws),
      count: 4, communicator: place.communicator, overwrite: true)
    try writer.write(
      MapBlock(
        first: 0, maps: (0..<4).map { noisy($0, 0) },
        layers: [
          layer.name: Array(repeating: ChannelFingerprint(rows: side, columns: side, repeating: deviation), count: 4)
        ], sampleIndices: [0, 1, 2, 3], draws: draws == 0 ? [] : (0..<4).map { s in (0..<draws).map { noisy(s, $0) } }))
    try writer.close()
  }

  private func run(_ names: String..., magnification: Int? = nil) throws -> EvaluationReport {
    try Evaluator.run(
      dataPath: place.file("maps.h5"), reconstructionPaths: names.map(place.file), magnification: magnification,
      outputDirectory: place.file("report"), communicator: place.communicator)
  }

  @Test func theReportTellsHowCalibratedDeviationsAre() throws {
    try place.writeData()
    try writeUncertain("fine.h5")
    let report = try run("fine.h5")
    let found = try #require(report.methods.last?.calibration)
    // 4 maps of 256 - 16 unmeasured pixels: five standard errors of a share are 0.08 at a half, 0.05 at nine tenths.
    #expect(abs((found.coverage(at: 0.5).mean ?? 0) - 0.5) < 0.08)
    #expect(abs((found.coverage(at: 0.9).mean ?? 0) - 0.9) < 0.05)
    #expect(report.rows[0].calibration[5]?.pixels == 240 && report.rows[0].calibration[0] == nil)
    let kriging = try #require(report.methods.first { $0.name == "kriging" })
    #expect(kriging.calibration != nil && report.methods[0].calibration == nil)
    let text = try Files.readText(place.file("report/report.md"), limit: 1 << 20, what: "read")
    #expect(text.contains("in 90 % interval") && text.contains("(calibration.svg)"))
    #expect(text.contains(found.crps.text()))
    let json = try JSONValue.parse(
      Files.read(place.file("report/report.json"), limit: 1 << 22, what: "read"), at: "report.json")
    let method = json["methods"]?.arrayValue?[5]
    #expect(method?["calibration"]?["crps_db"]?["mean"]?.realValue == found.crps.mean)
    #expect(method?["calibration"]?["coverage"]?.arrayValue?.count == CalibrationMetrics.levels.count)
    #expect(json["methods"]?.arrayValue?[0]["calibration"] == .null)
    let plot = try Files.readText(place.file("report/calibration.svg"), limit: 1 << 20, what: "read")
    #expect(plot.hasPrefix("<svg") && plot.contains("kriging") && plot.contains("CGDM"))
  }

  /// On the whole map interior and border add up to all, pixel by pixel.
  @Test func interiorAndBorderAreApart() throws {
    try place.writeData()
    try place.writeReconstruction((0..<4).map { shifted(Workplace.truth($0), by: 1) }, samples: [0, 1, 2, 3])
    let report = try place.run()
    for row in report.rows {
      for method in row.metrics.indices {
        let (inside, outside) = (try #require(row.interior[method]), try #require(row.border[method]))
        // A frame of 4 pixels around 16 x 16.
        #expect(inside.pixels == 64 && outside.pixels == 192)
        let all = row.metrics[method]
        #expect(abs((inside.mse * 64 + outside.mse * 192) / 256 - all.mse) <= 1e-9 * all.mse)
      }
    }
    // Beyond the last sample nothing is known: bicubic is worse there.
    let bicubic = report.methods[2]
    #expect((bicubic.border?.mse.mean ?? 0) > (bicubic.interior?.mse.mean ?? 0))
  }

  @Test func severalReconstructionsStandInOneTable() throws {
    try place.writeData()
    try writeUncertain("a.h5", draws: 5)
    try writeUncertain("b.h5")
    let report = try run("a.h5", "b.h5")
    #expect(report.names.suffix(2) == ["CGDM", "CGDM (2)"])
    #expect(report.gains.count == 2 && report.reconstructions.count == 2)
    #expect(report.rows[2].metrics[5] == report.rows[2].metrics[6])
    // The same maps. Draws scattered by 0.5 dB about the truth score 0.5 (sqrt(2 / pi) - sqrt(1 / pi)), a normal
    // distribution about one of them 0.5 / sqrt(pi), in 960 pixels known to about 4 %.
    let scores = report.methods.suffix(2).map { $0.calibration?.crps.mean ?? 0 }
    #expect(abs(scores[0] / 0.1168 - 1) < 0.15 && abs(scores[1] / 0.2821 - 1) < 0.15, "\(scores)")
    try place.writeReconstruction([Workplace.truth(0)], samples: [0])
    #expect(place.fault { _ = try run("a.h5", "fine.h5") }?.what == "the reconstructions are of different maps")
    try place.writeReconstruction((0..<4).map(Workplace.truth), samples: [0, 1, 2, 3], magnification: 2)
    #expect(place.fault { _ = try run("a.h5", "fine.h5") }?.found == "x2")
    #expect(place.fault { _ = try run("a.h5", magnification: 8) }?.expected == "x8")
  }

  @Test func interpolationsAloneNeedAMagnification() throws {
    try place.writeData()
    let report = try run(magnification: 2)
    #expect(report.gains.isEmpty && report.methods.count == 5 && report.rows.count == 4)
    #expect(report.markdown.hasPrefix("# Interpolation, x2, 4 maps"))
    #expect(place.fault { _ = try run() }?.what == "there is nothing to compare")
    #expect(place.fault { _ = try run(magnification: 3) }?.place.contains("maps.h5") == true)
  }

  /// Against the formulas, in another order of operations.
  @Test func momentsOfDrawsAreTheirMeanAndDeviation() {
    let values: [[Float]] = [[-90, 1], [-91, 1], [-89.5, 1], [-95, 1]]
    var moments = DrawMoments(rows: 1, columns: 2)
    for draw in values { moments.add(ChannelFingerprint(rows: 1, columns: 2, values: draw)) }
    let mean = values.reduce(0) { $0 + Double($1[0]) } / 4
    let variance = values.reduce(0) { $0 + (Double($1[0]) - mean) * (Double($1[0]) - mean) } / 3
    #expect(moments.average.values == [Float(mean), 1])
    #expect(abs(Double(moments.deviation(aboutMean: false).values[0]) - variance.squareRoot()) < 1e-6)
    #expect(abs(Double(moments.deviation(aboutMean: true).values[0]) - (1.25 * variance).squareRoot()) < 1e-6)
    #expect(moments.deviation(aboutMean: true).values[1] == 0)
  }

  @Test func scenariosAreReadFromText() throws {
    #expect(ProtocolData(parsing: "a=maps.h5") == ProtocolData(name: "a", path: "maps.h5"))
    #expect(
      ProtocolData(parsing: "b=x.h5:MIX/path_power") == ProtocolData(name: "b", path: "x.h5", layer: "MIX/path_power"))
    for text in ["maps.h5", "=maps.h5", "a=", "a=x.h5:", "a=:y"] { #expect(ProtocolData(parsing: text) == nil) }
    // A file whose own name has a colon.
    try Files.write([1], to: place.file("odd:name"), what: "write")
    #expect(ProtocolData(parsing: "c=\(place.file("odd:name"))")?.layer == nil)
  }
}
