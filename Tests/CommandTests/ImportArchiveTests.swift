import Foundation
import TestSupport
import Testing

/// Archives as users import them.
@Suite(.serialized) struct ImportArchiveTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func arguments(_ out: String, _ more: String...) -> [String] {
    ["import", folder.place("archive"), "--layout", "radiomapseer", "--out", folder.place(out)] + more
  }

  /// SIGKILL on one rank of two; three go on with what is there.
  @Test func killedImportGoesOn() throws {
    _ = try PublishedArchive(at: folder.place("archive"), cities: Array(0..<60), layers: ["cars"])
    let whole = try Command.launch(ranks: 1, arguments("whole.h5", "--layer", "cars"), patience: 100)
    #expect(whole.code == 0 && whole.output.contains("360 maps of 256 x 256, dB"), "\(whole.transcript)")
    #expect(whole.errors.contains("archive: 360 maps by DPM, cities 0-59, transmitters 0-1,10-13"))
    #expect(!whole.errors.contains("warning"), "\(whole.transcript)")
    let script = """
      mpirun --timeout 100 --oversubscribe --bind-to none -n 2 "$@" & job=$!
      until [ "$(ls '\(folder.place("maps.h5")).partial' 2>/dev/null | grep -c samples-)" -ge 3 ]; do
        kill -0 $job 2>/dev/null || break; sleep 0.01
      done
      kill -KILL $(pgrep -n -P $job)
      wait $job
      """
    let command = arguments("maps.h5", "--layer", "cars")
    let killed = try Command.start(["bash", "-c", script, "-", Command.program] + command)
    #expect(killed.code != 0, "\(killed.transcript)")
    #expect(folder.contents.contains("maps.h5.partial") && !folder.contents.contains("maps.h5"))
    let other = try Command.run(arguments("maps.h5", "--layer", "cars", "--cities", "0-9"))
    #expect(other.code == 1 && other.errors.contains("count 360") && other.errors.contains("--restart"))
    let resumed = try Command.launch(ranks: 3, command, patience: 100)
    #expect(resumed.code == 0 && resumed.errors.contains("goes on with"), "\(resumed.transcript)")
    #expect(FileManager.default.contentsEqual(atPath: folder.place("whole.h5"), andPath: folder.place("maps.h5")))
    #expect(folder.contents == ["archive", "maps.h5", "whole.h5"])
    let again = try Command.run(command)
    #expect(again.code == 1 && again.errors.contains("the file exists"), "\(again.transcript)")
  }

  @Test func whatIsWrongIsTold() throws {
    let archive = try PublishedArchive(at: folder.place("archive"), cities: [0, 1])
    try archive.remove("gain/DPM/1_13.png")
    let cases: [([String], Int32, [String])] = [
      ([], 1, ["1 missing: gain/DPM/1_13.png", "hint: --allow-missing", "--cities and --transmitters"]),
      (["--method", "IRT2"], 1, ["archive/gain: ", "expected: DPM"]),
      (["--cities", "0", "--layer", "roads"], 1, ["no such layer", "buildings_complete"]),
      (["--cities", "0-x"], 64, ["--cities"]), (["--threshold", "nan"], 64, ["--threshold"]),
    ]
    for (options, code, told) in cases {
      let outcome = try Command.run(arguments("maps.h5") + options)
      #expect(outcome.code == code, "\(options): \(outcome.transcript)")
      for words in told { #expect(outcome.errors.contains(words), "\(words) in \(outcome.transcript)") }
    }
    #expect(folder.contents == ["archive"])
    let part = try Command.run(arguments("maps.h5", "--allow-missing", "--threshold", "-127", "--restart"))
    #expect(part.code == 0 && part.output.contains("11 maps"), "\(part.transcript)")
    #expect(part.errors.contains("values below -127.0 dB are taken for it") && part.errors.contains("warning: files"))
  }

  /// What an archive says itself cannot be said otherwise, and its options are for archives.
  @Test(arguments: [
    "--units dB", "--axes nyx", "--flip y", "--transpose", "--stations a.csv", "--station-coordinates xy",
    "--environments e", "--valid v.png", "--holes h.png", "--maps m", "--nodata 0", "--nodata-grey 0",
    "--scale-factor 2", "--add-offset 1", "--spacing 1", "--station-height 1.5", "--user-height 1.5",
    "--transmit-power 30", "--geo-origin 1,2", "--ignore-attributes",
  ]) func otherOptionsAreRefused(option: String) throws {
    let outcome = try Command.run(arguments("maps.h5") + option.split(separator: " ").map(String.init))
    let name = String(option.prefix { $0 != " " })
    #expect(
      outcome.code == 64 && outcome.errors.contains("\(name) is not for --layout radiomapseer"), "\(outcome.transcript)"
    )
  }

  @Test(arguments: ["--method DPM", "--cities 0", "--transmitters 0", "--allow-missing", "--restart"])
  func itsOptionsAreForArchives(option: String) throws {
    let outcome = try Command.run(
      ["import", "a.npy", "--out", "x.h5"] + option.split(separator: " ").map(String.init))
    #expect(outcome.code == 64 && outcome.errors.contains("is for --layout"), "\(outcome.transcript)")
  }
}
