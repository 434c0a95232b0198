import Essentials

/// No map has a larger value, and no station lies farther away: what has is damaged, and would overflow in sums of squares.
enum LargestCredible {
  /// In any unit; gains lie within some hundred dB.
  static let value: Float = 1e6
  /// Of a station's coordinate [m]; those of map projections have eight digits at most.
  static let coordinate: Float = 1e8
}

/// Throws at the first station that lies nowhere.
///
/// - Parameters:
///   - stations: (x, y, z) [m].
///   - name: the name of the sample at a position.
///   - place: the file and data set, for the message.
func requireCredible(stations: [SIMD3<Float>], at place: String, _ name: (_ position: Int) -> Int) throws {
  for (position, station) in stations.enumerated() {
    let coordinates = [station.x, station.y, station.z]
    guard let wrong = coordinates.first(where: { !(abs($0) <= LargestCredible.coordinate) }) else { continue }
    throw Fault(
      "a station lies nowhere", at: place, expected: "x, y and z in m, numbers below \(LargestCredible.coordinate)",
      found: "\(wrong) in sample \(name(position))", hint: "the file is damaged: make it again")
  }
}

/// Throws at the first value that is no finite number, or no credible one, at a valid place.
///
/// - Parameters:
///   - values: the maps `[sample, y, x]`.
///   - samples: the maps' names, for the message.
///   - columns: grid lines in x.
///   - masks: the masks, or nil when every place is valid.
///   - place: the file and data set, for the message.
func requireFinite(
  _ values: UnsafeBufferPointer<Float>, samples: [String], columns: Int, masks: [Mask]?, at place: String
) throws {
  guard !samples.isEmpty else { return }
  let size = values.count / samples.count
  for (position, sample) in samples.enumerated() {
    let map = UnsafeBufferPointer(rebasing: values[position * size..<(position + 1) * size])
    // Not finite times zero is not a number: one sum tells of them all.
    var trace: Float = 0, largest: Float = 0
    for value in map {
      trace += value * 0
      largest = max(largest, abs(value))
    }
    if trace == 0, largest <= LargestCredible.value { continue }
    for index in map.indices where !(abs(map[index]) <= LargestCredible.value) && masks?[position][index] != false {
      let found = "\(map[index]) in sample \(sample), row \(index / columns), column \(index % columns)"
      guard !map[index].isFinite else {
        throw Fault(
          "a map has a value that no channel has", at: place, expected: "numbers below \(LargestCredible.value)",
          found: found, hint: "the file is damaged, or holds something else")
      }
      throw Fault(
        "a map has a value that is no finite number", at: place,
        expected: "numbers, or a mask of valid places",
        found: found,
        hint: "mark such places with a data set \"valid\" (uint8, 0 where the map holds nothing)")
    }
  }
}
