import Foundation
import Testing
import TestSupport
@testable import Records

@Suite struct FilesTests {
  let scratch = Scratch()

  @Test func aFileThatHasTheNameOfATemporaryOneIsNotWritten() throws {
    // What it was called before: everybody could foresee it.
    let secret = scratch.write("secret", [1])
    let path = scratch.file("report.md")
    try FileManager.default.createSymbolicLink(atPath: "\(path).\(getpid()).partial", withDestinationPath: secret)
    try Files.write([2, 3], to: path, what: "cannot write")
    #expect(FileManager.default.contents(atPath: secret) == Data([1]))
    #expect(FileManager.default.contents(atPath: path) == Data([2, 3]))
  }

  @Test func nothingIsLeftOfAWriteThatFails() throws {
    let path = scratch.write("report.md", [1])
    struct Failure: Error {}
    #expect(throws: Failure.self) {
      try Files.write(to: path, what: "cannot write") { sink in
        try [UInt8(2)].withUnsafeBytes { try sink.write($0) }
        throw Failure()
      }
    }
    #expect(scratch.names == ["report.md"])
    #expect(FileManager.default.contents(atPath: path) == Data([1]))
  }

  @Test func directoriesAreMadeWithAllAboveThem() throws {
    try Files.makeDirectory(scratch.file("a/b/c"), what: "cannot make")
    try Files.makeDirectory(scratch.file("a/b/c/"), what: "cannot make")
    _ = scratch.write("file", [1])
    #expect(fault { try Files.makeDirectory(scratch.file("file"), what: "cannot make") }?.found == "File exists")
    #expect(fault { try Files.makeDirectory(scratch.file("file/a"), what: "cannot make") }?.found == "Not a directory")
    #expect(fault { try Files.makeDirectory("/proc/a/b", what: "cannot make") } != nil)
  }

  @Test func aDirectoryOfOnesOwnIsNoLink() throws {
    try Files.makeDirectory(scratch.file("there"), what: "cannot make")
    try FileManager.default.createSymbolicLink(
      atPath: scratch.file("link"), withDestinationPath: scratch.file("there"))
    try Files.makeOwnDirectory(scratch.file("there"), what: "cannot make")
    #expect(fault { try Files.makeOwnDirectory(scratch.file("link"), what: "cannot make") }?.found == "a link")
  }
}
