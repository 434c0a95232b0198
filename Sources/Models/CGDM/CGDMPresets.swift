import Conditioning
import Runs

extension CGDMFamily {
  /// From two cores to a cluster.
  public static let presets: [FamilyPreset<Self>] = [
    FamilyPreset("small", "one channel, 3.5 M parameters: hours on two cores") { _ in },
    FamilyPreset("tiny", "one channel, 0.25 M parameters: minutes on two cores") { run in
      run.own.model = .tiny
      run.training.steps = 1500
      run.training.learningRate = 2e-3
      run.training.warmUp = 50
      run.training.averageDecay = 0.995
      run.validation.every = 250
      run.checkpoints.every = 250
    },
    FamilyPreset("residual", "starts from kriging and draws what that leaves: 0.87 M parameters, Muon") { run in
      run.own.model = .residual
      run.own.data.form = .residual
      run.own.data.normalisation = .dataset
      run.own.data.symmetries = true
      run.own.diffusion.schedule = .cosine
      run.own.diffusion.prediction = .velocity
      run.own.diffusion.zeroTerminalSNR = true
      run.own.diffusion.terminalShare = 0.85
      run.own.diffusion.start = .noise
      run.own.diffusion.startTimestep = nil
      run.own.diffusion.clamp = false
      run.training.optimiser = .muon
      run.training.weightDecay = 0
      run.training.learningRate = 3e-3
      run.training.warmUp = 400
      run.training.averageDecay = 0.999
    },
    FamilyPreset("paper", "the paper's network and numbers: 221 M parameters") { run in
      run.own.model = .paper
      run.own.data.normalisation = .fine
      run.own.diffusion.start = .noise
      run.own.diffusion.startTimestep = nil
      run.training = .paper
      run.validation.every = 5000
      run.checkpoints.every = 5000
    },
  ]
}

extension CGDMConfiguration {
  /// The paper's network: 221,268,611 parameters.
  public static var paper: CGDMConfiguration {
    var paper = CGDMConfiguration()
    paper.channels = 3
    paper.baseChannels = 64
    paper.multipliers = [1, 2, 4, 8, 16]
    paper.blocks = 2
    paper.groups = 16
    return paper
  }

  /// One channel, c1 = 16, 1:2:4:8: hours on two cores.
  public static var small: CGDMConfiguration { CGDMConfiguration() }

  /// One channel, c1 = 8, 1:2:4:4, one block a stage: minutes on two cores.
  public static var tiny: CGDMConfiguration {
    var tiny = CGDMConfiguration()
    tiny.baseChannels = 8
    tiny.multipliers = [1, 2, 4, 4]
    tiny.blocks = 1
    tiny.groups = 4
    return tiny
  }

  /// For what kriging leaves: c1 = 16 on patches of 2 x 2, without dropout.
  public static var residual: CGDMConfiguration {
    var residual = CGDMConfiguration()
    residual.conditionChannels = ResidualForm.channels
    residual.patch = 2
    residual.multipliers = [1, 2, 4]
    residual.dropout = 0
    return residual
  }
}

extension TrainingSection {
  /// What the paper states: Adam, 5e-5, batch 16, 500,000 iterations, average from iteration 5,000.
  static var paper: TrainingSection {
    var paper = TrainingSection()
    paper.steps = 500_000
    paper.batch = 16
    paper.microbatch = 4
    paper.learningRate = 5e-5
    paper.warmUp = 0
    paper.decay = .constant
    paper.clipNorm = 0
    paper.averageStart = 5000
    paper.averageRamp = false
    paper.logEvery = 10
    paper.bucketMiB = 32
    return paper
  }
}
