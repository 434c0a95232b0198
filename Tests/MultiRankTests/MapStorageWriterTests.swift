import Essentials
import Foundation
import MapStorage
import MessagePassing
import Testing
import TestSupport

extension MultiRank {
  @Suite(.serialized) struct MapStorageWriter {
    let world: Communicator
    /// One directory for all ranks, made by the root.
    let directory: String
    private let count = 37
    private let description = MapSetDescription(
      rows: 9, columns: 7, layers: [MapLayer(name: "deviation", longName: "deviation", units: "dB")],
      hasEnvironments: true, hasValid: true)

    init() throws {
      let world = try Communicator.world()
      self.world = world
      directory = try world.onRoot {
        let path = NSTemporaryDirectory() + "map-storage-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
      }
    }

    private func end() throws {
      try world.barrier()
      if world.isRoot { try? FileManager.default.removeItem(atPath: directory) }
    }

    private func thrown(_ body: () throws -> Void) -> Fault? {
      do { try body() } catch { return error as? Fault }
      return nil
    }

    private func map(_ sample: Int, _ scale: Float = 1) -> ChannelFingerprint {
      let values = (0..<63).map { scale * (Float(sample) + Float($0) / 64) }
      return ChannelFingerprint(rows: 9, columns: 7, values: values)
    }

    private func block(_ samples: Range<Int>) -> MapBlock {
      MapBlock(
        first: samples.lowerBound, maps: samples.map { map($0) },
        stations: samples.map { SIMD3(Float($0), 1, 25) }, environments: samples.map { Int32($0) },
        masks: samples.map { Mask([Bool](repeating: $0 % 2 == 1, count: 63)) },
        layers: ["deviation": samples.map { map($0, -1) }])
    }

    private func requireContent(_ path: String) throws {
      let reader = try MapSetReader(path: path)
      let all = Array(0..<count)
      #expect(reader.count == count)
      #expect(try reader.read(indices: all) == all.map { map($0) })
      #expect(try reader.read(layer: "deviation", indices: all) == all.map { map($0, -1) })
      #expect(try reader.stations(indices: all)?.map(\.x) == all.map { Float($0) })
      #expect(try reader.environments(indices: all) == all.map { Int32($0) })
      #expect(try reader.masks(indices: all)?.map { $0[62] } == all.map { $0 % 2 == 1 })
    }

    @Test func rowsOfAllRanksMakeOneFile() throws {
      let path = directory + "/maps.h5"
      let writer = try MapSetWriter.create(
        path: path, description: description, count: count, communicator: world)
      // Uneven blocks, and in the last round only rank 0 has any.
      let share = Share.range(of: count - 1, rank: world.rank, size: world.size)
      let middle = share.lowerBound + share.count / 3
      try writer.write(block(share.lowerBound..<middle))
      try writer.write(block(middle..<share.upperBound))
      try writer.write(world.isRoot ? block(count - 1..<count) : nil)
      try writer.write(nil)
      try writer.close()
      try requireContent(path)
      #expect(!FileManager.default.fileExists(atPath: path + ".partial"))
      try end()
    }

    @Test func faultOfOneRankIsRaisedOnAllAndHarmsNothing() throws {
      let path = directory + "/maps.h5"
      let writer = try MapSetWriter.create(
        path: path, description: description, count: count, communicator: world)
      let last = world.rank == world.size - 1
      var wrong = block(Share.range(of: count, rank: world.rank, size: world.size))
      if last { wrong.maps[0][0, 0] = .nan }
      wrong.masks = wrong.masks.map { _ in Mask([Bool](repeating: true, count: 63)) }
      #expect(thrown { try writer.write(wrong) }?.what.contains("no finite number") == true)
      if last { wrong.maps[0] = map(wrong.first) }
      wrong.masks = block(wrong.first..<wrong.first + wrong.maps.count).masks
      try writer.write(wrong)
      try writer.close()
      try requireContent(path)
      try end()
    }

    @Test func ranksThatOverlapAreCaught() throws {
      let path = directory + "/maps.h5"
      let writer = try MapSetWriter.create(
        path: path, description: description, count: count, communicator: world)
      try writer.write(world.isRoot ? block(0..<count) : nil)
      try writer.write(world.rank == world.size - 1 ? block(3..<4) : nil)
      #expect(thrown { try writer.close() }?.found == "38 written")
      #expect(!FileManager.default.fileExists(atPath: path))
      #expect(thrown { try writer.write(nil) }?.what == "the file has been closed")
      try end()
    }

    @Test func namesThatAreTakenOrCannotBeWritten() throws {
      let taken = directory + "/taken.h5"
      if world.isRoot { try Data([1]).write(to: URL(fileURLWithPath: taken)) }
      try world.barrier()
      for path in [taken, directory + "/no/maps.h5", "/proc/maps.h5"] {
        let fault = thrown {
          _ = try MapSetWriter.create(
            path: path, description: description, count: count, communicator: world)
        }
        #expect(fault?.place.hasPrefix(path) == true)
      }
      try end()
    }

    /// Limits the size of this process's files, so it runs under mpirun only: no other suite writes then.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] != nil))
    func fullDiskIsRaisedOnAllAndLeavesNothing() throws {
      let path = directory + "/large.h5"
      let side = 512
      let large = MapSetDescription(rows: side, columns: side, hasStations: false)
      // Noise, which deflate cannot pack.
      let noise = (0..<side * side).map { _ in Float.random(in: -1...1) }
      let map = ChannelFingerprint(rows: side, columns: side, values: noise)
      var before = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
      var limit = rlimit(rlim_cur: 12 << 20, rlim_max: before.rlim_max)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      defer { setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before) }
      let writer = try MapSetWriter.create(
        path: path, description: large, count: 100, communicator: world)
      var written = 0
      let fault = thrown {
        for first in stride(from: 0, to: 100, by: world.size) where first + world.size <= 100 {
          try writer.write(MapBlock(first: first + world.rank, maps: [map]))
          written += 1
        }
      }
      #expect(written > 0 && fault?.what == "there is no room for the file")
      try writer.abandon()
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
      try end()
    }

    @Test func importIsSharedOut() throws {
      let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/maps/foreign.h5").path
      let path = directory + "/imported.h5"
      let options = ImportOptions(maps: "NLOS/path_power", stations: "NLOS/bs_xy")
      try MapImporter.run(path: source, options: options, target: path, communicator: world)
      let reader = try MapSetReader(path: path)
      let corners = try reader.read(indices: Array(0..<6)).map { $0[3, 4] }
      let wanted: [Float] = [-82.5, -85.5, -88.5, -91.5, -94.5, -97.5]
      #expect(corners == wanted)
      let wrong = ImportOptions(maps: "NLOS/with_nan")
      let fault = thrown {
        try MapImporter.run(
          path: source, options: wrong, target: path, communicator: world, overwrite: true)
      }
      #expect(fault?.place.contains("/NLOS/with_nan") == true)
      #expect(try MapSetReader(path: path).read(indices: [5])[0][3, 4] == corners[5])
      try end()
    }
  }
}
