import Essentials
import Foundation
import Metrics
import Reconstruction
import Runs

/// One scenario of the evaluation protocol: a name, and where its maps are.
public struct ProtocolData: Equatable, Sendable {
  /// As it stands in tables and file names.
  public var name: String
  /// A data set, or a foreign file.
  public var path: String
  /// A layer of the data set, or the maps' array in a foreign file; nil: the data set's maps.
  public var layer: String?

  /// - Parameters:
  ///   - name: as it stands in tables and file names: letters, digits, ".", "-" and "_".
  ///   - path: a data set, or a foreign file.
  ///   - layer: a layer of the data set, or the maps' array in a foreign file; nil: the data set's maps.
  public init(name: String, path: String, layer: String? = nil) {
    self.name = name
    self.path = path
    self.layer = layer
  }

  /// Out of "NAME=FILE" or "NAME=FILE:LAYER"; nil when a part is empty. What follows the last colon is a layer unless
  /// there is a file of the whole name.
  public init?(parsing text: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    let whole = parts[1]
    guard let colon = whole.lastIndex(of: ":"), !FileManager.default.fileExists(atPath: whole) else {
      self.init(name: parts[0], path: whole)
      return
    }
    let (path, layer) = (String(whole[..<colon]), String(whole[whole.index(after: colon)...]))
    guard !path.isEmpty, !layer.isEmpty else { return nil }
    self.init(name: parts[0], path: path, layer: layer)
  }
}

/// What the evaluation protocol is asked to do: every scenario at every magnification by every method.
public struct ProtocolRequest {
  /// The scenarios.
  public var data: [ProtocolData]
  /// The models, by the names that tables give them; none for the interpolations alone.
  public var models: [(name: String, trained: any TrainedModel)]
  /// Fine pixels from one coarse sample to the next.
  public var magnifications = [2, 4, 8, 16]
  /// How the models draw maps; input, output, magnification and name are the protocol's own.
  public var sampling: ReconstructionRequest
  /// The stations' array in foreign files, in the group of the maps' array; nil for none.
  public var stations: String?
  /// The height of stations that foreign files give in the plane [m].
  public var stationHeight: Float = 0
  /// Where the places of foreign maps lie.
  public var area = Area(originX: 0, originY: 0)
  /// What is 0 and what is 255 of the scale that errors are counted on.
  public var scale = MetricScale.own
  /// The weights of a perceptual distance; nil: none is taken.
  public var perceptual: String?
  /// Where everything goes.
  public var outputDirectory: String

  /// - Parameters:
  ///   - data: the scenarios.
  ///   - models: the models, by the names that tables give them.
  ///   - outputDirectory: where everything goes.
  public init(data: [ProtocolData], models: [(name: String, trained: any TrainedModel)] = [], outputDirectory: String) {
    self.data = data
    self.models = models
    self.outputDirectory = outputDirectory
    sampling = ReconstructionRequest(input: .dataSet(path: "", split: .all), output: "")
  }

  /// Throws where names cannot be those of files, or are not different.
  func validate() throws {
    guard !data.isEmpty, !magnifications.isEmpty else {
      throw Fault(
        "there is nothing to evaluate", at: "protocol", expected: "one scenario and one magnification at least")
    }
    try Self.require("scenario", data.map(\.name))
    try Self.require("model", models.map(\.name))
    guard Set(magnifications).count == magnifications.count else {
      throw Fault("a magnification is given twice", at: "`magnification`", found: "\(magnifications)")
    }
  }

  private static func require(_ what: String, _ names: [String]) throws {
    for (index, name) in names.enumerated() {
      let isPlain = name.utf8.allSatisfy { byte in
        byte < 128 && (Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber)
          || [45, 46, 95].contains(byte)
      }
      guard isPlain, !name.isEmpty, !name.hasPrefix("."), !names[..<index].contains(name) else {
        throw Fault(
          "a \(what) cannot have this name", at: what,
          expected: "letters, digits, \".\", \"-\" and \"_\", and no name twice", found: "\"\(name)\"")
      }
    }
  }
}
