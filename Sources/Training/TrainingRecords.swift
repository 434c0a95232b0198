import Essentials
import Records
import Runs

/// What rank 0 writes down: `metrics.jsonl` (the same bits however often a run was interrupted), `timing.jsonl`
/// (clock times) and the progress line.
final class TrainingRecords {
  private let metrics: MetricsLog
  private let timing: MetricsLog
  private let progress: ProgressDisplay
  private let batch: Int
  private let clock = ContinuousClock()
  private var latest: (step: Int, time: ContinuousClock.Instant)

  /// Lines of steps after `step` go: they belong to what is computed again.
  init(directory: RunDirectory, from step: Int, total: Int, batch: Int) throws {
    metrics = try MetricsLog(path: directory.metricsPath, keepingThrough: step)
    timing = try MetricsLog(path: directory.path + "/timing.jsonl", keepingThrough: step)
    progress = ProgressDisplay("train", total: total, from: step, style: .automatic(isEnabled: true))
    self.batch = batch
    latest = (step, clock.now)
  }

  func show(step: Int, loss: Double, validation: Double?) {
    progress.update(
      step: step, unitsPerStep: Double(batch),
      [("loss", loss)] + (validation.map { [("validation", $0)] } ?? []))
  }

  func write(
    step: Int, loss: Double, terms: [(name: String, value: Double)], norm: Double, rate: Double,
    validation: Double?, exchange: GradientExchange
  ) throws {
    var members = [JSONMember(key: "loss", value: .real(loss))]
    members += terms.map { JSONMember(key: $0.name, value: .real($0.value)) }
    members += [
      JSONMember(key: "gradient_norm", value: .real(norm)), JSONMember(key: "learning_rate", value: .real(rate)),
    ]
    if let validation { members.append(JSONMember(key: "validation_loss", value: .real(validation))) }
    try metrics.append(step: step, members: members)
    let now = clock.now
    try timing.append(
      step: step,
      [
        "seconds_per_step": .real((now - latest.time) / .seconds(1) / Double(max(1, step - latest.step))),
        "exchange_wait_seconds": .real(exchange.lastWaitSeconds),
        "exchange_hidden_seconds": .real(exchange.lastHiddenSeconds),
      ])
    latest = (step, now)
  }

  func synchronise() throws { try metrics.synchronise() }
  func finish() { progress.finish() }
}
