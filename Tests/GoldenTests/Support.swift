import Foundation
import Testing

/// Runs the built `ckm` in a process of its own. Nothing here knows how the program is made inside: these tests hold
/// over any rebuilding.
enum Program {
  /// Beside the test bundle, which is this very process.
  private static let path: String = {
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("ckm").path
  }()

  /// The folder `Tests/Fixtures`.
  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures").path

  /// Runs `ckm` in a folder and requires that it succeeds; what it wrote to standard output.
  @discardableResult
  static func ckm(
    _ arguments: [String], in folder: Folder, location: SourceLocation = #_sourceLocation
  ) throws -> String {
    try start(["timeout", "100", path] + arguments, in: folder, location)
  }

  /// Runs any command in a folder and requires that it succeeds.
  @discardableResult
  static func start(
    _ arguments: [String], in folder: Folder, _ location: SourceLocation = #_sourceLocation
  ) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    // A process that mpirun or a batch system started would pass on whose rank it is.
    process.environment = ProcessInfo.processInfo.environment.filter { name, _ in
      !["OMPI_", "PMIX_", "ORTE_", "OPAL_", "SLURM_"].contains { name.hasPrefix($0) }
    }
    // Files, not pipes: a full pipe that nobody reads would be a hang of the test's own making.
    let logs = try Folder()
    let output = try logs.write("output", []), errors = try logs.write("errors", [])
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    try process.run()
    process.waitUntilExit()
    let text = try String(contentsOfFile: output, encoding: .utf8)
    let complaints = try String(contentsOfFile: errors, encoding: .utf8)
    try #require(
      process.terminationStatus == 0,
      "\(arguments.joined(separator: " "))\nexit code \(process.terminationStatus)\n\(text)\n\(complaints)",
      sourceLocation: location)
    return text
  }
}

/// A temporary folder that goes with the value.
final class Folder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("golden-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  /// A copy of another folder.
  init(copying source: String) throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("golden-\(UUID().uuidString)")
    try FileManager.default.copyItem(atPath: source, toPath: url.path)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    return "\(path)/\(name)"
  }

  func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

  func text(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }

  /// The names of the files of a folder within, in order.
  func contents(_ name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(name)").sorted()
  }

  /// Writes maps as a NumPy array `[maps, rows, columns]` of float32, version 1.0.
  @discardableResult
  func writeMaps(_ name: String, _ maps: [[Float]], rows: Int, columns: Int) throws -> String {
    try writeArray(name, shape: [maps.count, rows, columns], maps.flatMap { $0 })
  }

  /// Writes a NumPy array of float32, version 1.0.
  @discardableResult
  func writeArray(_ name: String, shape: [Int], _ values: [Float]) throws -> String {
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': ("
    header += shape.map { "\($0)," }.joined(separator: " ") + "), }"
    // Magic, version and length take 10 bytes; the data begins at a multiple of 64.
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes += [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)] + Array(header.utf8)
    for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += Array($0) } }
    return try write(name, bytes)
  }

  /// A data set of float32 in an HDF5 file, by h5dump.
  func dataSet(_ name: String, of file: String) throws -> [Float] {
    try Program.start(["h5dump", "-b", "LE", "-d", name, "-o", "values.bin", file], in: self)
    return try floats(bytes("values.bin"))
  }

  /// The maps of an HDF5 file, each of so many pixels.
  func maps(_ file: String, pixels: Int) throws -> [[Float]] {
    let all = try dataSet("/maps", of: file)
    return stride(from: 0, to: all.count, by: pixels).map { Array(all[$0..<$0 + pixels]) }
  }

  /// The lines of a log in JSON.
  func lines(_ name: String) throws -> [[String: Any]] {
    try text(name).split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  /// The root of the sum of squares over all tensors of a safetensors file: eight bytes of length, a header in JSON,
  /// floats.
  func norm(ofTensorsIn name: String) throws -> Double {
    let data = try bytes(name)
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try #require(
      try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: [String: Any]])
    var sum = 0.0
    for (tensor, entry) in header where tensor != "__metadata__" {
      try #require(entry["dtype"] as? String == "F32")
      let span = try #require(entry["data_offsets"] as? [Int])
      for value in floats(data[8 + length + span[0]..<8 + length + span[1]]) { sum += Double(value) * Double(value) }
    }
    return sum.squareRoot()
  }

  /// The one safetensors file of a run's checkpoint whose name says that it holds averaged weights. What a checkpoint's
  /// files are called belongs to the program; that the average is called "ema" is older than any of it.
  func averageFile(_ run: String, step: Int) throws -> String {
    let place = "\(run)/checkpoints/step-\(step)"
    let all = try contents(place), names = all.filter { $0.contains("ema") && $0.hasSuffix(".safetensors") }
    try #require(names.count == 1, "\(place): \(all)")
    return "\(place)/\(names[0])"
  }
}

/// Little-endian float32.
func floats(_ data: Data) -> [Float] {
  let bytes = [UInt8](data)
  return stride(from: 0, to: bytes.count - 3, by: 4).map { start in
    Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) })
  }
}
