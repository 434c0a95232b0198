import Essentials
import Foundation
import MapStorage
import MessagePassing
import Testing
import TestSupport

@testable import Evaluation
@testable import Reconstruction

@Suite struct MeasurementPlanTests {
  static let side = 24
  private let folder = NSTemporaryDirectory() + "plan-" + UUID().uuidString
  private let communicator: Communicator

  init() throws {
    communicator = try Communicator.world()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  /// Waves of two lengths, and another phase in each sample.
  static func truth(_ sample: Int) -> ChannelFingerprint {
    let phase = Double(sample)
    return ChannelFingerprint(
      rows: side, columns: side,
      values: (0..<side * side).map { place in
        let (y, x) = (Double(place / side), Double(place % side))
        return Float(-90 + 5 * sin(y / 4 + phase) * cos(x / 5 - phase) + 3 * sin(x / 7 + y / 9 + 2 * phase))
      })
  }

  /// Long waves, four times the area.
  static func smooth(_ sample: Int) -> ChannelFingerprint {
    let (side, phase) = (2 * side, Double(sample))
    return ChannelFingerprint(
      rows: side, columns: side,
      values: (0..<side * side).map { place in
        let (y, x) = (Double(place / side), Double(place % side))
        return Float(-90 + 5 * sin(y / 9 + phase) * cos(x / 11 - phase) + 3 * sin((x + y) / 14 + 2 * phase))
      })
  }

  private func write(
    _ name: String, _ maps: [ChannelFingerprint], samples: [Int32]? = nil, valid: [[UInt8]]? = nil,
    deviation: [ChannelFingerprint]? = nil
  ) throws -> String {
    let path = "\(folder)/\(name)"
    var description = MapSetDescription(
      rows: maps[0].rows, columns: maps[0].columns, area: Area(), hasStations: false, hasValid: valid != nil)
    if deviation != nil { description.layers = [MapLayer(name: "deviation", longName: "deviation", units: "dB")] }
    if samples != nil {
      description.reconstruction = ReconstructionRecord(
        magnification: 4, data: "maps.h5", model: "run", sampler: "ddim", steps: 20, method: "CGDM")
    }
    let writer = try MapSetWriter.create(
      path: path, description: description, count: maps.count, communicator: communicator, overwrite: true)
    var block = MapBlock(first: 0, maps: maps, masks: (valid ?? []).map { Mask(bytes: $0) })
    if let deviation { block.layers = ["deviation": deviation] }
    block.sampleIndices = samples ?? []
    try writer.write(block)
    try writer.close()
    return path
  }

  private func request(_ data: String, count: Int = 6, sample: Int = 1) -> PlanRequest {
    PlanRequest(
      source: .dataSet(path: data, sample: sample, magnification: 4), count: count, outputDirectory: "\(folder)/out")
  }

  @Test func aPlanIsWrittenWithFallingErrors() throws {
    let data = try write("maps.h5", (0..<2).map(Self.truth))
    let plan = try MeasurementPlan.run(request(data))
    #expect(plan.known == 36 && plan.measurements.count == 6 && plan.uncertainty == "kriging")
    var last = plan.expectedErrorBefore
    for place in plan.measurements {
      #expect(place.expectedError < last)
      last = place.expectedError
      #expect(place.row % 4 != 0 || place.column % 4 != 0)
      #expect(place.x == Double(place.column + 1) && place.y == Double(place.row + 1))
    }
    let csv = try String(contentsOfFile: "\(folder)/out/plan.csv", encoding: .utf8).split(separator: "\n")
    #expect(csv.count == 7 && csv[0] == "order,row,column,x_m,y_m,expected_rmse_db")
    let json = try String(contentsOfFile: "\(folder)/out/plan.json", encoding: .utf8)
    #expect(json.contains("\"known_samples\": 36"))
    #expect(FileManager.default.fileExists(atPath: "\(folder)/out/plan.png"))
  }

  @Test func masksKeepPlansOut() throws {
    let mask = (0..<Self.side * Self.side).map { UInt8($0 % Self.side < 12 ? 1 : 0) }
    let data = try write("masked.h5", [Self.truth(0)], valid: [mask])
    let plan = try MeasurementPlan.run(request(data, sample: 0))
    #expect(plan.known == 18 && plan.measurements.allSatisfy { $0.column < 12 })
  }

  @Test func drawsAndDeviationsSendMeasurementsWhereTheyDiffer() throws {
    let data = try write("maps.h5", (0..<2).map(Self.truth))
    // Draws of sample 1 that differ in the lower right quarter only.
    let draws = (0..<5).map { draw in
      var map = Self.truth(1)
      for row in 12..<24 { for column in 12..<24 { map[row, column] += Float(draw - 2) } }
      return map
    }
    var wanted = request(data, count: 3)
    wanted.draws = try write("draws.h5", draws + [Self.truth(0)], samples: [1, 1, 1, 1, 1, 0])
    let byDraws = try MeasurementPlan.run(wanted)
    #expect(byDraws.uncertainty == "ensemble of 5")
    #expect(byDraws.measurements.allSatisfy { $0.row >= 10 && $0.column >= 10 })

    var deviation = ChannelFingerprint(rows: 24, columns: 24, repeating: 0.1)
    for row in 0..<8 { for column in 14..<24 { deviation[row, column] = 6 } }
    wanted.draws = try write("deviation.h5", [Self.truth(1)], samples: [1], deviation: [deviation])
    let byDeviation = try MeasurementPlan.run(wanted)
    #expect(byDeviation.measurements.allSatisfy { $0.row < 9 && $0.column >= 12 })
  }

  @Test func badRequestsAreFaults() throws {
    let data = try write("maps.h5", (0..<2).map(Self.truth))
    #expect(throws: Fault.self) { try MeasurementPlan.run(request(data, sample: 2)) }
    #expect(throws: Fault.self) { try MeasurementPlan.run(request("\(folder)/nowhere.h5")) }
    var wanted = request(data)
    wanted.draws = try write("one.h5", [Self.truth(1)], samples: [1])
    let fault = #expect(throws: Fault.self) { try MeasurementPlan.run(wanted) }
    #expect(fault?.expected?.contains("several maps of sample 1") ?? false)
    wanted.draws = try write("small.h5", [ChannelFingerprint(rows: 8, columns: 8, repeating: -80)])
    #expect(throws: Fault.self) { try MeasurementPlan.run(wanted) }
    wanted = request(data)
    wanted.source = .dataSet(path: data, sample: 0, magnification: 7)
    #expect(throws: Fault.self) { try MeasurementPlan.run(wanted) }
  }

  @Test func theTrialFindsPlansBetterThanRandomPlaces() throws {
    let data = try write("smooth.h5", (0..<4).map(Self.smooth))
    var request = MeasurementTrial.Request(
      dataPath: data, magnification: 8, count: 12, outputDirectory: "\(folder)/trial")
    request.rounds = 3
    let trial = try MeasurementTrial.run(request, communicator: communicator)
    #expect(trial.rows.count == 4)
    #expect(try #require(trial.gain(of: .plan, over: .random).mean) > 1)
    #expect(try #require(trial.gain(of: .plan, over: .none).mean) > 1)
    #expect(try MeasurementTrial.run(request, communicator: communicator) == trial)
    let text = try String(contentsOfFile: "\(folder)/trial/trial.md", encoding: .utf8)
    #expect(text.contains("plan in 3 rounds"))
  }
}
