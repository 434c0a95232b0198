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
  /// XXH64 of all players' weights, the same on all ranks when it was saved.
  public var weightsHash: String
  /// The data set's file.
  public var data: String
  /// The same one by one, as absolute paths: what a run that goes on takes where it is given none.
  public var dataFiles: [String]
  /// Which maps were trained on.
  public var split: Split.Record
  /// What the family keeps for the use of the run, as JSON.
  private var notesText: String

  /// A state after `step` steps.
  ///
  /// - Parameters:
  ///   - step: steps done.
  ///   - samples: samples seen over all ranks.
  ///   - ranks: how many ranks wrote it.
  ///   - weightsHash: XXH64 of all players' weights.
  ///   - data: the data set's file.
  ///   - dataFiles: the same one by one, as absolute paths.
  ///   - split: which maps were trained on.
  ///   - notes: what the family keeps for the use of the run.
  public init(
    step: Int, samples: Int, ranks: Int, weightsHash: UInt64, data: String, dataFiles: [String],
    split: Split.Record, notes: JSONValue
  ) {
    self.step = step
    self.samples = samples
    self.ranks = ranks
    processor = Self.thisProcessor()
    self.weightsHash = String(weightsHash, radix: 16)
    self.data = data
    self.dataFiles = dataFiles
    self.split = split
    notesText = notes.serialised
  }

  /// The state of a network that is made out of this one's, before any step.
  public func beforeTraining(weightsHash: UInt64, ranks: Int) -> TrainingState {
    var state = self
    (state.step, state.samples, state.ranks) = (0, 0, ranks)
    state.processor = Self.thisProcessor()
    state.weightsHash = String(weightsHash, radix: 16)
    return state
  }

  /// What the family has noted under a name.
  ///
  /// - Parameters:
  ///   - name: the key.
  ///   - type: what it is.
  /// - Throws: `Fault` when there is no such thing.
  public func note<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
    let notes = try JSONValue.parse(Array(notesText.utf8), at: "state.json: notes")
    guard let text = notes[name]?.serialised, let value = try? JSONDecoder().decode(Value.self, from: Data(text.utf8))
    else {
      throw Fault(
        "the state of the run does not decode", at: "state.json: notes.\(name)", expected: "a \(type)",
        found: notes[name]?.serialised ?? "nothing")
    }
    return value
  }

  /// Whether the family has noted something under a name.
  func hasNote(_ name: String) throws -> Bool {
    try JSONValue.parse(Array(notesText.utf8), at: "state.json: notes")[name] != nil
  }

  /// As it stands in `state.json`.
  func json() throws -> JSONValue {
    .members([
      "step": .integer(step), "samples": .integer(samples), "ranks": .integer(ranks), "processor": .text(processor),
      "weightsHash": .text(weightsHash), "data": .text(data),
      "dataFiles": .array(dataFiles.map(JSONValue.text)), "split": try JSONValue.encoding(split),
      "notes": try JSONValue.parse(Array(notesText.utf8), at: "notes"),
    ])
  }

  /// The state of a saved step.
  ///
  /// - Throws: `Fault` naming the file and the key that is missing or wrong.
  public init(_ saved: SavedStep) throws {
    let place = "\(saved.path)/state.json", state = saved.state
    func wrong(_ key: String, _ expected: String) -> Fault {
      Fault(
        "the state does not decode", at: "\(place): \(key)", expected: expected,
        found: state[key]?.serialised ?? "nothing")
    }
    func number(_ key: String, from least: Int) throws -> Int {
      guard let value = state[key]?.integerValue, value >= least else {
        throw wrong(key, "a whole number, \(least) at least")
      }
      return value
    }
    func text(_ key: String) throws -> String {
      guard let value = state[key]?.textValue else { throw wrong(key, "a text") }
      return value
    }
    step = try number("step", from: 0)
    guard step == saved.step else { throw wrong("step", "\(saved.step), as the checkpoint's name has it") }
    samples = try number("samples", from: 0)
    ranks = try number("ranks", from: 1)
    processor = try text("processor")
    weightsHash = try text("weightsHash")
    guard UInt64(weightsHash, radix: 16) != nil else { throw wrong("weightsHash", "a hexadecimal number of 64 bits") }
    data = try text("data")
    // Before they were kept one by one there was their joint name, as it was given.
    dataFiles =
      state["dataFiles"]?.arrayValue?.compactMap(\.textValue)
      ?? (FileManager.default.fileExists(atPath: data) ? [data] : data.split(separator: ",").map(String.init))
    guard let record = state["split"]?.serialised,
      let split = try? JSONDecoder().decode(Split.Record.self, from: Data(record.utf8)),
      split.trainingCount >= 1, split.testCount >= 0
    else { throw wrong("split", "a split's record") }
    self.split = split
    // Before there were several families a normaliser stood in the state itself.
    let notes = state["notes"] ?? .members(["normaliser": state["normaliser"] ?? .null])
    notesText = notes.serialised
  }

  /// The name of this machine's processor.
  public static func thisProcessor() -> String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "unknown"
  }
}
