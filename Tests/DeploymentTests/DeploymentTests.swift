import ChannelModels
import Essentials
import Foundation
import MapStorage
import MessagePassing
import Tensors
import Testing
import TestSupport

@testable import Deployment

/// Where a station is best placed: against all choices tried one by one, and in a city whose answer is plain.
@Suite struct DeploymentTests {
  /// Three regions of places, seven candidates.
  private let gains = DeploymentGains(
    regionCounts: [2, 1, 2],
    values: (0..<7).map { candidate in (0..<5).map { Float(-60 - (candidate * 17 + $0 * 29) % 41) } })

  /// All pairs and single ones, by the words of the documentation.
  @Test(arguments: [nil, -95, -85, -75, -62, -40] as [Double?], [1, 2]) func againstAllChoices(
    threshold: Double?, count: Int
  ) {
    let choice = gains.best(threshold: threshold, stations: count)
    let all = (0..<7).flatMap { a in (0..<7).filter { count == 1 ? $0 == a : $0 > a }.map { [a, $0] } }
    let coverages = all.map { pair in
      gains.coverage((0..<5).map { max(gains.values[pair[0]][$0], gains.values[pair[1]][$0]) })
    }
    let feasible = coverages.filter { $0.leastOfAll >= threshold ?? -.infinity }
    #expect(choice.isFeasible == !feasible.isEmpty && choice.candidates.count == count)
    let best = feasible.isEmpty ? coverages.map(\.leastOfAll).max() : feasible.map(\.meanOfAll).max()
    #expect((feasible.isEmpty ? choice.coverage.leastOfAll : choice.coverage.meanOfAll) == best)
  }

  private static let size = 24
  private static let area = Area(spacing: 4, originX: 4, originY: 4)
  /// A street beside a wall.
  private static let mask = Mask((0..<size * size).map { !(8..<16).contains($0 / size) || $0 % size > 20 })
  private static let region = CoverageRegion(left: 20, bottom: 80, right: 30, top: 90)

  /// A data set of two stations in that street.
  private func street(_ directory: Scratch, _ world: Communicator) throws -> String {
    let surroundings = try UrbanSurroundings(
      outdoors: Self.mask, rows: Self.size, columns: Self.size, area: Self.area)
    let stations = [SIMD3<Float>(12, 12, 1.5), SIMD3<Float>(80, 80, 1.5)]
    let data = directory.file("street.h5")
    var description = MapSetDescription(rows: Self.size, columns: Self.size, area: Self.area)
    (description.hasEnvironments, description.hasValid) = (true, true)
    let writer = try MapSetWriter.create(path: data, description: description, count: 2, communicator: world)
    try writer.write(
      MapBlock(
        first: 0, maps: stations.map(surroundings.map), stations: stations, environments: [3, 3],
        masks: [Self.mask, Self.mask]))
    try writer.close()
    return data
  }

  /// What no place, no region and no city can be found for is told, whatever the numbers.
  @Test func whatIsRefused() throws {
    let directory = Scratch(), world = try Communicator.world(), data = try street(directory, world)
    let engine = Engine(threads: 1), simulator = DeploymentMethod.simulator(UrbanConfiguration())
    func refusal(_ change: (inout DeploymentRequest) -> Void) -> Fault? {
      var request = DeploymentRequest(data: data, regions: [Self.region], output: directory.file("report"))
      request.spacing = 8
      change(&request)
      return fault {
        try DeploymentPlan.run(request, simulator, communicator: world, engine: engine, progress: .silent)
      }
    }
    for far in [1e4, 1e300] { #expect(refusal { $0.spacing = far }?.place == "`every`") }
    #expect(refusal { ($0.spacing, $0.stations) = (40, 5) }?.place == "`new_stations`")
    let trial = fault {
      try DeploymentTrial.run(
        DeploymentTrial.Request(data: data, sources: 3, output: directory.file("trial")), [simulator], truth: simulator,
        communicator: world, engine: engine, progress: .silent)
    }
    #expect(trial?.place.hasSuffix("street.h5:/environment") == true)
  }

  /// The simulator's buildings are as high as the data's: low ones are seen over.
  @Test func buildingsAreAsHighAsTheyWere() throws {
    let directory = Scratch(), world = try Communicator.world(), data = try street(directory, world)
    let problem = try DeploymentPlan.problem(DeploymentRequest(data: data, regions: [Self.region], output: ""))
    func gains(_ height: Double) throws -> DeploymentGains {
      var configuration = UrbanConfiguration()
      configuration.buildingHeight = height
      return try DeploymentSearch.gains(
        problem, .simulator(configuration), batch: 7, communicator: world, engine: Engine(threads: 2))
    }
    for height in [2.0, 25.0] {
      let surroundings = try UrbanSurroundings(
        outdoors: Self.mask, rows: Self.size, columns: Self.size, area: Self.area, buildingHeight: height)
      let map = surroundings.map(of: problem.station(at: problem.candidates[0]))
      #expect(try gains(height).values[0] == problem.places.map { map.values[$0] })
    }
    #expect(try gains(2).values != gains(25).values)
  }

  /// Maps of one row have no squares, but lines.
  @Test func aTrialOnALine() throws {
    let directory = Scratch(), world = try Communicator.world(), data = directory.file("line.h5")
    let writer = try MapSetWriter.create(
      path: data, description: MapSetDescription(rows: 1, columns: 12), count: 2, communicator: world)
    let map = ChannelFingerprint(rows: 1, columns: 12, values: (0..<12).map { -60 - Float($0) })
    try writer.write(MapBlock(first: 0, maps: [map, map], stations: [SIMD3(1, 0, 2), SIMD3(9, 0, 2)]))
    try writer.close()
    let simulator = DeploymentMethod.simulator(UrbanConfiguration())
    let tried = try DeploymentTrial.run(
      DeploymentTrial.Request(data: data, sources: 2, output: directory.file("trial")), [simulator], truth: simulator,
      communicator: world, engine: Engine(threads: 1), progress: .silent)
    #expect(tried.rows.count == 1 && tried.rows[0].lostMean[0] == 0)
  }

  /// Who is to cover a place stands in sight of it; files say so.
  @Test func inAStreet() throws {
    let directory = Scratch(), world = try Communicator.world(), data = try street(directory, world)
    var request = DeploymentRequest(data: data, regions: [Self.region], output: directory.file("report"))
    request.spacing = 8
    request.thresholds = [-80]
    let plan = try DeploymentPlan.run(
      request, .simulator(UrbanConfiguration()), communicator: world, engine: Engine(threads: 2), progress: .silent)
    #expect(plan.environment == 3 && plan.sources == 2 && plan.rows.count == 2 && plan.rows[1].isFeasible)
    #expect((15...35).contains(plan.rows[0].stations[0][0]) && (75...95).contains(plan.rows[0].stations[0][1]))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: request.output).sorted() == [
        "candidates.csv", "deployment.json", "deployment.md", "deployment.png",
      ])
    let inside = CoverageRegion(left: 20, bottom: 40, right: 30, top: 50)
    request.regions = [inside]
    let refused = fault {
      try DeploymentPlan.run(
        request, .simulator(UrbanConfiguration()), communicator: world, engine: Engine(threads: 1), progress: .silent)
    }
    #expect(refused?.place == "`region` 20.0,40.0,30.0,50.0")
    var trial = DeploymentTrial.Request(data: data, sources: 2, output: directory.file("trial"))
    trial.spacing = 8
    let tried = try DeploymentTrial.run(
      trial, [.simulator(UrbanConfiguration())], truth: .simulator(UrbanConfiguration()), communicator: world,
      engine: Engine(threads: 1),
      progress: .silent)
    #expect(tried.rows.count == 1 && tried.rows[0].lostMean[0] == 0 && tried.rows[0].lostLeast[0] == 0)
    #expect(tried.rows[0].lostMean[1] >= 0 && tried.methods == ["simulator", "chance"])
  }
}
