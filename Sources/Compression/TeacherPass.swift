import Models
import Tensors
import Training

/// The teacher on one batch of the sample: its answer, and its state before each prunable layer.
///
/// A state is made of references to what the teacher computed anyway, so all states together take the memory of the
/// batch's activations (some 60 MB a map for the paper's network), and each layer's removal costs the layers behind it.
struct TeacherPass {
  /// The teacher's answer, `[N, H, W, channels]`.
  let answer: Tensor
  private let model: CGDM
  private let batch: DenoisingLoss.Batch
  private let engine: Engine
  private let states: [CGDM.Walk]

  /// - Parameters:
  ///   - model: the teacher.
  ///   - batch: what it is given.
  ///   - layers: names of prunable layers, in the order of computation.
  ///   - keepsStates: whether removals start from the teacher's states, or all over.
  ///   - engine: this rank's threads and buffers.
  init(
    _ model: CGDM, _ batch: DenoisingLoss.Batch, layers: [String], keepsStates: Bool, engine: Engine
  ) {
    self.model = model
    self.batch = batch
    self.engine = engine
    var walk = Self.begin(model, batch, engine)
    var states: [CGDM.Walk] = []
    for layer in layers where keepsStates {
      walk.advance(to: layer)
      states.append(walk.kept)
    }
    self.states = states
    answer = walk.finish().value
  }

  private static func begin(
    _ model: CGDM, _ batch: DenoisingLoss.Batch, _ engine: Engine
  ) -> CGDM.Walk {
    let tape = Tape(engine: engine, isRecording: false)
    return model.start(tape.constant(batch.input), timesteps: batch.timesteps, tape)
  }

  /// Mean over elements of (eps_teacher - eps_without_layer)², draw by draw.
  ///
  /// - Parameters:
  ///   - place: the layer's place among `layers`.
  ///   - name: its name.
  func errors(withoutLayerAt place: Int, _ name: String) -> [Double] {
    var walk = states.isEmpty ? Self.begin(model, batch, engine) : states[place]
    return errors(of: walk.finish(without: name).value)
  }

  /// The same for another network's answer.
  func errors(of other: Tensor) -> [Double] { Self.errors(other, answer, engine) }

  /// Mean over elements of the squared difference, draw by draw.
  static func errors(_ one: Tensor, _ other: Tensor, _ engine: Engine) -> [Double] {
    let tape = Tape(engine: engine, isRecording: false)
    let errors = tape.meanSquaredError(tape.constant(one), target: other).value
    return (0..<one.batch).map { Double(errors.base[$0]) }
  }
}
