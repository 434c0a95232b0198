import ChannelModels
import Computing
import Essentials
import Interpolation
import MapStorage
import MessagePassing
import Reconstruction
import Records
import Runs
import Tensors

/// What tells the map of a station that is not there.
public enum DeploymentMethod {
  /// What infers maps from those of others.
  case inference(InferenceMethod, SamplingRequest)
  /// The urban simulator with a configuration's law and height of buildings, among those that the known maps' masks show.
  case simulator(UrbanConfiguration)

  /// As it stands in tables.
  var title: String {
    switch self {
    case .inference(.model(let trained), _): trained.title
    case .inference(.distanceWeighting, _): DistanceWeighting.name
    case .simulator: "simulator"
    }
  }
}

/// Looks at every place where a station may stand.
enum DeploymentSearch {
  /// A rank's candidates: whole batches, since maps that are inferred together may depend on each other.
  ///
  /// - Parameters:
  ///   - count: how many candidates there are.
  ///   - batch: candidates that are looked at together.
  ///   - communicator: the ranks.
  static func share(of count: Int, batch: Int, _ communicator: Communicator) -> Range<Int> {
    let batches = Share.range(
      of: (count + batch - 1) / batch, rank: communicator.rank, size: communicator.size)
    return min(batches.lowerBound * batch, count)..<min(batches.upperBound * batch, count)
  }

  /// Collective. The gains of all candidates, whose batches are shared out over the ranks: the same on any number of them.
  ///
  /// - Parameters:
  ///   - problem: where, and what for.
  ///   - method: what tells a candidate's map.
  ///   - batch: candidates that are looked at together.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - progress: told after each batch how many of this rank's share are done; nil for nobody.
  /// - Returns: the gains, on every rank.
  static func gains(
    _ problem: DeploymentProblem, _ method: DeploymentMethod, batch: Int, communicator: Communicator, engine: Engine,
    progress: ((_ done: Int) -> Void)? = nil
  ) throws -> DeploymentGains {
    let predict = try predictor(problem, method, communicator, engine)
    let share = Self.share(of: problem.candidates.count, batch: batch, communicator)
    let places = problem.places
    let own: [Float] = try communicator.agree("infer maps of candidates") {
      var found: [Float] = []
      for first in stride(from: share.lowerBound, to: share.upperBound, by: batch) {
        let some = problem.candidates[first..<min(first + batch, share.upperBound)]
        for map in try predict(some.map(problem.station)) { found += places.map { map.values[$0] } }
        progress?(found.count / places.count)
      }
      return found
    }
    let all = try communicator.allGather(own).flatMap(\.self)
    return DeploymentGains(
      regionCounts: problem.regionPlaces.map(\.count),
      values: problem.candidates.indices.map { Array(all[$0 * places.count..<($0 + 1) * places.count]) })
  }

  /// Collective. Tells the maps of some stations.
  static func predictor(
    _ problem: DeploymentProblem, _ method: DeploymentMethod, _ communicator: Communicator, _ engine: Engine
  ) throws -> ([SIMD3<Float>]) throws -> [ChannelFingerprint] {
    switch method {
    case .simulator(let configuration):
      let surroundings = try communicator.agree("look at the buildings") {
        try UrbanSurroundings(
          outdoors: problem.outdoors, rows: problem.rows, columns: problem.columns, area: problem.area,
          law: configuration.law, buildingHeight: configuration.buildingHeight, threads: engine.threads)
      }
      return { stations in engine.threads.map(stations) { surroundings.map(of: $0) } }
    case .inference(let inference, let request):
      let geometry = ObservationGeometry(
        .stations, rows: problem.rows, columns: problem.columns, area: problem.area, at: problem.sources[0].place)
      let estimator = try inference.estimator(request, geometry, communicator, engine)
      return { stations in
        let observation = StationsObservation(sources: problem.sources, targets: stations)
        return try estimator.estimate([.stations(observation)], keys: [Int(problem.environment)])[0].map(\.map)
      }
    }
  }
}
