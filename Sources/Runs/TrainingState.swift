import Conditioning
import Essentials
import Foundation
import Records

/// What a checkpoint remembers beside weights and moments: `state.json`.
public struct TrainingState: Codable, Equatable, Sendable {
  /// Steps done.
  public var step: Int
  /// Samples seen over all ranks: where the order of samples goes on.
  public var samples: Int
  /// How many ranks wrote it.
  public var ranks: Int
  /// The processor: bits are promised on the same type only.
  public var processor: String
  /// XXH64 of the weights, the same on all ranks when it was saved.
  public var weightsHash: String
  /// The data set's file.
  public var data: String
  /// Which maps were trained on.
  public var split: Split.Record
  /// How maps were normalised, with the training set's range where that matters.
  public var normaliser: Normaliser

  /// A state after `step` steps.
  public init(
    step: Int, samples: Int, ranks: Int, processor: String, weightsHash: String, data: String,
    split: Split.Record, normaliser: Normaliser
  ) {
    self.step = step
    self.samples = samples
    self.ranks = ranks
    self.processor = processor
    self.weightsHash = weightsHash
    self.data = data
    self.split = split
    self.normaliser = normaliser
  }

  /// As it stands in `state.json`.
  func json() throws -> JSONValue {
    try JSONValue.parse(Array(JSONEncoder().encode(self)), at: "state.json")
  }

  /// The state of a saved step.
  ///
  /// - Throws: `Fault` naming the file and the key that is missing or wrong.
  init(_ saved: SavedStep) throws {
    do {
      self = try JSONDecoder().decode(TrainingState.self, from: Data(saved.state.serialised.utf8))
    } catch let error as DecodingError {
      throw Fault(
        "the state does not decode", at: "\(saved.path)/state.json", expected: "a training state",
        found: "\(error)")
    }
  }

  /// The name of this machine's processor.
  public static func thisProcessor() -> String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "unknown"
  }
}
