import Benchmarks
import Foundation
import Models
import Runs
import Testing

/// The reports that programs read: their keys, and that the numbers are possible ones.
@Suite(.serialized) struct BenchmarkTests {
  private let settings = BenchmarkSettings(threads: 2, batch: 1, steps: 2)
  private var subject: BenchmarkSubject {
    get throws {
      try BenchmarkSubject(
        RunConfiguration<CGDMFamily>.load(preset: "tiny", overrides: ["model.image_size=32"]), name: "tiny")
    }
  }

  @Test func trainingStep() throws {
    let report = try TrainStepBenchmark.run(
      subject, settings, convolution: .automatic, profiled: true)
    let median = try #require(report.json["seconds_per_step"]?.realValue)
    let times = try #require(report.json["seconds"]?.arrayValue).compactMap(\.realValue)
    #expect(times.count == 2 && abs(median - times.reduce(0, +) / 2) < 1e-12 && median > 0)
    #expect(try #require(report.json["peak_bytes"]?.integerValue) > 1 << 20)
    #expect(report.tables.count == 2 && report.text.contains("groupNorm"))
  }

  @Test func sampling() throws {
    let report = try SampleBenchmark.run(
      subject, settings, convolution: .gathered, profiled: false)
    #expect(try #require(report.json["seconds_per_evaluation"]?.realValue) > 0)
    #expect(report.json["convolution"]?.textValue == "gathered")
    #expect(report.json["kept_weight_bytes"]?.integerValue == 0)
  }

  /// Both ways are timed and profiled; weights are kept where Winograd multiplies by them.
  @Test func samplingWithKeptWeights() throws {
    let report = try SampleBenchmark.run(
      subject, settings, convolution: .automatic, profiled: true)
    #expect(try #require(report.json["seconds_per_evaluation_with_transforms"]?.realValue) > 0)
    #expect(try #require(report.json["kept_weight_bytes"]?.integerValue) > 36 * 4 * 8 * 8)
    #expect(report.json["layers_left_out"]?.integerValue == 0)
    #expect(report.tables.count == 4)
  }

  /// Accumulated gradients take as many passes of the network.
  @Test func accumulation() throws {
    var settings = BenchmarkSettings(threads: 1, batch: 3, steps: 1)
    settings.microbatch = 2
    let report = try TrainStepBenchmark.run(
      subject, settings, convolution: .automatic, profiled: true)
    let row = try #require(
      report.text.split(separator: "\n").first { $0.contains("meanSquaredError ") && $0.contains(" forward ") })
    #expect(row.split(separator: "|")[2].trimmingCharacters(in: .whitespaces) == "2")
  }

  @Test func optimisers() throws {
    let report = try OptimiserBenchmark.run(subject, settings, .world())
    for way in ["adam", "muon_shared", "muon_alone"] {
      #expect(try #require(report.json["seconds"]?[way]?.realValue) > 0)
    }
    #expect(report.text.contains("Muon, shared by the ranks"))
  }

  /// Every convolution of the model is in the table once, and none beats the peak.
  @Test func convolutions() throws {
    let report = try ConvolutionBenchmark.run(subject, settings, convolution: .automatic)
    let rows = try #require(report.json["layers"]?.arrayValue)
    let layers = rows.compactMap { $0["layers"]?.integerValue }.reduce(0, +)
    #expect(layers == CGDM.outline(.tiny).layers.count { $0.convolution != nil })
    #expect(rows.allSatisfy { (0..<1.5).contains($0["share_of_peak"]?.realValue ?? -1) })
  }

  /// The layers' multiply-accumulates are those that the model's cost table counts for its convolutions.
  @Test(arguments: [CGDMConfiguration.paper, .small, .tiny]) func layersMatchCosts(_ configuration: CGDMConfiguration) {
    for cost in CGDM.outline(configuration).layers {
      guard let shape = cost.convolution else { continue }
      #expect(cost.multiplyAccumulates == shape.multiplyAccumulates, "\(cost.name)")
    }
  }
}
