import Essentials
import Evaluation
import Foundation
import MapStorage
import MessagePassing
import Testing

extension MultiRank {
  @Suite(.serialized) struct Evaluation {
    private static func map(_ sample: Int) -> ChannelFingerprint {
      ChannelFingerprint(
        rows: 16, columns: 16,
        values: (0..<256).map { -100 + Float(($0 * (sample + 3)) % 41) + Float($0 / 16) / 4 })
    }

    @Test func theReportDoesNotDependOnTheNumberOfRanks() throws {
      let world = try Communicator.world()
      let directory = try world.onRoot {
        let path = NSTemporaryDirectory() + "evaluation-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
      }
      // Fewer maps than four ranks have, so that one has none.
      let count = 3
      let record = ReconstructionRecord(magnification: 2, data: "maps.h5", method: "CGDM")
      for (name, made) in [("maps.h5", ReconstructionRecord?.none), ("fine.h5", record)] {
        let writer = try MapSetWriter.create(
          path: "\(directory)/\(name)",
          description: MapSetDescription(rows: 16, columns: 16, hasStations: false, reconstruction: made),
          count: count, communicator: world)
        let block = MapBlock(
          first: 0, maps: (0..<count).map { Self.map(made == nil ? $0 : 10 - $0) },
          sampleIndices: made == nil ? [] : [2, 0, 1])
        try writer.write(world.isRoot ? block : nil)
        try writer.close()
      }
      let together = try run(directory, "together", world)
      let single = try #require(try world.split(color: world.rank))
      let alone = try run(directory, "alone-\(world.rank)", single)
      #expect(together == alone)
      #expect(together.rows.map(\.sample) == [2, 0, 1])
      #expect(throws: Fault.self) { try run("\(directory)/missing", "report", world) }
      try world.barrier()
      if world.isRoot { try? FileManager.default.removeItem(atPath: directory) }
    }

    private func run(_ directory: String, _ name: String, _ ranks: Communicator) throws -> EvaluationReport {
      try Evaluator.run(
        dataPath: "\(directory)/maps.h5", reconstructionPaths: ["\(directory)/fine.h5"],
        outputDirectory: "\(directory)/\(name)", communicator: ranks)
    }
  }
}
