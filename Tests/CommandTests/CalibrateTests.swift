import Foundation
import TestSupport
import Testing

/// `ckm calibrate`: coefficients out of maps.
@Suite(.serialized) struct CalibrateTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Maps of another law give that law back, on maps that were not fitted to.
  @Test func aLawIsFoundAgain() throws {
    let maps = folder.place("maps.h5")
    let law = [
      "direct_intercept": 51.0, "direct_exponent": 2.1, "bent_intercept": 46.0, "bent_exponent": 3.1, "turn": 0.2,
      "further_corner": 2.5,
    ]
    let simulated = try Command.run(
      ["simulate", "urban", "--environments", "2", "--stations", "2", "--size", "72", "--seed", "4", "--out", maps]
        + law.flatMap { ["--set", "law.\($0.key)=\($0.value)"] })
    #expect(simulated.code == 0, "\(simulated.transcript)")
    let outcome = try Command.launch(ranks: 2, ["calibrate", maps, "--json", "--threads", "1"], patience: 120)
    #expect(outcome.code == 0, "\(outcome.transcript)")
    let report = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    let found = try #require(report["law"] as? [String: Double])
    #expect(abs(try #require(found["direct_intercept"]) - 51) < 0.02, "\(found)")
    #expect(abs(try #require(found["direct_exponent"]) - 2.1) < 0.002, "\(found)")
    let rows = try #require(report["residuals"] as? [[String: Any]])
    let all = try #require(rows.last { $0["path"] as? String == "all" })
    let given = try #require((all["given"] as? [String: Double])?["rmse"])
    let fitted = try #require((all["fitted"] as? [String: Double])?["rmse"])
    #expect(given > 2 && fitted < 0.5 * given, "\(given), \(fitted)")
    // What is expected stands beside the maps, by what is fitted on the other parts: on any number of ranks the same.
    let expected = ["one.h5", "two.h5"].map(folder.place)
    let one = try Command.run(["calibrate", maps, "--out", expected[0]])
    #expect(one.code == 0 && one.output.contains("4 maps with what is expected"), "\(one.transcript)")
    let two = try Command.launch(ranks: 2, ["calibrate", maps, "--out", expected[1], "--threads", "1"], patience: 120)
    #expect(two.code == 0, "\(two.transcript)")
    let files = try expected.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
    #expect(files[0] == files[1])
    let described = try Command.run(["inspect", "data", expected[0]])
    for layer in ["buildings", "expected_gain"] {
      #expect(described.output.contains(layer), "\(described.transcript)")
    }
    let again = try Command.run(["calibrate", maps, "--out", expected[0]])
    #expect(again.code == 1 && again.output.isEmpty && again.errors.contains("the file exists"), "\(again.transcript)")
    let table = try Command.run(["calibrate", maps, "--folds", "1", "--maximum", "1"])
    #expect(table.code == 0 && table.output.contains("| line of sight"), "\(table.transcript)")
    #expect(table.output.contains("\nckm simulate urban --set law.direct_intercept=5"))
  }

  @Test func whatIsMissingIsTold() throws {
    let standard = folder.place("uma.h5")
    _ = try Command.run(
      ["simulate", "uma", "--scenario", "los", "--count", "2", "--size", "16", "--out", standard])
    let holes = try Command.run(["calibrate", standard])
    #expect(holes.code == 1 && holes.errors.contains("holes or a layer buildings"), "\(holes.transcript)")
    let maps = try folder.file("maps.npy", numPy(shape: [1, 8, 8]) { $0 % 8 > 4 ? -400 : -90 })
    let stations = try folder.file("stations.npy", numPy(shape: [1, 2]) { _ in 6 })
    let foreign = folder.place("foreign.h5")
    _ = try Command.run(["import", maps, "--stations", stations, "--nodata", "-400", "--out", foreign])
    let inside = try Command.run(["calibrate", foreign, "--folds", "1"])
    #expect(inside.code == 1 && inside.errors.contains("stands in a building"), "\(inside.transcript)")
    let parts = try Command.run(["calibrate", foreign, "--folds", "2"])
    #expect(parts.code == 1, "\(parts.transcript)")
  }
}
