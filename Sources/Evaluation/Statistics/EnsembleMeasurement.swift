import Essentials
import Interpolation
import MapStorage
import MessagePassing

extension MapEnsemble {
  /// Collective. Measures mean and covariance over the maps of a data set, each rank its share.
  ///
  /// - Parameters:
  ///   - path: the data set.
  ///   - communicator: the ranks.
  /// - Throws: `Fault` on all ranks: a file that cannot be read, maps that do not vary.
  public static func measured(on path: String, communicator: Communicator) throws -> MapEnsemble {
    let reader = try communicator.agree("open the ensemble") { try MapSetReader(path: path) }
    let share = Share.range(of: reader.count, rank: communicator.rank, size: communicator.size)
    let area = reader.description.area
    var trend = MapEnsembleSums.Trend(hasStations: reader.description.hasStations, area: area)
    try communicator.agree("measure the mean") { for number in share { trend.add(try reader.map(number)) } }
    trend.sums = try communicator.allReduce(trend.sums)
    let coefficients = try within(path) {
      try communicator.agree("fit the mean") { [trend] in try trend.coefficients() }
    }
    var sums = MapEnsembleSums(
      trend: coefficients, extent: min(reader.rows, reader.columns), area: area)
    try communicator.agree("measure the covariance") { for number in share { sums.add(try reader.map(number)) } }
    sums.sums = try communicator.allReduce(sums.sums)
    return try within(path) { try communicator.agree("fit the covariance") { [sums] in try sums.ensemble() } }
  }

  /// Faults of a fit name the file that it was made on.
  private static func within<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let fault as Fault { throw fault.within(path) }
  }
}
