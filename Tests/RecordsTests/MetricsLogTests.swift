import Essentials
import Foundation
import Testing
import Synchronization
import TestSupport
@testable import Records

@Suite struct MetricsLogTests {
  let scratch: Scratch
  let path: String

  init() throws {
    scratch = Scratch()
    path = scratch.file("metrics.jsonl")
  }

  private func train(_ steps: ClosedRange<Int>, keepingThrough: Int?) throws {
    let log = try MetricsLog(path: path, keepingThrough: keepingThrough)
    for step in steps {
      try log.append(step: step, ["loss": .real(Float(1) / Float(step * 7))])
      if step % 4 == 0 { try log.append(step: step, ["validation": .real(sqrt(Double(step)))]) }
    }
    try log.synchronise()
  }

  /// A power cut leaves rubbish where nothing had been synced: after the step that is kept, and nowhere else.
  @Test func rubbishAfterWhatIsKeptGoes() throws {
    let hole = String(repeating: "\0", count: 30)
    _ = scratch.write("{\"step\":1}\n{\"step\":2}\n\(hole)\n{\"st\n{\"step\":5}\n{\"step\":6", to: "metrics.jsonl")
    #expect(fault { _ = try MetricsLog(path: path, keepingThrough: 5) }?.place.hasSuffix("metrics.jsonl:3") == true)
    #expect(fault { _ = try MetricsLog.read(path) } != nil)
    _ = try MetricsLog(path: path, keepingThrough: 3)
    #expect(try content == "{\"step\":1}\n{\"step\":2}\n")
  }

  @Test func aLinkIsNotWrittenThrough() throws {
    let secret = scratch.write("secret", [1, 2, 3])
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: secret)
    #expect(fault { _ = try MetricsLog(path: path, keepingThrough: 0) }?.hint?.contains("link") == true)
    #expect(FileManager.default.contents(atPath: secret) == Data([1, 2, 3]))
  }

  private var content: String { get throws { try String(contentsOfFile: path, encoding: .utf8) } }

  @Test func aResumedLogEqualsTheUninterruptedOne() throws {
    try train(1...20, keepingThrough: 0)
    let whole = try content
    for checkpoint in [0, 1, 8, 13, 19] {
      try train(1...17, keepingThrough: 0)
      // The kill came in the middle of a line.
      try (content + "{\"step\":18,\"lo").write(toFile: path, atomically: true, encoding: .utf8)
      try train((checkpoint + 1)...20, keepingThrough: min(checkpoint, 17))
      if checkpoint <= 17 { #expect(try content == whole) }
    }
    let records = try MetricsLog.read(path)
    #expect(records[0].step == 1)
    #expect(records[0]["loss"]?.realValue.map { Float($0) } == Float(1) / 7)
  }

  @Test func aDamagedLastLineIsLeftOutAndCut() throws {
    for tail in ["{\"step\": 3", "{\"step\": 3}", "\u{0}\u{0}\n", "{\"loss\": 1}\n"] {
      _ = scratch.write("{\"step\":1}\n{\"step\":2,\"loss\":0.5}\n" + tail, to: "metrics.jsonl")
      #expect(try MetricsLog.read(path).map(\.step) == [1, 2])
      try MetricsLog(path: path).append(step: 9, [:])
      #expect(try content == "{\"step\":1}\n{\"step\":2,\"loss\":0.5}\n{\"step\":9}\n")
    }
  }

  @Test func aDamagedLineBeforeTheLastIsAFaultWithItsNumber() throws {
    _ = scratch.write("{\"step\":1}\nrubbish\n{\"step\":2}\n", to: "metrics.jsonl")
    #expect(fault { try MetricsLog.read(path) }?.place == "\(path):2")
    #expect(fault { try MetricsLog(path: path) }?.place == "\(path):2")
    #expect(fault { try MetricsLog.read(scratch.file("none")) }?.found == "No such file or directory")
    #expect(fault { try MetricsLog(path: scratch.file("no/where.jsonl")) } != nil)
  }
}

@Suite struct ProgressTests {
  /// A display whose clock is set by hand.
  private final class Display {
    var now = 0.0
    private final class Shown: Sendable {
      let texts = Mutex<[String]>([])
    }
    private let written = Shown()
    var shown: [String] { written.texts.withLock { $0 } }
    private(set) lazy var line = TerminalLine { [written] text in written.texts.withLock { $0.append(text) } }

    func progress(_ style: ProgressDisplay.Style, from start: Int = 0) -> ProgressDisplay {
      ProgressDisplay(
        "train", total: 100, from: start, unit: "samples", style: style, clock: { self.now },
        line: line)
    }
  }

  @Test func plainLinesComeAtIntervals() {
    let display = Display()
    let progress = display.progress(.lines(interval: 30))
    for step in 1...100 {
      display.now = Double(step)
      progress.update(step: step, unitsPerStep: 8, [("loss", 0.5)])
    }
    progress.finish()
    progress.update(step: 100)
    #expect(display.shown.count == 5)
    #expect(display.shown[1] == "train 31/100  loss 0.5  8 samples/s  1:09 left\n")
    #expect(display.shown[4] == "train 100/100  loss 0.5  8 samples/s\ntrain: 100 of 100 in 1:40\n")
  }

  @Test func barsFitTheTerminalAndAreNotRedrawnTooOften() {
    for columns in [1, 10, 40, 80, 200] {
      let display = Display()
      let progress = display.progress(.bar(columns: columns, isColoured: false), from: 50)
      for tick in 1...1000 {
        display.now = Double(tick) / 1000
        progress.update(step: 50 + tick / 20, unitsPerStep: 8, [("loss", 0.5)])
      }
      #expect((9...11).contains(display.shown.count))
      for text in display.shown {
        #expect(text.hasPrefix("\r") && text.hasSuffix("\u{1B}[K"))
        #expect(text.count - 4 <= max(1, columns - 1))
        #expect(!text.contains("\n"))
      }
    }
  }

  @Test func messagesStepAroundABar() {
    let display = Display()
    let console = Console(isEnabled: true, isColoured: false, line: display.line)
    console.note("before")
    var progress: ProgressDisplay? = display.progress(.bar(columns: 80, isColoured: false))
    progress?.update(step: 1)
    let bar = display.shown[1].dropFirst()
    console.warn("half-way")
    progress?.finish()
    console.note("behind")
    #expect(display.shown[0] == "before\n" && display.shown[4] == "behind\n")
    #expect(display.shown[2] == "\r\u{1B}[Kwarning: half-way\n\(bar)")
    // One that nobody finishes leaves its line to the next message.
    progress = display.progress(.bar(columns: 80, isColoured: false))
    progress?.update(step: 1)
    progress = nil
    console.note("after it")
    #expect(display.shown.suffix(2) == ["\n", "after it\n"])
  }

  @Test func silenceIsSilent() {
    let display = Display()
    let progress = display.progress(.silent)
    progress.update(step: 1)
    progress.finish()
    #expect(display.shown.isEmpty)
    #expect(ProgressDisplay.Style.automatic(isEnabled: false) == .silent)
  }
}

@Suite(.serialized) struct SignalFlagTests {
  @Test func countsAndGivesBack() throws {
    do {
      let flag = try SignalFlag([SIGUSR2])
      #expect(!flag.isRaised)
      #expect(flag.name == nil)
      // To the process, as Slurm does: the threads that tests run on have signals blocked.
      #expect(kill(getpid(), SIGUSR2) == 0)
      for _ in 0..<2000 where !flag.isRaised { usleep(1000) }
      #expect(flag.isRaised)
      #expect(flag.name == "signal \(SIGUSR2)")
    }
    #expect(try !SignalFlag([SIGUSR2]).isRaised)
    #expect(fault { try SignalFlag([SIGKILL]) } != nil)
    #expect(fault { try SignalFlag([4000]) } != nil)
  }
}

@Suite struct MarkdownTableTests {
  @Test func columnsAreAligned() {
    var table = MarkdownTable(["method", "NMSE"])
    table.add(["bicubic", "0.5"])
    table.add(["a|b", "12.25"])
    #expect(
      table.text == """
        | method  |  NMSE |
        | ------- | ----: |
        | bicubic |   0.5 |
        | a\\|b    | 12.25 |

        """)
  }
}
