import Configuration
import Essentials
import Foundation
import Runs

/// What a run that is to go on says of itself, before its family is known.
struct RunToResume: Codable {
  /// Its configuration's file.
  var path: String
  /// What stands there.
  var configuration: String
  /// The name of its family.
  var family: String
  /// The data sets that its newest checkpoint names; none where there is no checkpoint.
  var dataFiles: [String]

  /// - Parameter directory: the run's.
  /// - Throws: `Fault` where it cannot be read, or is of a family that is not known.
  init(at directory: String) throws {
    let run = try RunDirectory.open(at: directory)
    path = run.configurationPath
    configuration = try run.configuration()
    family = try ChannelKnowledgeMaps.families.family(ofRun: configuration, named: path).name
    dataFiles = run.newestState?.dataFiles ?? []
  }

  /// Throws where it is of another family.
  func require(family name: String, at directory: String) throws {
    guard family != name else { return }
    throw Fault(
      "the run is of another family of models", at: directory, expected: name, found: family,
      hint: "resume with a preset of \(family), or begin a new run in another directory")
  }

  /// The run's own configuration, changed by a file and by overrides.
  func configuration<Family: ModelFamily>(
    of family: Family.Type, _ changes: ConfigurationChanges
  ) throws -> RunConfiguration<Family> {
    try Configuration.load(
      preset: .read(run: configuration, named: path), file: changes.config, overrides: changes.set)
  }

  /// The data sets of a run that is given none.
  static func data(of run: RunToResume?, at directory: String) throws -> [String] {
    guard let files = run?.dataFiles, !files.isEmpty else {
      throw Fault(
        "there is no checkpoint that names the data", at: directory, expected: "a data set",
        found: run == nil ? "no run" : "a run without checkpoints", hint: "give `data`")
    }
    for file in files where !FileManager.default.fileExists(atPath: file) {
      throw Fault(
        "the data set that the run was trained on is not where it was", at: file, expected: "the file",
        found: "nothing", hint: "`data` says where it is now")
    }
    return files
  }
}
