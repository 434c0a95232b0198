import Foundation
import Records

/// A finished block of samples, in a file of its own whose name tells which samples and the check sum of its bytes:
/// "samples-64-16-9ae16a3b2f90404f.h5" holds 16 samples from number 64 on.
///
/// The name is given when the file is whole and on the disk, so a part is either sound or damaged, never half written.
struct MapPart: Codable, Equatable {
  /// The samples.
  let samples: Range<Int>
  /// XXH64 of the file, 16 hexadecimal digits.
  let checksum: String

  private static let prefix = "samples-"
  /// What files are called while they are written.
  static let unfinishedPrefix = "unfinished-"

  init(samples: Range<Int>, checksum: String) {
    self.samples = samples
    self.checksum = checksum
  }

  /// Of a file's name; nil when it is no part's.
  init?(name: String) {
    guard name.hasPrefix(Self.prefix), name.hasSuffix(".h5") else { return nil }
    let words = name.dropFirst(Self.prefix.count).dropLast(3).split(
      separator: "-", omittingEmptySubsequences: false)
    guard words.count == 3, let first = Int(words[0]), let count = Int(words[1]), first >= 0, count > 0,
      !first.addingReportingOverflow(count).overflow
    else { return nil }
    self.init(samples: first..<first + count, checksum: String(words[2]))
    guard self.name == name else { return nil }
  }

  /// The file's name.
  var name: String { "\(Self.prefix)\(samples.lowerBound)-\(samples.count)-\(checksum).h5" }

  /// Writes a block as a part.
  ///
  /// - Parameters:
  ///   - block: samples that fit the description.
  ///   - description: what the data set holds.
  ///   - directory: where parts are.
  ///   - target: the data set's name, for messages.
  ///   - rank: tells this process's files from those of others.
  static func write(
    _ block: MapBlock, of description: MapSetDescription, in directory: String, target: String, rank: Int
  ) throws -> MapPart {
    let path = "\(directory)/\(unfinishedPrefix)\(rank)-\(getpid()).h5"
    do {
      // What a killed process of this number has left, or a link.
      unlink(path)
      let count = block.maps.count
      let bytes = count * description.bytesPerSample + description.tableBytes(count)
      // Twice, since creating the file empties it: first whether there is room at all.
      var look = DiskRoom(path: path, target: target)
      try look.reserve(bytes)
      try MapSetLayout(path: path, description: description, count: count).create()
      var room = DiskRoom(path: path, target: target)
      try room.reserve(bytes)
      let file = try SampleFile(path: path, description: description)
      try file.write(block, at: 0)
      try file.close()
      try room.settle()
      let part = MapPart(samples: block.first..<block.first + count, checksum: try checksum(of: path))
      guard rename(path, "\(directory)/\(part.name)") == 0 else {
        throw Files.systemFault("cannot name the file", at: "\(directory)/\(part.name)")
      }
      try Files.synchronise(directory, what: "cannot write the directory")
      return part
    } catch {
      unlink(path)
      throw error
    }
  }

  /// Whether the file has the bytes that it was written with. libhdf5 is not given a damaged file.
  func isSound(in directory: String) -> Bool {
    (try? Self.checksum(of: "\(directory)/\(name)")) == checksum
  }

  private static func checksum(of path: String) throws -> String {
    try Checksum.of(file: path, what: "cannot read the finished samples").sum
  }
}

extension [MapPart] {
  /// The samples below `count` that no part holds, in order.
  func missing(of count: Int) -> [Range<Int>] {
    var missing: [Range<Int>] = []
    var covered = 0
    for samples in map(\.samples).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if samples.lowerBound > covered { missing.append(covered..<samples.lowerBound) }
      covered = Swift.max(covered, samples.upperBound)
    }
    return covered < count ? missing + [covered..<count] : missing
  }
}
