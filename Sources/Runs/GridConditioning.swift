import Conditioning
import Records

/// What all families have in common that refine coarse maps (`GridSection`, `GridSamples`).
extension GridSamples {
  /// How maps are normalised, with the training set's range where that matters: what use of the run needs.
  public var notes: JSONValue {
    get throws {
      let normaliser = try JSONValue.encoding(conditioner.normaliser), scales = conditioner.conditions
      return scales.isEmpty
        ? .members(["normaliser": normaliser])
        : .members(["normaliser": normaliser, "conditions": try .encoding(scales)])
    }
  }

  /// Throws unless these are the maps that a run was begun with, seen as it saw them.
  ///
  /// - Parameter state: what the run's checkpoint has kept.
  public func require(_ state: TrainingState) throws {
    try require(state.split, state.normaliser(), state.conditions())
  }
}

extension TrainingState {
  /// The layers that a run sees beside the coarse maps; none of a run that does not say.
  ///
  /// - Throws: `Fault` when the state does not decode.
  public func conditions() throws -> [ConditionScale] {
    try hasNote("conditions") ? note("conditions", as: [ConditionScale].self) : []
  }

  /// How a run that refines coarse maps normalises them.
  ///
  /// - Throws: `Fault` when the state does not say so.
  public func normaliser() throws -> Normaliser { try note("normaliser", as: Normaliser.self) }
}

extension MapConditioner {
  /// What a network sees of a coarse map, and of the true one where that is known.
  ///
  /// - Parameters:
  ///   - observation: of kind `grid`.
  ///   - magnification: fine pixels from one coarse sample to the next.
  public func condition(_ observation: Observation, magnification: Int) throws -> ConditionedMap {
    guard case .grid(let known) = observation else { preconditionFailure("the geometry is of coarse maps") }
    guard let truth = known.truth else { return try condition(coarse: known.coarse, magnification: magnification) }
    return try condition(truth, magnification: magnification, training: false)
  }
}
