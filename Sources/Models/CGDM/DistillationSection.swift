import Configuration
import Essentials

/// What a student learns from its teacher (eq. 49): task · L_Task + output · L_OKD + feature · L_FKD.
public struct DistillationSection: ConfigurationSection, Equatable {
  /// Weight of the squared error on the noise itself (eq. 50).
  public var task = 1.0
  /// lambda_O, weight of the squared difference between the two answers (eq. 51).
  public var output = 1.0
  /// lambda_F, weight of the squared differences of the feature maps at the ends of the stages (eq. 52).
  public var feature = 1.0
  /// Whether each stage's difference is divided by the mean square of the teacher's feature map, sample by sample: a
  /// relative error, so that no stage outweighs the others by its scale (after Zhang et al. 2024, "LAPTOP-Diff", whose
  /// weights are the norms of the teacher's features).
  public var normalisedFeatures = false
  /// XXH64 of the teacher's weights, so that a run goes on with the teacher that it began with; nil where none teaches.
  public var teacher: String?

  /// The paper's weights.
  public init() {}

  /// The keys of the section `distillation`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .number("task", \.task, in: 0...1e6, "weight of the error on the noise (eq. 50)"),
      .number("output", \.output, in: 0...1e6, "weight of the difference from the teacher's answer (eq. 51)"),
      .number("feature", \.feature, in: 0...1e6, "weight of the differences from its features (eq. 52)"),
      .flag("normalised_features", \.normalisedFeatures, "each stage's difference relative to the teacher's features"),
      .text("teacher", \.teacher, "check sum of the teacher's weights; ckm distill fills it in"),
    ]
  }

  /// Something has to be learnt.
  public func validate(_ places: ConfigurationPlaces) throws {
    guard task > 0 || output > 0 || feature > 0 else {
      throw Fault(
        "there is nothing to learn", at: places["task"], expected: "a weight above 0 among task, output, feature",
        found: "all are 0")
    }
  }
}
