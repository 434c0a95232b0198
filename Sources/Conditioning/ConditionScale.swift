import Essentials
import MapStorage
import MessagePassing

/// How a layer beside the maps enters a network: masks and other shares as they are, anything else by its mean and deviation
/// over the training set.
public struct ConditionScale: Codable, Equatable, Sendable {
  /// The layer.
  public var name: String
  /// What becomes 0.
  public var mean: Float
  /// What becomes 1 more.
  public var deviation: Float

  /// A layer's numbers as a network sees them.
  func scaled(_ values: [Float]) -> [Float] { values.map { ($0 - mean) / deviation } }

  /// Collective. The scales of layers over a training set, each rank reading its share.
  ///
  /// - Parameters:
  ///   - names: the layers; "valid" is the mask.
  ///   - data: the data sets.
  ///   - samples: the training maps' numbers.
  ///   - communicator: the ranks.
  /// - Throws: `Fault` on all ranks when a data set lacks a layer, or one holds a value that is no number.
  static func measured(
    _ names: [String], of data: MapSetCollection, samples: [Int], communicator: Communicator
  ) throws -> [ConditionScale] {
    guard !names.isEmpty else { return [] }
    let share = Share.range(of: samples.count, rank: communicator.rank, size: communicator.size)
    // Two passes, for sums of squares about the mean. Maps are summed one by one in the order of their numbers, so that
    // the sums are the same on any number of ranks.
    func total(_ term: @escaping (Float, Int) -> Double) throws -> [Double] {
      let own = try communicator.agree("read the layers of the maps") {
        try samples[share].map { sample in
          try data.map(sample, conditions: names).conditions.enumerated().map { layer, values in
            values.reduce(0) { $0 + term($1, layer) }
          }
        }
      }
      let all = try communicator.allGather(value: own).flatMap(\.self)
      return names.indices.map { layer in all.reduce(0) { $0 + $1[layer] } }
    }
    let count = Double(samples.count * data.rows * data.columns)
    let outside = try total { value, _ in value >= 0 && value <= 1 ? 0 : 1 }
    let means = try total { value, _ in Double(value) }.map { $0 / count }
    let squares = try total { value, layer in (Double(value) - means[layer]) * (Double(value) - means[layer]) }
    return names.indices.map { layer in
      guard outside[layer] > 0 else { return ConditionScale(name: names[layer], mean: 0, deviation: 1) }
      let deviation = (squares[layer] / count).squareRoot()
      return ConditionScale(
        name: names[layer], mean: Float(means[layer]), deviation: deviation > 0 ? Float(deviation) : 1)
    }
  }
}
