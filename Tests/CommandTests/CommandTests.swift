import Foundation
import TestSupport
import Testing

/// What the commands print and write, alone and on several ranks.
@Suite(.serialized) struct CommandTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func succeed(
    _ arguments: [String], ranks: Int? = nil, location: SourceLocation = #_sourceLocation
  ) throws -> String {
    let outcome =
      try ranks.map { try Command.launch(ranks: $0, arguments, patience: 60) } ?? Command.run(arguments)
    #expect(outcome.code == 0, "\(outcome.transcript)", sourceLocation: location)
    return outcome.output
  }

  private func rows(_ table: String) -> [[String]] {
    table.split(separator: "\n").filter { $0.hasPrefix("|") }.map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  @Test func helpAndVersionAreToldOnce() throws {
    #expect(try succeed(["--version"]) == "0.1.0\n")
    #expect(try succeed(["--version"], ranks: 2) == "0.1.0\n")
    let help = try succeed(["help", "simulate"], ranks: 2)
    #expect(help.components(separatedBy: "USAGE:").count == 2, "\(help)")
  }

  /// What needs no MPI works where MPI does not.
  @Test func presetsNeedNoMessagePassing() throws {
    let broken = ["OMPI_MCA_ess": "nonsense", "OMPI_MCA_pml": "nonsense"]
    let arguments = ["inspect", "model", "--preset", "tiny"]
    let outcome = try Command.run(arguments, environment: broken)
    #expect(outcome.code == 0 && outcome.output.contains("251,913 parameters"), "\(outcome.transcript)")
    let wrong = try Command.run(["inspect", "model", "--preset", "huge"], environment: broken)
    #expect(wrong.code == 64 && wrong.errors.contains("huge"), "\(wrong.transcript)")
  }

  @Test func exitCodesOfMPIRun() throws {
    #expect(try Command.launch(ranks: 2, ["train", "--colour"]).code == 64)
    #expect(try Command.launch(ranks: 2, ["inspect", "data", "nowhere.h5"]).code == 1)
    #expect(try Command.launch(ranks: 2, ["import", "nowhere.npy", "--out", "x.h5"]).code == 1)
  }

  @Test(arguments: ["paper", "small", "tiny"]) func presetReadsBack(preset: String) throws {
    let yaml = try succeed(["config", "--preset", preset])
    let file = try folder.file("\(preset).yaml", yaml)
    // Every key is in the file: the preset it starts from has no say.
    #expect(try succeed(["config", "--preset", "small", "--config", file], ranks: 2) == yaml)
  }

  @Test func everyRecipeLoads() throws {
    let folder = "\(Command.repository)/Cluster/Recipes"
    let recipes = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }
    #expect(recipes.count >= 5)
    for recipe in recipes {
      let plain = try succeed(["config"])
      #expect(try succeed(["config", "--config", "\(folder)/\(recipe)"]) != plain, "\(recipe)")
    }
  }

  @Test func paperModelHasThePapersCounts() throws {
    let output = try succeed(["inspect", "model", "--preset", "paper"])
    let table = rows(output)
    #expect(table.last == ["total", "", "", "", "221,268,611", "54.578"])
    // Stages of the reference table: the whole way down, the middle, the whole way up.
    let stages = ["Time", "Stem", "Dn1", "Dn2", "Dn3", "Dn4", "Dn5", "Mid", "Up5", "Up4", "Up3", "Up2", "Up1", "Out"]
    #expect(table.dropFirst(2).dropLast().map { $0[0] } == stages)
    #expect(table.contains(["Mid", "2 Res+, 1 attention", "1024", "8", "42,091,520", "2.684"]))
    #expect(table.contains(["Dn4", "2 Res+, Down", "512", "16", "10,821,120", "2.299"]))
  }

  @Test func prunedModelShrinks() throws {
    let layers = rows(try succeed(["inspect", "model", "--preset", "tiny", "--prunable"]))
    let saved = try #require(layers.first { $0[0] == "mid.0.attn" })
    let pruned = rows(
      try succeed(["inspect", "model", "--preset", "tiny", "--set", "model.omitted=[mid.0.attn]"]))
    func number(_ text: String?) -> Int? { text.flatMap { Int($0.replacingOccurrences(of: ",", with: "")) } }
    let (less, left) = (try #require(number(saved[1])), try #require(number(pruned.last?[4])))
    #expect(less > 0 && left + less == 251_913)
  }

  /// Against the CGDM paper's Fig. 6, within half a unit of its last digit.
  @Test func complexityGrid() throws {
    let table = rows(try succeed(["inspect", "complexity"]))
    #expect(table.count == 10)
    let expected: [(row: String, column: Int, text: String)] = [
      ("c1=8, N_RA=2", 1, "0.22 / 0.522"), ("c1=16, N_RA=2", 4, "55.25 / 4.109"),
      ("c1=64, N_RA=2", 3, "221.21 / 54.582"), ("c1=128, N_RA=2", 4, "3534.58 / 261.71"),
      ("c1=64, N_RA=1", 2, "38.88 / 31.076"), ("c1=64, N_RA=4", 4, "1410.34 / 103.32"),
    ]
    for cell in expected { #expect(table.first { $0[0] == cell.row }?[cell.column] == cell.text) }
  }

  @Test func simulationDoesNotDependOnRanksOrThreads() throws {
    let start = ["simulate", "uma", "--scenario", "mixed", "--count", "7", "--seed", "3", "--size", "24", "--out"]
    let files = [folder.place("one.h5"), folder.place("three.h5")]
    _ = try succeed(start + [files[0], "--threads", "1"])
    _ = try succeed(start + [files[1], "--threads", "2"], ranks: 3)
    let difference = try Command.start(["h5diff"] + files)
    #expect(difference.code == 0, "\(difference.transcript)")
    #expect(folder.contents == ["one.h5", "three.h5"])
    let other = folder.place("other.h5")
    _ = try succeed(start.map { $0 == "3" ? "4" : $0 } + [other])
    #expect(try Command.start(["h5diff", files[0], other]).code == 1)
  }

  @Test func dataSetIsDescribed() throws {
    let maps = folder.place("maps.h5")
    _ = try succeed(["simulate", "uma", "--scenario", "nlos", "--count", "3", "--size", "16", "--out", maps])
    let text = try succeed(["inspect", "data", maps])
    #expect(text.contains("3 of 16 x 16") && text.contains("propagation: nlos"), "\(text)")
    let json = Data(try succeed(["inspect", "data", maps, "--json"], ranks: 2).utf8)
    let object = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    #expect(object["count"] as? Int == 3 && object["units"] as? String == "dB")
    let values = try #require(object["values"] as? [String: Double])
    // Without line of sight, from right below the station to 23 m away.
    let (low, high) = (try #require(values["minimum"]), try #require(values["maximum"]))
    #expect(-130 < low && low < high && high < -40)
    let stations = try #require(object["stations"] as? [String: [String: Double]])
    #expect(stations["z"] == ["minimum": 25, "maximum": 25, "mean": 25])
  }

  @Test func importedMapsAreTheForeignOnes() throws {
    let maps = try folder.file("maps.npy", numPy(shape: [5, 4, 6]) { -1 - Float($0) })
    let stations = try folder.file("stations.npy", numPy(shape: [5, 2]) { Float($0) })
    let out = folder.place("maps.h5")
    let start = ["import", maps, "--stations", stations, "--station-height", "25", "--spacing", "2"]
    let told = try succeed(start + ["--out", out], ranks: 2)
    #expect(told == "\(out): 5 maps of 4 x 6, dB\n")
    let text = try succeed(["inspect", "data", out])
    for part in ["-120 to -1 dB", "2 m apart", "0 to 8 m, mean 4 m", "25 to 25 m"] {
      #expect(text.contains(part), "lacks \(part):\n\(text)")
    }
    let again = try Command.run(start + ["--out", out])
    #expect(again.code == 1 && again.errors.contains("the file exists"), "\(again.transcript)")
    _ = try succeed(start + ["--out", out, "--overwrite"])
  }
}
