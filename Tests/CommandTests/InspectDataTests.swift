import Foundation
import TestSupport
import Testing

/// `ckm inspect data`: statistics as users ask for them.
@Suite(.serialized) struct InspectDataTests {
  private let folder: TemporaryDirectory
  private let maps: String

  init() throws {
    folder = try TemporaryDirectory()
    maps = folder.place("maps.h5")
    let layers = "path_power,coherent_power,line_of_sight"
    let outcome = try Command.run([
      "simulate", "uma", "--scenario", "mixed", "--count", "5", "--size", "16", "--spacing", "5", "--layers", layers,
      "--out", maps,
    ])
    try #require(outcome.code == 0, "\(outcome.transcript)")
  }

  @Test func statisticsDoNotDependOnRanksOrThreads() throws {
    let one = try Command.run(["inspect", "data", maps, "--json", "--threads", "1"])
    let three = try Command.launch(ranks: 3, ["inspect", "data", maps, "--json", "--threads", "2"], patience: 60)
    #expect(one.code == 0 && three.code == 0, "\(one.transcript) \(three.transcript)")
    #expect(one.output == three.output)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(one.output.utf8)) as? [String: Any])
    let statistics = try #require(object["statistics"] as? [String: Any])
    // The simulation's own pathloss is known from the file, each place's state from its layer.
    let excess = try #require(statistics["power + pathloss, dB"] as? [String: Double])
    #expect(abs(try #require(excess["value"]) + 0.5) < 0.3)
    #expect(statistics["coherent - path power, deviation, dB"] != nil)
    #expect(statistics["share in line of sight"] != nil)
  }

  @Test func aSetIsWhatItIsHeldAgainst() throws {
    let report = folder.place("report")
    let outcome = try Command.launch(
      ranks: 2, ["inspect", "data", maps, "--against", maps, "--out", report], patience: 60)
    #expect(outcome.code == 0, "\(outcome.transcript)")
    #expect(outcome.output.contains("\n0 of "), "\(outcome.transcript)")
    let files = try FileManager.default.contentsOfDirectory(atPath: report).sorted()
    #expect(
      files == [
        "fading-autocorrelation.svg", "maps.png", "mean-power.svg", "shadow-autocorrelation.svg", "statistics.json",
        "statistics.md",
      ])
  }

  @Test func foreignMapsNeedAPathloss() throws {
    let foreign = try folder.file("maps.npy", numPy(shape: [3, 12, 12]) { -90 - Float($0 % 12) })
    let stations = try folder.file("stations.npy", numPy(shape: [3, 2]) { Float($0) })
    let states = try folder.file("states.npy", numPy(shape: [3, 12, 12]) { Float($0 % 2) })
    let target = folder.place("foreign.h5")
    let imported = try Command.run([
      "import", foreign, "--stations", stations, "--layer", "line_of_sight=\(states)", "--origin", "-2,-3",
      "--spacing", "5", "--out", target,
    ])
    #expect(imported.code == 0, "\(imported.transcript)")
    let plain = try Command.run(["inspect", "data", target])
    #expect(plain.output.contains("mean power at 0-10 m") && !plain.output.contains("shadow"), "\(plain.transcript)")
    #expect(plain.output.contains("from x = -2 m, y = -3 m"), "\(plain.transcript)")
    let told = try Command.run(["inspect", "data", target, "--pathloss", "umi"])
    #expect(told.output.contains("shadow fading, pooled deviation, dB"), "\(told.transcript)")
    let brief = try Command.run(["inspect", "data", target, "--no-statistics"])
    #expect(brief.output.contains("3 of 12 x 12") && !brief.output.contains("mean power"), "\(brief.transcript)")
  }

  @Test func theUserHeightGoesWithTheMaps() throws {
    let (high, fine) = (folder.place("high.h5"), folder.place("fine.h5"))
    for arguments in [
      ["simulate", "uma", "--scenario", "nlos", "--count", "1", "--size", "16", "--user-height", "10", "--out", high],
      ["reconstruct", "--data", high, "--method", "kriging", "--out", fine],
    ] {
      let outcome = try Command.run(arguments)
      #expect(outcome.code == 0, "\(outcome.transcript)")
    }
    let foreign = try folder.file("high.npy", numPy(shape: [1, 8, 8]) { -90 - Float($0 % 8) })
    let taken = folder.place("taken.h5")
    let imported = try Command.run(["import", foreign, "--user-height", "10", "--out", taken])
    #expect(imported.code == 0, "\(imported.transcript)")
    for file in [high, fine, taken] {
      let text = try Command.run(["inspect", "data", file, "--no-statistics"])
      let line = text.output.split(separator: "\n").first { $0.hasPrefix("user height ") }
      #expect(line?.hasSuffix(" 10 m") == true, "\(text.transcript)")
      let json = try Command.run(["inspect", "data", file, "--no-statistics", "--json"])
      #expect(json.output.contains("\"user_height\": 10"), "\(json.transcript)")
    }
    let wrong = try Command.run(["import", foreign, "--user-height=-1", "--out", folder.place("wrong.h5")])
    #expect(wrong.code == 64 && wrong.errors.contains("--user-height"), "\(wrong.transcript)")
  }

  @Test(arguments: [
    (["--maps", "colour"], 1, "the data set has no such layer"), (["--maps", "line_of_sight"], 1, "power in dB"),
    (["--against", "nowhere.h5"], 1, "nowhere.h5"), (["--no-statistics", "--maps", "x"], 64, "--no-statistics"),
    (["--pathloss", "uma", "--frequency", "1"], 1, "frequency"), (["--pathloss", "sea"], 64, "sea"),
    (["--out", "/dev/null/x"], 1, "cannot make the report's directory"),
  ])
  func wrongQuestions(arguments: [String], code: Int32, message: String) throws {
    let outcome = try Command.run(["inspect", "data", maps] + arguments)
    #expect(outcome.code == code && outcome.errors.contains(message), "\(outcome.transcript)")
  }
}
