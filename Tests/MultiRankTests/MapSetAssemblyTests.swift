import Computing
import Essentials
import Foundation
import MapStorage
import MessagePassing
import Testing
import TestSupport

extension MultiRank {
  /// Blocks from all ranks, kept and merged; other numbers of ranks before and after.
  @Suite(.serialized) struct MapSetAssemblies {
    let world: Communicator
    /// One directory for all ranks, made by the root.
    let directory: String
    private let count = 37
    private let pieces = PieceSize(least: 1, most: 4, seconds: 5)
    private let description = MapSetDescription(
      rows: 9, columns: 7, layers: [MapLayer(name: "deviation", longName: "deviation", units: "dB")])

    init() throws {
      let world = try Communicator.world()
      self.world = world
      directory = try world.onRoot {
        let path = NSTemporaryDirectory() + "map-assembly-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
      }
    }

    private func end() throws {
      try world.barrier()
      if world.isRoot { try? FileManager.default.removeItem(atPath: directory) }
    }

    private static func block(_ samples: Range<Int>) -> MapBlock {
      func maps(_ scale: Float) -> [ChannelFingerprint] {
        samples.map { sample in
          ChannelFingerprint(
            rows: 9, columns: 7, values: (0..<63).map { scale * (Float(sample) + Float($0) / 64) })
        }
      }
      return MapBlock(
        first: samples.lowerBound, maps: maps(1), stations: samples.map { SIMD3(Float($0), 1, 25) },
        layers: ["deviation": maps(-1)])
    }

    /// Fills what is missing, at most `most` maps of it; whether it was assembled.
    private func fill(_ path: String, on ranks: Communicator, atMost most: Int = .max) throws -> Int {
      let assembly = try MapSetAssembly.open(
        path: path, description: description, count: count, communicator: ranks)
      var left = most
      let jobs = assembly.missing.map { range in
        defer { left -= min(left, range.count) }
        return range.prefix(left)
      }
      #expect(try ranks.handOut(jobs, pieces: pieces) { try assembly.write(Self.block($0)) })
      if most == .max { try assembly.assemble() } else { try assembly.leave() }
      return assembly.keptCount
    }

    @Test func anyNumberOfRanksMakesTheSameFile() throws {
      let (reference, path) = (directory + "/reference.h5", directory + "/maps.h5")
      let alone = try world.split(color: world.isRoot ? 0 : nil)
      let half = try world.split(color: world.rank < (world.size + 1) / 2 ? 0 : nil)
      if let alone { #expect(try fill(reference, on: alone) == 0) }
      // Half of the ranks begin, all go on, one ends it.
      if let half { #expect(try fill(path, on: half, atMost: 11) == 0) }
      try world.barrier()
      #expect(try fill(path, on: world, atMost: 9) == 11)
      if let alone { #expect(try fill(path, on: alone) == 20) }
      try world.barrier()
      #expect(FileManager.default.contentsEqual(atPath: reference, andPath: path))
      let reader = try MapSetReader(path: path)
      #expect(reader.count == count)
      let all = Array(0..<count)
      #expect(try reader.read(indices: all) == Self.block(0..<count).maps)
      #expect(try reader.read(layer: "deviation", indices: all) == Self.block(0..<count).layers["deviation"])
      #expect(!FileManager.default.fileExists(atPath: path + ".partial"))
      try end()
    }

    @Test func faultOfOneRankKeepsTheBlocksOfAll() throws {
      let path = directory + "/maps.h5"
      let last = world.rank == world.size - 1
      let assembly = try MapSetAssembly.open(
        path: path, description: description, count: count, communicator: world)
      var found: Fault?
      do {
        _ = try world.handOut([0..<count], pieces: PieceSize(least: 1, most: 1, seconds: 5)) { piece in
          var block = Self.block(piece)
          usleep(2000)
          if last, piece.lowerBound > 5 { block.maps[0][0, 0] = .nan }
          try assembly.write(block)
        }
      } catch let fault as Fault { found = fault }
      #expect(found?.what.contains("no finite number") == true)
      try assembly.leave()
      let kept = try fill(path, on: world)
      #expect(kept > 5 && kept < count)
      #expect(try MapSetReader(path: path).read(indices: [count - 1]) == Self.block(count - 1..<count).maps)
      try end()
    }

    /// Limits the size of this process's files, so it runs under mpirun only: no other suite writes then.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] != nil))
    func fullDiskKeepsWhatIsDone() throws {
      let path = directory + "/large.h5"
      let side = 256
      let large = MapSetDescription(rows: side, columns: side, hasStations: false)
      // Noise, which deflate cannot pack: 256 KiB a map.
      let noise = RandomStream(seed: 1, purpose: .test).uniform(side * side, sample: 0)
      let map = ChannelFingerprint(rows: side, columns: side, values: noise)
      var before = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
      // Enough for a block, not for the file.
      var limit = rlimit(rlim_cur: 3 << 20, rlim_max: before.rlim_max)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      func job() throws {
        let assembly = try MapSetAssembly.open(path: path, description: large, count: 20, communicator: world)
        #expect(
          try world.handOut(assembly.missing, pieces: pieces) { piece in
            try assembly.write(MapBlock(first: piece.lowerBound, maps: piece.map { _ in map }))
          })
        defer { #expect(throws: Never.self) { try assembly.leave() } }
        try assembly.assemble()
      }
      var found: Fault?
      do { try job() } catch let fault as Fault { found = fault }
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
      try world.barrier()
      #expect(found?.what == "there is no room for the file")
      #expect(!FileManager.default.fileExists(atPath: path))
      let assembly = try MapSetAssembly.open(path: path, description: large, count: 20, communicator: world)
      #expect(assembly.keptCount == 20)
      try assembly.assemble()
      #expect(try MapSetReader(path: path).read(indices: [19]) == [map])
      try end()
    }
  }
}

extension Range where Bound == Int {
  /// The first `count` of the range.
  fileprivate func prefix(_ count: Int) -> Range<Int> { lowerBound..<lowerBound + Swift.min(count, self.count) }
}
