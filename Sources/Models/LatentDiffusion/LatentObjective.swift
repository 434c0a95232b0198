import Computing
import Conditioning
import Diffusion
import Essentials
import NeuralNetworks
import Records
import Runs
import Tensors

/// What BS-1-to-N is asked to make small (eqs. 18 and 23): the squared error of its answer about noisy latents of a scene's
/// targets, given the sources' tokens; one timestep for all targets of a scene.
struct LatentObjective: SceneObjective {
  let networks: StationNetworks
  let autoencoder: LatentAutoencoder
  let schedule: NoiseSchedule
  let parametrisation: Parametrisation
  /// Share of the scenes at T.
  let terminalShare: Double
  /// Share of the scenes without sources.
  let withoutSources: Double
  let seed: UInt64
  let engine: Engine
  /// Latents times this have deviation 1.
  var scale: Float

  /// What the network is given for some scenes, and what it should answer.
  struct Batch {
    /// Noisy latents, `[B N_t, h, w, latent]`.
    var noisy: Tensor
    /// t of each scene.
    var timesteps: [Int]
    /// The right answer, as `noisy`.
    var target: Tensor
  }

  /// Numbers that are drawn for scenes.
  private enum Numbers: Int {
    case timestep, terminal, sources
  }

  func losses(_ scenes: [TrainingSample<StationScene>], step: Int, _ tape: Tape) -> Variable {
    losses(scenes, step: step, purposes: (.noise, .timestep), dropping: withoutSources, tape)
  }

  private func losses(
    _ scenes: [TrainingSample<StationScene>], step: Int, purposes: (noise: RandomPurpose, numbers: RandomPurpose),
    dropping: Double, _ tape: Tape
  ) -> Variable {
    let all = scenes.map(\.value)
    func uniform(_ number: Numbers, _ scene: Int) -> Float {
      RandomStream(seed: seed, purpose: purposes.numbers, layer: 8 + number.rawValue)
        .uniform(1, sample: scenes[scene].position, step: step)[0]
    }
    let timesteps = scenes.indices.map { scene in
      uniform(.terminal, scene) < Float(terminalShare)
        ? schedule.count
        : min(schedule.count, 1 + Int(uniform(.timestep, scene) * Float(schedule.count)))
    }
    let latents = latents(all.targets), noise = engine.tensor(latents.shape)
    let each = latents.count / scenes.count, stream = RandomStream(seed: seed, purpose: purposes.noise, layer: 8)
    engine.threads.run(scenes.count) { n, _ in
      stream.fillGaussian(
        UnsafeMutableBufferPointer(start: noise.base + n * each, count: each), sample: scenes[n].position, step: step)
    }
    let kept = scenes.indices.map { uniform(.sources, $0) < Float(dropping) ? Float(0) : 1 }
    let tokens = tape.scale(
      networks.tokens(all, tape), samplesBy: kept)
    let batch = batch(latents, noise: noise, timesteps: timesteps)
    return error(batch, around: surroundings(all, tokens), tape)
  }

  /// Where all stand, with the sources' tokens.
  func surroundings(_ scenes: [StationScene], _ tokens: Variable) -> StationSurroundings {
    StationSurroundings(
      tokens: tokens, targets: scenes.map { $0.targets.map(\.position) },
      sources: scenes.map { $0.sources.map(\.position) }, rows: scenes[0].rows, columns: scenes[0].columns)
  }

  /// Latents of maps, of deviation 1, `[N, h, w, latent]`.
  func latents(_ views: [StationView]) -> Tensor {
    let tape = Tape(engine: engine, isRecording: false)
    let mean = tape.scale(autoencoder.mean(autoencoder.input(views.map(\.grey), engine), tape), by: scale)
    return mean.value
  }

  /// Noisy latents, and what should be answered about them.
  ///
  /// - Parameters:
  ///   - latents: `[B N_t, h, w, latent]`.
  ///   - noise: as many standard normal numbers.
  ///   - timesteps: of each scene, 1 to T.
  func batch(_ latents: Tensor, noise: Tensor, timesteps: [Int]) -> Batch {
    let noisy = engine.tensor(latents.shape), target = engine.tensor(latents.shape)
    let each = latents.count / timesteps.count
    engine.threads.run(timesteps.count) { n, _ in
      func own(_ tensor: Tensor) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: tensor.base + n * each, count: each)
      }
      let clean = UnsafeBufferPointer(own(latents)), drawn = UnsafeBufferPointer(own(noise))
      schedule.addNoise(to: clean, noise: drawn, timestep: timesteps[n], into: own(noisy))
      schedule.target(parametrisation, clean: clean, noise: drawn, timestep: timesteps[n], into: own(target))
    }
    return Batch(noisy: noisy, timesteps: timesteps, target: target)
  }

  /// The squared error of each scene, `[B, 1]`.
  func error(_ batch: Batch, around: StationSurroundings, _ tape: Tape) -> Variable {
    let answer = networks.unet(
      tape.constant(batch.noisy), times: batch.timesteps.map { Float($0 - 1) }, around, tape)
    let shape = batch.noisy.shape, scenes = around.scenes
    let together = [scenes, shape[0] / scenes * shape[1], shape[2], shape[3]]
    return tape.meanSquaredError(tape.reshape(answer, together), target: batch.target.reshaped(together))
  }

  func validationLoss(_ scene: TrainingSample<StationScene>, _ tape: Tape) -> Double {
    Double(
      losses([scene], step: 0, purposes: (.validation, .validation), dropping: 0, tape).value.base[0])
  }

  private static let scaleNote = "latent_scale"

  var notes: JSONValue {
    get throws { .members([Self.scaleNote: try .encoding(scale)]) }
  }

  mutating func resume(from state: TrainingState) throws { scale = try Self.scale(of: state) }

  /// The scale that a run was trained with.
  static func scale(of state: TrainingState) throws -> Float { try state.note(scaleNote, as: Float.self) }

  /// One over the deviation of the latents of up to 256 training maps, spread evenly.
  static func measuredScale(_ autoencoder: LatentAutoencoder, _ source: SceneSamples, _ engine: Engine) throws -> Float
  {
    let numbers = source.data.split.training, count = min(256, numbers.count)
    var sum = 0.0, squares = 0.0, values = 0.0
    for first in stride(from: 0, to: count, by: 16) {
      let maps = try (first..<min(count, first + 16)).map { place in
        source.section.grey.drawn(try source.data.maps.map(numbers[place * numbers.count / count]))
      }
      let tape = Tape(engine: engine, isRecording: false)
      for value in autoencoder.mean(autoencoder.input(maps, engine), tape).value.values() {
        sum += Double(value)
        squares += Double(value) * Double(value)
        values += 1
      }
    }
    let variance = squares / values - (sum / values) * (sum / values)
    guard variance > 0 else {
      throw Fault(
        "the autoencoder's latents are all alike", at: "`latent.autoencoder`", expected: "a trained autoencoder",
        found: "a deviation of 0")
    }
    return Float(1 / variance.squareRoot())
  }
}
