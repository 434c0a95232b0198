import Essentials
import Foundation
import MapStorage
import MessagePassing
import Records
import Testing
import TestSupport

extension MultiRank {
  /// Archives taken by any number of ranks.
  @Suite(.serialized) struct Imports {
    @Test func anyNumberOfRanksMakesTheSameFile() throws {
      let world = try Communicator.world()
      let directory: String = try world.onRoot {
        let path = NSTemporaryDirectory() + "archive-" + UUID().uuidString
        _ = try PublishedArchive(at: path + "/archive", cities: [0, 5, 7])
        return path
      }
      func take(_ name: String, _ ranks: Communicator) throws -> Int? {
        var options = ImportOptions()
        options.radioMapSeer = RadioMapSeerPart(method: "DPM")
        return try MapImporter.runInBlocks(
          path: directory + "/archive", options: options, target: "\(directory)/\(name)", communicator: ranks,
          console: Console(isEnabled: false))?.count
      }
      if let alone = try world.split(color: world.isRoot ? 0 : nil) { #expect(try take("alone.h5", alone) == 18) }
      #expect(try take("maps.h5", world) == 18)
      #expect(FileManager.default.contentsEqual(atPath: directory + "/alone.h5", andPath: directory + "/maps.h5"))
      // One file is damaged: all ranks are told.
      if world.isRoot { #expect(truncate(directory + "/archive/gain/DPM/7_13.png", 1000) == 0) }
      try world.barrier()
      let found = fault { try take("other.h5", world) }
      #expect(found?.place.contains("7_13.png") == true, "\(String(describing: found))")
      try world.barrier()
      if world.isRoot { try? FileManager.default.removeItem(atPath: directory) }
    }
  }
}
