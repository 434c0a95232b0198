import Essentials
import Foundation
import Testing
import TestSupport

@testable import NeuralNetworks

@Suite final class SafetensorsTests {
  private let directory: String

  init() throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("safetensors-\(UUID())").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  private func fixture(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/\(name)").path
  }

  private func content(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private func place(_ bytes: [UInt8]) throws -> String {
    let path = "\(directory)/placed.safetensors"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func place(json: String, length: UInt64? = nil, data: Int = 0) throws -> String {
    let word = withUnsafeBytes(of: (length ?? UInt64(json.utf8.count)).littleEndian) { Array($0) }
    return try place(word + Array(json.utf8) + [UInt8](repeating: 0, count: data))
  }

  private func fault(_ work: () throws -> Void) -> Fault? {
    do {
      try work()
      return nil
    } catch { return error as? Fault }
  }

  /// Writes what a file holds, through floats where it holds singles and as bytes elsewhere.
  private func rewrite(_ file: SafetensorsFile) throws -> String {
    let tensors = file.entries.reversed().map { entry in
      entry.type == .float32
        ? SafetensorsTensor(entry.name, shape: entry.shape) { try file.read(entry.name, into: $0) }
        : SafetensorsTensor(entry.name, type: entry.type, shape: entry.shape) { buffer in
          buffer.copyBytes(from: try file.bytes(entry.name))
        }
    }
    let path = "\(directory)/again.safetensors"
    try SafetensorsWriter.write(tensors, metadata: file.metadata, to: path)
    return path
  }

  @Test(arguments: ["cgdm-unet-small.safetensors", "safetensors-types.safetensors"])
  func filesOfTheReferenceImplementationComeBackByteForByte(name: String) throws {
    let file = try SafetensorsFile(fixture(name))
    #expect(try content(rewrite(file)) == content(fixture(name)))
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["again.safetensors"])
  }

  @Test func everyTypeReadsAsTheReferenceImplementationWroteIt() throws {
    let file = try SafetensorsFile(fixture("safetensors-types.safetensors"))
    #expect(file.metadata("origin") == "ünï \"quoted\"\n\u{8}\u{1}")
    #expect(
      try file.floats("half") == [0, -0.0, 1, -2.5, 65504, 6.103515625e-05, 5.960464477539063e-08, .infinity])
    #expect(try file.floats("half")[1].sign == .minus)
    #expect(try file.floats("brain", shape: [4]) == [1, -3.140625, 0, Float(bitPattern: 0x7149_0000)])
    #expect(try file.floats("double", shape: [2, 1]) == [0.1, 0])
    #expect(try file.floats("single.b", shape: []) == [7.25])
    #expect(try file.floats("single.a", shape: [1, 3]) == [1, 2, 3])
    #expect(try file.floats("empty", shape: [0, 4]) == [])
    #expect(try file.bytes("byte") == [1, 2, 255])
    #expect(try file.bytes("long").count == 16)
    #expect(fault { _ = try file.floats("long") }?.found == "I64")
  }

  @Test func missingAndMisshapenTensorsAreNamed() throws {
    let file = try SafetensorsFile(fixture("cgdm-unet-small.safetensors"))
    let missing = fault { _ = try file.entry("grad.downs.0.wieght") }
    #expect(missing?.expected == "the tensor grad.downs.0.wieght")
    #expect(missing?.hint == "the file has grad.downs.0.weight")
    let misshapen = fault { _ = try file.floats("grad.downs.0.weight", shape: [8, 2, 3]) }
    #expect(misshapen?.expected == "shape [8, 2, 3]")
    #expect(misshapen?.found == "shape [8, 2, 3, 3]")
  }

  @Test(
    arguments: [
      ("", nil, 0, "header that begins"),
      ("{}", 1 << 40, 0, "at most 2 bytes"),
      ("{}", UInt64.max, 0, "at most 2 bytes"),
      ("{}", nil, 4, "0 bytes of data"),
      ("[]", nil, 0, "begins with '{'"),
      ("{", nil, 0, "a key"),
      (
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
        nil, 12, "from byte 8 on"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}"#,
        nil, 20, "from byte 8 on"
      ),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, nil, 12, "from byte 0 on"),
      (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, nil, 8, "12 bytes for F32"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, nil, 4, "8 bytes of data"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, nil, 8, "in order"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#, nil, 8, "in order"),
      (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, nil, 8, "whole numbers from 0"),
      (#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, nil, 8, "whole numbers from 0"),
      (#"{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}"#, nil, 8, "whole numbers from 0"),
      (
        #"{"a":{"dtype":"F32","shape":[9223372036854775807,8],"data_offsets":[0,8]}}"#, nil, 8,
        "memory could hold"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}"#, nil, 8,
        "whole numbers from 0"
      ),
      (#"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, nil, 8, "one of the types"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#, nil, 8, "with dtype, shape"),
      (#"{"a":7}"#, nil, 8, "with dtype, shape"),
      (#"{"__metadata__":{"a":1}}"#, nil, 0, "values are texts"),
      (#"{"__metadata__":3}"#, nil, 0, "values are texts"),
      (
        #"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#,
        nil, 8, "each key once"
      ),
    ] as [(String, UInt64?, Int, String)])
  func malformedHeadersAreNamed(json: String, length: UInt64?, data: Int, expected: String) throws {
    let path = try place(json: json, length: length, data: data)
    let message = fault { _ = try SafetensorsFile(path) }
    #expect(message?.place.hasPrefix(path) == true)
    #expect(message?.expected?.contains(expected) == true, "\(String(describing: message))")
  }

  @Test func deepNestingIsAFault() throws {
    let path = try place(json: "{\"a\":" + String(repeating: "[", count: 1_000_000))
    #expect(fault { _ = try SafetensorsFile(path) }?.expected?.contains("nesting") == true)
  }

  @Test func shortFilesDirectoriesAndMissingFilesAreFaults() throws {
    #expect(fault { _ = try SafetensorsFile(try self.place([1, 2])) }?.expected == "at least 8 bytes")
    #expect(fault { _ = try SafetensorsFile(self.directory) }?.expected == "a file")
    #expect(fault { _ = try SafetensorsFile("\(self.directory)/none") }?.found == "No such file or directory")
  }

  @Test func aFileThatShrinksWhileOpenIsAFault() throws {
    let path = try place(try content(fixture("safetensors-types.safetensors")))
    let file = try SafetensorsFile(path)
    #expect(truncate(path, off_t(try content(path).count - 1)) == 0)
    #expect(fault { _ = try file.bytes("flag") } != nil)
  }

  @Test func damageIsAFaultOrHarmless() throws {
    let whole = try content(fixture("safetensors-types.safetensors"))
    var state: UInt64 = 11
    func draw(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    for round in 0..<600 {
      var bytes = whole
      for _ in 0...draw(3) { bytes[draw(round % 2 == 0 ? 16 : bytes.count)] = UInt8(draw(256)) }
      if round % 3 == 0 { bytes.removeLast(draw(bytes.count)) }
      let path = try place(bytes)
      do {
        let file = try SafetensorsFile(path)
        for entry in file.entries { #expect(try file.bytes(entry.name).count == entry.bytes.count) }
      } catch { #expect(error is Fault) }
    }
  }

  @Test func writingRefusesRepeatedNamesAndLeavesNothingOnFailure() throws {
    let path = "\(directory)/out.safetensors"
    let tensor = SafetensorsTensor("a", shape: [2], values: [1, 2])
    #expect(fault { try SafetensorsWriter.write([tensor, tensor], to: path) }?.found == "a again")
    let reserved = SafetensorsTensor("__metadata__", shape: [], values: [1])
    #expect(fault { try SafetensorsWriter.write([reserved], to: path) } != nil)
    let failing = SafetensorsTensor("b", shape: [2]) { _ in throw Fault("no content", at: "b") }
    #expect(fault { try SafetensorsWriter.write([tensor, failing], to: path) }?.place == "b")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    #expect(fault { try SafetensorsWriter.write([tensor], to: "\(self.directory)/no/where") } != nil)
    try SafetensorsWriter.write([], to: path)
    #expect(try SafetensorsFile(path).entries.isEmpty)
  }
}
