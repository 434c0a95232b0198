import Checkpoints
import Essentials
import RunRecords

/// What rank 0 writes down: `metrics.jsonl` (the same bits however often a run was interrupted), `timing.jsonl`
/// (clock times) and the progress line.
final class TrainingRecords {
  private let metrics: MetricsLog
  private let timing: MetricsLog
  private let progress: ProgressDisplay
  private let clock = ContinuousClock()
  private var latest: ContinuousClock.Instant

  init(directory: RunDirectory, from step: Int, total: Int) throws {
    metrics = try MetricsLog(path: directory.metricsPath, keepingThrough: step)
    timing = try MetricsLog(path: directory.path + "/timing.jsonl", keepingThrough: step)
    progress = ProgressDisplay(
      "train", total: total, from: step, style: .automatic(isEnabled: true))
    latest = clock.now
  }

  func write(
    step: Int, loss: Double, norm: Double, validation: Double?, configuration: TrainingSection,
    exchange: GradientExchange
  ) throws {
    let now = clock.now
    let seconds = (now - latest) / .seconds(1)
    latest = now
    if step % configuration.logEvery == 0 || validation != nil {
      var members = [
        JSONMember(key: "loss", value: .real(loss)),
        JSONMember(key: "gradient_norm", value: .real(norm)),
        JSONMember(key: "learning_rate", value: .real(configuration.rate(at: step - 1))),
      ]
      if let validation { members.append(JSONMember(key: "validation_loss", value: .real(validation))) }
      try metrics.append(step: step, members: members)
      try timing.append(
        step: step,
        [
          "seconds": .real(seconds), "exchange_wait_seconds": .real(exchange.lastWaitSeconds),
          "exchange_hidden_seconds": .real(exchange.lastHiddenSeconds),
        ])
    }
    progress.update(
      step: step, unitsPerStep: Double(configuration.batch),
      [("loss", loss)] + (validation.map { [("validation", $0)] } ?? []))
  }

  func synchronise() throws { try metrics.synchronise() }
  func finish() { progress.finish() }
}
