import Compression
import Configuration
import Essentials
import Foundation
import MessagePassing
import Models
import Records
import Runs
import Synchronization
import Tensors
import Testing
import Training

extension MultiRank {
  @Suite struct CompressionRuns {
    let world: Communicator
    private let runs: TrainingRuns
    private let data: String

    init() throws {
      world = try Communicator.world()
      runs = try TrainingRuns()
      data = try runs.makeData()
    }

    /// A teacher of four steps, so that no two layers count alike.
    private func teacher() throws -> TrainedRun<CGDMFamily> {
      var configuration = runs.configuration()
      configuration.training.steps = 4
      configuration.training.learningRate = 5e-3
      configuration.own.model.attentionResolutions = [8]
      _ = try runs.train(configuration, "teacher", data: data, on: world)
      return try load("teacher", world)
    }

    private func load(_ name: String, _ communicator: Communicator) throws -> TrainedRun<CGDMFamily> {
      try TrainedRun.load(
        run: runs.folder + "/" + name, communicator: communicator, console: Console(isEnabled: false))
    }

    private func prune(
      _ trained: TrainedRun<CGDMFamily>, _ name: String, on communicator: Communicator,
      goal: PruningRequest.Goal = .ratio(0.35),
      reuse: Bool = true, isStopped: () -> Bool = { false }
    ) throws -> PruningReport? {
      var request = PruningRequest(data: [data], output: runs.folder + "/" + name, goal: goal)
      request.settings.samples = 10
      request.settings.batch = 3
      request.settings.reusesActivations = reuse
      return try Pruner.run(
        request, trained, communicator: communicator, engine: Engine(threads: 1), console: Console(isEnabled: false),
        isStopped: isStopped, progress: .silent)
    }

    private func distill(
      _ name: String, student: TrainedRun<CGDMFamily>, teacher: TrainedRun<CGDMFamily>, steps: Int,
      normalised: Bool = false,
      resume: TrainingRequest.Resume = .never
    ) throws -> TrainingOutcome {
      let changed = try Configuration.load(
        preset: student.configuration,
        overrides: [
          "training.steps=\(steps)", "training.learning_rate=1e-3", "validation.every=12",
          "distillation.normalised_features=\(normalised)",
        ])
      let configuration = try CGDMFamily.distillation(changed, by: teacher, at: student.path)
      var request = TrainingRequest(data: [data], output: runs.folder + "/" + name)
      request.resume = resume
      request.initialWeights = [Player.only: "\(student.path)/ema.safetensors"]
      return try Trainer(
        request, configuration, communicator: world, engine: Engine(threads: 1), console: Console(isEnabled: false)
      ) { try CGDMFamily.makeTask($0, $1, $2, teacher: teacher) }.run()
    }

    private func same(_ first: String, _ second: String, _ file: String) throws -> Bool {
      try runs.bytes(first, file) == runs.bytes(second, file)
    }

    /// The report and the student are the same bytes for any number of ranks, with and without reuse of activations, and
    /// when the scan was stopped in the middle.
    @Test func scanIsTheSameForAnyRanks() throws {
      let trained = try teacher()
      let report = try prune(trained, "many", on: world)
      #expect(report.map { $0.student.parameters * 100 <= $0.teacher.parameters * 65 } == true)
      let alone = try world.split(color: world.isRoot ? 0 : nil)
      if let alone { _ = try prune(try load("teacher", alone), "alone", on: alone) }
      _ = try prune(trained, "afresh", on: world, reuse: false)

      let asked = Mutex(0)
      let stopped = try prune(trained, "stopped", on: world) {
        asked.withLock { count in
          count += 1
          return count > 2
        }
      }
      if stopped == nil {
        #expect(!RunDirectory.exists(at: runs.folder + "/stopped"))
      }
      // A kill may cut the last line short.
      try world.onRoot { try cutNotes(of: "stopped") }
      if stopped == nil { _ = try prune(trained, "stopped", on: world) }
      try world.barrier()
      for other in ["alone", "afresh", "stopped"] {
        for file in ["prune.json", "prune.svg", "checkpoints/step-0/ema.safetensors", "config.resolved.yaml"] {
          #expect(try same("many", other, file), "\(other)/\(file)")
        }
      }
      try runs.clear()
    }

    /// Appends half a line to each file of notes.
    private func cutNotes(of name: String) throws {
      let folder = runs.folder + "/\(name)/scan"
      for file in try FileManager.default.contentsOfDirectory(atPath: folder) where file.hasSuffix(".jsonl") {
        let handle = try #require(FileHandle(forWritingAtPath: folder + "/" + file))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("{\"step\":3,\"la".utf8))
        try handle.close()
      }
    }

    /// The structure survives saving, loading, training on and pruning again.
    @Test func prunedStructureSurvives() throws {
      let trained = try teacher()
      let first = try prune(trained, "once", on: world)
      var once = try load("once", world)
      #expect(once.model.arena.parameterCount == first?.student.parameters)
      #expect(once.configuration.own.model.omitted == first?.rows.filter(\.isChosen).map(\.sensitivity.layer.name))
      var further = once.configuration
      further.training.steps = 3
      #expect(
        try runs.train(further, "once", data: data, on: world, resume: .latest) == .finished(step: 3))
      once = try load("once", world)
      #expect(once.state.step == 3)
      let target = once.model.arena.parameterCount * 3 / 4
      let second = try prune(once, "twice", on: world, goal: .targetParameters(target))
      let twice = try load("twice", world)
      #expect(twice.model.arena.parameterCount == second?.student.parameters)
      #expect(twice.model.arena.parameterCount <= target)
      #expect(Set(twice.configuration.own.model.omitted).isSuperset(of: once.configuration.own.model.omitted))
      #expect(
        second?.rows.contains { once.configuration.own.model.omitted.contains($0.sensitivity.layer.name) } == false)
      try runs.clear()
    }

    /// Distillation stopped after half its steps and resumed: everything bit for bit as without the stop; it learns;
    /// normalised features are another objective.
    @Test func distillationResumesBitForBit() throws {
      let trained = try teacher()
      _ = try prune(trained, "pruned", on: world)
      let student = try load("pruned", world)
      #expect(try distill("whole", student: student, teacher: trained, steps: 24) == .finished(step: 24))
      _ = try distill("halves", student: student, teacher: trained, steps: 12)
      _ = try distill("halves", student: student, teacher: trained, steps: 24, resume: .latest)
      _ = try distill("relative", student: student, teacher: trained, steps: 24, normalised: true)
      try world.barrier()
      for file in ["model", "ema", "optimizer"].map({ "checkpoints/step-24/\($0).safetensors" }) + ["metrics.jsonl"] {
        #expect(try same("whole", "halves", file), "\(file)")
        #expect(try !same("whole", "relative", file), "\(file)")
      }
      let records = try MetricsLog.read(runs.folder + "/whole/metrics.jsonl")
      func term(_ name: String, _ record: MetricsRecord?) -> Double { record?[name]?.realValue ?? .nan }
      for record in records {
        let sum = ["task_loss", "output_loss", "feature_loss"].reduce(0) { $0 + term($1, record) }
        #expect(abs(sum / term("loss", record) - 1) < 1e-5)
      }
      // Six batches of 12 draws each: the first against the last. (A teacher of four steps knows less than the task
      // teaches, so the two answers need not come nearer.)
      let (first, last) = (records.prefix(6), records.suffix(6))
      for name in ["loss", "task_loss", "feature_loss"] {
        let (before, after) = (first.reduce(0) { $0 + term(name, $1) }, last.reduce(0) { $0 + term(name, $1) })
        #expect(after < 0.9 * before, "\(name)")
      }
      try runs.clear()
    }

    /// Faults reach every rank and say what does not fit.
    @Test func refusesWhatDoesNotFit() throws {
      let trained = try teacher()
      let most = #expect(throws: Fault.self) { try prune(trained, "none", on: world, goal: .ratio(0.99)) }
      #expect(most?.what == "so many parameters cannot be pruned")
      let large = #expect(throws: Fault.self) {
        try prune(trained, "none", on: world, goal: .targetParameters(1_000_000_000))
      }
      #expect(large?.place == "`target_parameters`")
      #expect(!FileManager.default.fileExists(atPath: runs.folder + "/none"))
      #expect(throws: Fault.self) { try prune(trained, "teacher", on: world) }

      _ = try prune(trained, "pruned", on: world)
      let student = try load("pruned", world)
      var wide = runs.configuration()
      wide.own.model.baseChannels = 16
      wide.training.steps = 1
      _ = try runs.train(wide, "wide", data: data, on: world)
      let wideTeacher = try load("wide", world)
      let misfit = #expect(throws: Fault.self) {
        try distill("light", student: student, teacher: wideTeacher, steps: 1)
      }
      #expect(misfit?.what == "the student does not fit its teacher")

      // A run that was begun with a teacher goes on with that teacher only.
      _ = try distill("light", student: student, teacher: trained, steps: 1)
      let alone = #expect(throws: Fault.self) {
        try runs.train(load("light", world).configuration, "light", data: data, on: world, resume: .latest)
      }
      #expect(alone?.place == "distillation.teacher")
      let other = #expect(throws: Fault.self) {
        try distill("light", student: student, teacher: student, steps: 2, resume: .latest)
      }
      #expect(other?.place.contains("distillation.teacher") == true || other?.expected?.contains("omitted") == true)
      try runs.clear()
    }
  }
}
