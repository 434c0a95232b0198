import Foundation

/// How far a job is: a bar on a terminal, plain lines at intervals elsewhere (a bar would flood a Slurm log).
///
/// Shows counts, the newest loss or other numbers, units of work per second and the time left.
public final class ProgressDisplay {
  /// Where and how progress is shown.
  public enum Style: Equatable, Sendable {
    /// One line that is drawn over itself, of at most so many columns.
    case bar(columns: Int, isColoured: Bool)
    /// A line every so many seconds, and at the end.
    case lines(interval: Double)
    /// Nothing: on ranks other than 0.
    case silent

    /// What suits standard error here.
    ///
    /// - Parameter isEnabled: true on rank 0 only.
    public static func automatic(isEnabled: Bool) -> Style {
      guard isEnabled else { return .silent }
      guard isatty(STDERR_FILENO) == 1 else { return .lines(interval: 30) }
      return .bar(columns: Terminal.columns, isColoured: Terminal.allowsColour)
    }
  }

  private let title: String
  private let total: Int
  private let unit: String
  private let style: Style
  private let clock: () -> Double
  private let line: TerminalLine

  private let begin: Double
  private let firstStep: Int
  private var latestShown = -Double.infinity
  private var latestTime: Double
  private var latestStep: Int
  private var secondsPerStep: Double?
  private var latestText = ""
  private var hasEnded = false

  // A bar is redrawn at most ten times a second: more than eyes follow, less than a terminal minds.
  private static let redrawInterval = 0.1
  // The pace is averaged over about this long [s], so that the time left neither jumps nor lags.
  private static let paceSpan = 15.0

  /// - Parameters:
  ///   - title: what is being done: "train".
  ///   - total: the number of steps when all is done.
  ///   - start: the step from which this process goes on.
  ///   - unit: what a unit of work is: "samples".
  ///   - style: how to show it.
  public convenience init(
    _ title: String, total: Int, from start: Int = 0, unit: String = "samples", style: Style
  ) {
    let origin = ContinuousClock.now
    self.init(
      title, total: total, from: start, unit: unit, style: style,
      clock: {
        let elapsed = ContinuousClock.now - origin
        return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
      }, line: .standardError)
  }

  init(
    _ title: String, total: Int, from start: Int, unit: String, style: Style,
    clock: @escaping () -> Double, line: TerminalLine
  ) {
    self.title = title
    self.total = total
    self.unit = unit
    self.style = style
    self.clock = clock
    self.line = line
    begin = clock()
    latestTime = begin
    firstStep = start
    latestStep = start
  }

  /// Tells how far the job is.
  ///
  /// - Parameters:
  ///   - step: steps done, of `total`.
  ///   - unitsPerStep: units of work in a step, such as the global batch.
  ///   - values: numbers to show, such as ("loss", 0.0123).
  public func update(step: Int, unitsPerStep: Double = 1, _ values: [(name: String, value: Double)] = []) {
    guard style != .silent, !hasEnded else { return }
    let now = clock()
    measure(step: step, now: now)
    latestText = describe(step: step, unitsPerStep: unitsPerStep, values)
    let interval: Double =
      switch style {
      case .bar: Self.redrawInterval
      case .lines(let interval): latestShown == -.infinity ? 0 : interval
      case .silent: .infinity
      }
    guard now - latestShown >= interval else { return }
    latestShown = now
    show(step: step)
  }

  /// Ends the display with the last state and the time that all took. Later updates show nothing.
  public func finish() {
    guard style != .silent, !hasEnded else { return }
    hasEnded = true
    let took = "\(title): \(latestStep) of \(total) in \(Units.duration(clock() - begin))"
    switch style {
    case .bar(let columns, _):
      line.end("\r" + String(latestLine(columns: columns).prefix(columns)) + "\n\(took)\n")
    case .lines: line.write(latestText.isEmpty ? "\(took)\n" : "\(title) \(latestText)\n\(took)\n")
    case .silent: break
    }
  }

  deinit {
    // What failed half-way leaves its last state to be read, and the next message a line of its own.
    if !hasEnded, case .bar = style, latestShown > -.infinity { line.end("\n") }
  }

  private func measure(step: Int, now: Double) {
    let (steps, seconds) = (step - latestStep, now - latestTime)
    guard steps > 0, seconds > 0 else { return }
    let pace = seconds / Double(steps)
    if let known = secondsPerStep {
      let weight = 1 - exp(-seconds / Self.paceSpan)
      // Early on the plain mean is better than an average that begins with one step.
      let mean = (now - begin) / Double(max(1, step - firstStep))
      secondsPerStep = now - begin < Self.paceSpan ? mean : known + (pace - known) * weight
    } else {
      secondsPerStep = pace
    }
    latestStep = step
    latestTime = now
  }

  private func describe(
    step: Int, unitsPerStep: Double, _ values: [(name: String, value: Double)]
  ) -> String {
    var parts = ["\(step)/\(total)"]
    parts += values.map { "\($0.name) \(Units.number($0.value))" }
    if let pace = secondsPerStep {
      parts.append("\(Units.number(unitsPerStep / pace)) \(unit)/s")
      if step < total { parts.append("\(Units.duration(pace * Double(total - step))) left") }
    }
    return parts.joined(separator: "  ")
  }

  private func show(step: Int) {
    switch style {
    case .bar(let columns, let isColoured):
      let text = latestLine(columns: columns)
      line.draw(isColoured ? "\u{1B}[36m\(text)\u{1B}[0m" : text)
    case .lines: line.write("\(title) \(latestText)\n")
    case .silent: break
    }
  }

  /// Title, bar and text in at most `columns - 1` columns: a full line would wrap.
  private func latestLine(columns: Int) -> String {
    let room = columns - 1 - title.count - latestText.count - 4
    let fraction = total > 0 ? min(1, Double(latestStep) / Double(total)) : 1
    var line = "\(title) "
    if room >= 6 {
      let width = min(room, 40)
      let full = Int((fraction * Double(width)).rounded(.down))
      line += "[" + String(repeating: "#", count: full) + String(repeating: ".", count: width - full) + "] "
    }
    return String((line + latestText).prefix(max(1, columns - 1)))
  }
}
