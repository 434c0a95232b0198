import Records
import Runs

/// What rank 0 writes down: `metrics.jsonl` (the same bits however often a run was interrupted), `timing.jsonl`
/// (clock times) and the progress line.
final class TrainingRecords {
  /// What a player's part of a step came to.
  struct PlayerLine {
    /// The player's place.
    var place: Int
    var loss: Double
    var terms: [(name: String, value: Double)]
    /// Of the gradient.
    var norm: Double
    /// Of learning.
    var rate: Double
    /// Seconds of its exchange.
    var exchange: (wait: Double, hidden: Double)
  }

  private let metrics: MetricsLog
  private let timing: MetricsLog
  private let progress: ProgressDisplay
  private let batch: Int
  /// What stands before each player's values; nothing where there is one player alone.
  private let prefixes: [String]
  private let clock = ContinuousClock()
  private var latest: (step: Int, time: ContinuousClock.Instant)

  /// Lines of steps after `step` go: they belong to what is computed again.
  init(directory: RunDirectory, from step: Int, total: Int, batch: Int, players: [String]) throws {
    let logs = Self.logs(of: directory)
    metrics = try MetricsLog(path: logs[0], keepingThrough: step)
    timing = try MetricsLog(path: logs[1], keepingThrough: step)
    progress = ProgressDisplay("train", total: total, from: step, style: .automatic(isEnabled: true))
    self.batch = batch
    prefixes = players.count == 1 ? [""] : players.map { $0 + "_" }
    latest = (step, clock.now)
  }

  /// Metrics and timing.
  static func logs(of directory: RunDirectory) -> [String] {
    [directory.metricsPath, directory.path + "/timing.jsonl"]
  }

  func show(step: Int, _ lines: [PlayerLine], validation: Double?) {
    progress.update(
      step: step, unitsPerStep: Double(batch),
      lines.map { (prefixes[$0.place] + "loss", $0.loss) } + (validation.map { [("validation", $0)] } ?? []))
  }

  func write(step: Int, _ lines: [PlayerLine], validation: Double?) throws {
    var members: [JSONMember] = []
    for line in lines {
      let prefix = prefixes[line.place]
      func add(_ name: String, _ value: Double) { members.append(JSONMember(key: prefix + name, value: .real(value))) }
      add("loss", line.loss)
      for term in line.terms { add(term.name, term.value) }
      add("gradient_norm", line.norm)
      add("learning_rate", line.rate)
    }
    if let validation { members.append(JSONMember(key: "validation_loss", value: .real(validation))) }
    try metrics.append(step: step, members: members)
    let now = clock.now
    try timing.append(
      step: step,
      [
        "seconds_per_step": .real((now - latest.time) / .seconds(1) / Double(max(1, step - latest.step))),
        "exchange_wait_seconds": .real(lines.reduce(0) { $0 + $1.exchange.wait }),
        "exchange_hidden_seconds": .real(lines.reduce(0) { $0 + $1.exchange.hidden }),
      ])
    latest = (step, now)
  }

  func synchronise() throws {
    try metrics.synchronise()
    try timing.synchronise()
  }
  func finish() { progress.finish() }
}
