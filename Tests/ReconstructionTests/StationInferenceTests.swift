import Conditioning
import Essentials
import Interpolation
import MapStorage
import MessagePassing
import Records
import Runs
import Tensors
import Testing
import TestSupport

@testable import Reconstruction

/// Maps of stations from those of others: which are chosen, what is refused, and what comes out.
@Suite struct StationInferenceTests {
  private let directory: Scratch
  private let world: Communicator
  private var data: String { directory.file("city.h5") }

  /// Three environments of six stations, 8 x 8 places 2 m apart, two of them buildings.
  init() throws {
    directory = Scratch()
    world = try Communicator.world()
    var description = MapSetDescription(rows: 8, columns: 8, area: Area(spacing: 2, originX: 10, originY: 20))
    (description.hasEnvironments, description.hasValid) = (true, true)
    let writer = try MapSetWriter.create(path: data, description: description, count: 18, communicator: world)
    try writer.write(
      MapBlock(
        first: 0, maps: (0..<18).map(Self.map), stations: (0..<18).map(Self.station),
        environments: (0..<18).map { Int32(5 + $0 / 6) }, masks: (0..<18).map { _ in Self.mask }))
    try writer.close()
  }

  private static let mask = Mask((0..<64).map { $0 != 9 && $0 != 10 })

  private static func station(_ number: Int) -> SIMD3<Float> {
    SIMD3(Float(10 + number * 5 % 14), Float(20 + number * 7 % 13), 3)
  }

  private static func map(_ number: Int) -> ChannelFingerprint {
    ChannelFingerprint(
      rows: 8, columns: 8,
      values: (0..<64).map { mask[$0] ? -60 - Float($0 * (number + 3) % 37) : -147 })
  }

  private func infer(
    _ name: String, _ targets: InferenceTargets, _ change: (inout InferenceRequest) -> Void = { _ in }
  ) throws -> MapSetReader {
    var request = InferenceRequest(data: data, targets: targets, output: directory.file(name))
    change(&request)
    try StationInference.run(
      request, .distanceWeighting(DistanceWeighting()), communicator: world, engine: Engine(threads: 1),
      progress: .silent)
    return try MapSetReader(path: request.output)
  }

  /// The same targets for any number of sources; stations, environments and masks are the truth's.
  @Test func heldTargets() throws {
    let few = try infer("few.h5", .held(2)) { $0.sources = 1 }, many = try infer("many.h5", .held(2))
    let all = Array(0..<6)
    let samples = try #require(try few.sampleIndices(indices: all))
    #expect(try samples == many.sampleIndices(indices: all) && Set(samples).count == 6)
    #expect(try few.environments(indices: all) == [5, 5, 6, 6, 7, 7])
    #expect(samples.allSatisfy { (0..<18).contains($0) })
    #expect(try few.stations(indices: all) == samples.map(Self.station))
    #expect(try few.masks(indices: all) == samples.map { _ in Self.mask })
    #expect(few.description.reconstruction?.method == "distance weighting")
    #expect(few.description.reconstruction?.magnification == nil)
    // One source is the map itself.
    let copy = try few.read(indices: [0])[0]
    #expect(
      (0..<6).contains { number in
        Self.mask.flags.indices.allSatisfy { !Self.mask[$0] || copy.values[$0] == Self.map(number).values[$0] }
      })
    #expect(try many.read(indices: [0]) != few.read(indices: [0]))
  }

  /// A place of a station that is known: with a high power its own map. Places without a value hold none.
  @Test func newPlaces() throws {
    let place = Self.station(8)
    let reader = try infer("new.h5", .places([place, place + SIMD3(2, 0, 0)])) { $0.environments = [6] }
    #expect(reader.count == 2 && reader.description.reconstruction == nil)
    #expect(try reader.stations(indices: [0, 1]) == [place, place + SIMD3(2, 0, 0)])
    #expect(try reader.masks(indices: [0]) == [Self.mask])
    let weighting = DistanceWeighting(power: 60)
    let near = weighting.weights([SIMD2(0, 0), SIMD2(4, 4)], at: SIMD2(0.5, 0))
    #expect(abs(near[0] - 1) < 1e-9 && abs(near.reduce(0, +) - 1) < 1e-12)
    // Where the nearest holds nothing, the farthest counts, be its weight ever so small.
    let maps = [
      StationMap(ChannelFingerprint(rows: 1, columns: 2, values: [-70, 0]), mask: Mask([true, false])),
      StationMap(ChannelFingerprint(rows: 1, columns: 2, values: [-90, -80])),
    ]
    let far = weighting.map(of: maps, at: [SIMD2(0, 0), SIMD2(0, 40)], for: SIMD2(0, 0))
    #expect(far.values == [-70, -80])
  }

  /// Holes of all maps are holes; a map without a mask has none.
  @Test func placesOfSomeMap() {
    func map(_ flags: [Bool]?) -> StationMap {
      StationMap(ChannelFingerprint(rows: 1, columns: 3, repeating: -60), mask: flags.map { Mask($0) })
    }
    let two = [map([true, false, false]), map([false, false, true])]
    #expect(Mask.union(of: two) == Mask([true, false, true]))
    #expect(Mask.union(of: two + [map(nil)]) == nil && Mask.union(of: []) == nil)
  }

  @Test func whatIsRefused() throws {
    func refusal(_ targets: InferenceTargets, _ change: (inout InferenceRequest) -> Void = { _ in }) -> Fault? {
      fault { _ = try infer("no.h5", targets, change) }
    }
    #expect(refusal(.held(6))?.expected == "7 stations at least")
    #expect(refusal(.held(2)) { $0.sources = 5 }?.place.hasSuffix("/environment") == true)
    #expect(refusal(.held(1)) { $0.environments = [4] }?.found == "4")
    #expect(refusal(.places([Self.station(0)]))?.expected == "one, chosen by `environment`")
    let outside = refusal(.places([SIMD3(8, 30, 1)])) { $0.environments = [5] }
    #expect(outside?.place == "`at`" && outside?.found == "(8.0, 30.0) m")
    #expect(refusal(.held(1)) { $0.split = .test }?.place == "`split`")
    #expect(refusal(.held(1)) { $0.sampling.draws = 2 }?.place == "`draws`")
  }
}
