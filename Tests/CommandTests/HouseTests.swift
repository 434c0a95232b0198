import Foundation
import Models
import Testing

/// What holds of the sources as a whole.
@Suite struct HouseTests {
  private static let system: Set = ["Dispatch", "Foundation", "Synchronization", "Testing"]

  /// Files below a folder of the repository, by the ends of their names.
  static func files(_ folder: String, _ ends: [String]) throws -> [String] {
    let root = "\(Command.repository)/\(folder)"
    return try FileManager.default.subpathsOfDirectory(atPath: root).filter { path in
      ends.contains { path.hasSuffix($0) }
    }.map { "\(root)/\($0)" }
  }

  static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  /// What the files of a folder import, without what comes with the toolchain.
  private static func imports(_ folder: String) throws -> Set<String> {
    var found: Set<String> = []
    for file in try files(folder, [".swift"]) {
      for line in try text(file).split(separator: "\n") {
        if let match = line.firstMatch(of: /^(?:@\w+ +)*(?:public +)?import +(?:\w+ +)?(\w+)/) {
          found.insert(String(match.1))
        }
      }
    }
    return found.subtracting(system)
  }

  /// Targets of one kind in `Package.swift`, and what they depend on.
  private static func targets(_ kind: String, of package: String) throws -> [String: Set<String>] {
    let entry = try Regex<(Substring, Substring, Substring)>(#"\b\#(kind)\(\s*"(\w+)",\s*\[([^\]]*)\]\)"#)
    var found: [String: Set<String>] = [:]
    for match in package.matches(of: entry) {
      let names = match.2.split(separator: ",").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
      found[String(match.1)] = Set(
        names.filter { !$0.isEmpty }.map { name in
          ["yams": "Yams", "argumentParser": "ArgumentParser"][name] ?? name.trimmingCharacters(in: ["\""])
        })
    }
    return found
  }

  @Test func thePackageListsWhatIsImported() throws {
    let package = try Self.text("\(Command.repository)/Package.swift")
    let libraries = try Self.targets("library", of: package), tests = try Self.targets("tests", of: package)
    #expect(libraries.count > 15 && tests.count > 15)
    for (name, listed) in libraries { #expect(try Self.imports("Sources/\(name)") == listed, "\(name)") }
    for (name, listed) in tests {
      // Tests of the commands run the program, which nothing imports.
      let run: Set = ["ckm", "ckm-trial"]
      #expect(try Self.imports("Tests/\(name)") == listed.subtracting(run), "\(name)")
    }
    // The programs, and what tests share.
    let others = package.matches(
      of: /\.(?:executableTarget|target)\(\s*name: "([\w-]+)",\s*dependencies: \[([^\]]*)\](?:,\s*path: "([\w\/]+)")?/)
    let named = others.filter { !$0.1.hasPrefix("C") }
    #expect(named.map { String($0.1) }.sorted() == ["TestSupport", "ckm", "ckm-fuzz", "ckm-trial"])
    for target in named {
      let listed = target.2.split(separator: ",").map {
        $0.trimmingCharacters(in: .whitespacesAndNewlines.union(["\""]))
      }
      let folder = target.3.map(String.init) ?? "Sources/\(target.1)"
      #expect(try Self.imports(folder) == Set(listed.filter { !$0.isEmpty }), "\(target.1)")
    }
    let folders = Set(try FileManager.default.contentsOfDirectory(atPath: "\(Command.repository)/Sources"))
    #expect(Set(libraries.keys).isSubset(of: folders))
    for folder in folders where try !Self.files("Sources/\(folder)", [".swift"]).isEmpty {
      #expect(libraries[folder] != nil || folder == "ckm", "\(folder)")
    }
  }

  @Test func noFileIsLong() throws {
    for file in try Self.files("Sources", [".swift", ".c", ".h"]) + Self.files("Tests", [".swift"]) {
      let lines = try Self.text(file).split(separator: "\n", omittingEmptySubsequences: false).count - 1
      #expect(lines <= 400, "\(file)")
    }
  }

  /// Options are the commands': a library names its own parameters (see `OptionNames`). Keys of a configuration that the
  /// command line sets are the one exception, in the reader that is given them.
  @Test func noLibraryNamesAnOption() throws {
    for file in try Self.files("Sources", [".swift"]) {
      guard !file.contains("/Sources/Commands/"), !file.contains("/Sources/Configuration/") else { continue }
      let named = try Self.text(file).matches(of: /--[a-z][a-z-]+/).map { String($0.0) }
      #expect(named == [], "\(file)")
    }
  }

  /// What works with any family of models names none: a new one changes its own folder and the line that registers it.
  @Test func noFamilyIsNamedOutsideItsFolder() throws {
    let names = Families.all.flatMap { [$0.name, $0.title] } + ["BS-1-to-N", "SRGAN", "DRRN", "C-VAE"]
    let general = [
      "Runs", "Training", "Reconstruction", "Evaluation", "Compression", "Benchmarks", "Commands", "ckm",
    ]
    for folder in general {
      for file in try Self.files("Sources/\(folder)", [".swift"]) {
        for line in try Self.text(file).split(separator: "\n") {
          #expect(!names.contains { line.contains($0) }, "\(file): \(line)")
        }
      }
    }
  }
}
