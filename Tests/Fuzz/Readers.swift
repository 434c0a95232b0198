import Configuration
import Essentials
import Foundation
@testable import MapStorage
import Models
import NeuralNetworks
import Pictures
import Records
@testable import Runs

/// Where inputs lie as files.
struct Bench {
  /// The folder.
  var folder = ""
  /// The file.
  var path: String { "\(folder)/\(name)" }
  private var name = ""

  init() {}

  /// A folder of its own, in memory where the system has such; it is left to the script.
  init(for reader: Reader) throws {
    let parent = ProcessInfo.processInfo.environment["FUZZ_BENCH"] ?? FileManager.default.temporaryDirectory.path
    folder = "\(parent)/\(reader.rawValue)-\(getpid())"
    name = reader.fileName
    try Files.makeDirectory(folder, what: "cannot make the bench")
  }

  /// Puts an input where a reader finds it.
  func put(_ bytes: [UInt8]) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    let written = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    guard file >= 0, written == bytes.count, close(file) == 0 else { fatalError("cannot write \(path)") }
  }
}

/// What takes bytes from elsewhere in this process.
enum Reader: String, CaseIterable {
  case configuration, safetensors, tiff, npy, npz, png, metrics, json, table, state, manifest

  /// The name of its input.
  var fileName: String {
    switch self {
    case .configuration: "config.yaml"
    case .json: "input.json"
    case .safetensors: "input.safetensors"
    case .npy: "input.npy"
    case .npz: "input.npz"
    case .png: "input.png"
    case .tiff: "input.tif"
    case .table: "input.csv"
    case .metrics: "metrics.jsonl"
    case .state: "state.json"
    case .manifest: "manifest.json"
    }
  }

  /// Makes check sums within an input right.
  func repair(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
    switch self {
    case .png: Repair.picture(bytes)
    case .npz: Repair.archive(bytes)
    default: break
    }
  }

  /// Reads an input as the commands do, and all that is in it.
  func read(_ bytes: [UInt8], on bench: Bench) throws {
    switch self {
    case .json: try Self.json(bytes)
    case .state: try Self.state(bytes, on: bench)
    default:
      bench.put(bytes)
      try read(bench, choice: Int(stableHash(bytes) % 1024))
    }
  }

  private func read(_ bench: Bench, choice: Int) throws {
    let path = bench.path
    switch self {
    case .configuration: try Self.configuration(path)
    case .safetensors: try Self.weights(path)
    case .npy, .npz, .tiff: try Self.maps(path, choice)
    case .png:
      _ = try GreyImage.read(path)
      try Self.maps(path, choice)
    case .table: try Self.table(path)
    case .metrics: try Self.metrics(path)
    case .manifest: _ = try AssemblyManifest.read(in: bench.folder)
    case .json, .state: break
    }
  }

  /// What was read reads back the same from what it is written as.
  private static func json(_ bytes: [UInt8]) throws {
    let value = try JSONValue.parse(bytes, at: "input")
    for text in [value.serialised, value.indented] {
      let again = try JSONValue.parse(Array(text.utf8), at: "output")
      precondition(again == value, "JSON changed on its way")
    }
  }

  private static func configuration(_ path: String) throws {
    let configuration = try RunConfiguration<CGDMFamily>.load(file: path)
    let again = try RunConfiguration<CGDMFamily>.read(run: Configuration.yaml(configuration), named: "again")
    precondition(again == configuration, "the configuration changed on its way")
    // Its size is told before memory is taken.
    _ = try CGDMFamily.outlines(configuration).flatMap(\.layers).total.parameters
  }

  private static func weights(_ path: String) throws {
    let file = try SafetensorsFile(path)
    for entry in file.entries {
      let bytes = try file.bytes(entry.name)
      precondition(bytes.count == entry.bytes.count)
      do { _ = try file.floats(entry.name) } catch is Fault {}
    }
  }

  /// Every kind of units in turn; what is read is finite, or masked.
  private static func maps(_ path: String, _ choice: Int) throws {
    let units = [nil] + PowerUnits.allCases.map(Optional.some)
    var options = ImportOptions(units: units[choice % units.count])
    if choice & 256 != 0 { options.greyRange = .init(black: -120, white: -40) }
    if choice & 512 != 0 { options.nodata = [.value(-9999), .transparent] }
    if choice & 128 != 0, path.hasSuffix(".npz") { (options.maps, options.valid) = ("power", "outdoor") }
    let maps = try ImportedMaps(path: path, options: options)
    guard maps.rows * maps.columns <= 1 << 20 else { return }
    for sample in 0..<min(maps.count, 3) {
      let map = try maps.read(sample..<sample + 1)[0]
      for (place, value) in map.map.values.enumerated() where map.mask?[place] != false {
        precondition(abs(value) <= LargestCredible.value, "a value that no channel has was let in")
      }
    }
  }

  private static func table(_ path: String) throws {
    let table = try StationTable(path)
    let count = table.shape.reduce(1, *)
    precondition(count <= 1 << 20)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: max(count, 1)) { buffer in
      try? table.read(rows: 0..<table.shape[0], into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
    }
  }

  private static func metrics(_ path: String) throws {
    let records = try MetricsLog.read(path)
    try MetricsLog.check(path, keepingThrough: records.last?.step)
    // What stays is whole and can be appended to.
    let log = try MetricsLog(path: path)
    try log.append(step: 7, ["loss": .real(1.0)])
    let again = try MetricsLog.read(path)
    precondition(again.count == records.count + 1, "a record was lost")
  }

  /// As it stands, and with the sum that it should have.
  private static func state(_ bytes: [UInt8], on bench: Bench) throws {
    bench.put(bytes)
    do { _ = try StateFile.read(step: 3, directory: bench.folder) } catch is Fault {}
    let whole = try JSONValue.parse(bytes, at: "input")
    let body = whole["checkpoint"] ?? whole
    let sum = Checksum.of(Array(body.serialised.utf8))
    bench.put(Array(JSONValue.members(["checkpoint": body, "xxh64": .text(sum)]).serialised.utf8))
    let step = body["step"]?.integerValue ?? 0
    let saved = try StateFile.read(step: step, directory: bench.folder)
    do { _ = try StateFile.verify(step: step, directory: bench.folder) } catch is Fault {}
    let state = try TrainingState(saved)
    precondition(state.step == step && state.step >= 0 && state.samples >= 0 && state.ranks >= 1)
  }
}
