import Foundation
import Testing

/// `ckm plan-measurements` as users run it.
@Suite(.serialized) struct PlanMeasurementsTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    let made = try Command.run([
      "simulate", "uma", "--scenario", "nlos", "--size", "32", "--count", "3", "--seed", "2", "--threads", "1", "--out",
      folder.place("maps.h5"),
    ])
    #expect(made.code == 0, "\(made.transcript)")
  }

  @Test func aPlanIsPrintedAndWritten() throws {
    let outcome = try Command.run([
      "plan-measurements", "--data", folder.place("maps.h5"), "--sample", "2", "--magnification", "8", "--count", "5",
      "--out", folder.place("plan"),
    ])
    #expect(outcome.code == 0, "\(outcome.transcript)")
    #expect(outcome.output.contains("5 measurements: expected RMSE "), "\(outcome.transcript)")
    for name in ["plan.csv", "plan.json", "plan.png"] {
      #expect(FileManager.default.fileExists(atPath: folder.place("plan/\(name)")))
    }
  }

  @Test func ranksShareATrialWithoutChangingIt() throws {
    let arguments = [
      "plan-measurements", "--trial", "--data", folder.place("maps.h5"), "--magnification", "8", "--count", "6",
      "--rounds", "2", "--out", folder.place("trial"),
    ]
    let alone = try Command.run(arguments)
    #expect(alone.code == 0, "\(alone.transcript)")
    let shared = try Command.launch(ranks: 2, arguments, patience: 60)
    #expect(shared.code == 0 && shared.output == alone.output, "\(shared.transcript)")
    #expect(alone.output.contains("plan in 2 rounds"))
  }

  @Test func wrongUseAndBadInputAreTold() throws {
    let data = ["--data", folder.place("maps.h5"), "--out", folder.place("plan")]
    for (arguments, code, part) in [
      (["--out", "plan"], 64, "either --data or --coarse"), (data + ["--count", "0"], 64, "--count must be"),
      (data + ["--trial", "--draws", "x.h5"], 64, "--trial takes --data alone"),
      (data + ["--magnification", "5"], 1, "the magnification does not divide the map"),
      (data + ["--sample", "3"], 1, "there is no such map"),
      (data + ["--draws", folder.place("nowhere.h5")], 1, "No such file"),
    ] {
      let outcome = try Command.run(["plan-measurements"] + arguments)
      #expect(outcome.code == code && outcome.errors.contains(part), "\(outcome.transcript)")
    }
  }
}
