import Testing

/// Threads share work that is cut by shapes alone, so their number changes no bit.
@Suite(.serialized) struct ThreadTests {
  /// Five steps with dropout, attention at two resolutions, and a batch of five in parts of two: weights, average and
  /// moments are the same bytes on one, two and three threads, and so is what was logged.
  @Test(arguments: [
    ["training.optimiser=adam", "model.base_channels=12"],
    [
      "training.optimiser=muon", "data.form=residual", "data.normalisation=dataset", "model.condition_channels=6",
      "model.patch=2", "training.symmetries=true",
    ],
  ]) func trainingIsTheSameOnAnyNumber(settings: [String]) throws {
    let folder = try Folder()
    try folder.importFormulaMaps(8)
    let all = [
      "model.image_size=32", "model.multipliers=[1, 2, 2]", "model.dropout=0.1", "model.attention_resolutions=[8]",
      "training.batch=5", "training.microbatch=2", "training.steps=5", "training.warm_up=2", "validation.every=4",
      "checkpoints.every=5",
    ]
    for threads in 1...3 {
      try Program.ckm(
        ["train", "--preset", "tiny", "--data", "maps.h5", "--out", "run-\(threads)", "--threads", "\(threads)"]
          + (all + settings).flatMap { ["--set", $0] }, in: folder)
    }
    func checkpoint(_ threads: Int) -> String { "run-\(threads)/checkpoints/step-5" }
    let names = try folder.contents(checkpoint(1)).filter { $0.hasSuffix(".safetensors") }
    try #require(names.count >= 3, "weights, average and moments: \(names)")
    for threads in 2...3 {
      #expect(try folder.contents(checkpoint(threads)).filter { $0.hasSuffix(".safetensors") } == names)
      for name in names {
        let same = try folder.bytes("\(checkpoint(1))/\(name)") == folder.bytes("\(checkpoint(threads))/\(name)")
        #expect(same, "\(name) differs on \(threads) threads")
      }
      #expect(try folder.text("run-1/metrics.jsonl") == folder.text("run-\(threads)/metrics.jsonl"))
    }
  }
}
