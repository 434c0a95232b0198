import Essentials

/// Throws at the first value that is no finite number at a valid place.
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
    var trace: Float = 0
    for value in map { trace += value * 0 }
    if trace == 0 { continue }
    for index in map.indices where !map[index].isFinite && masks?[position][index] != false {
      throw Fault(
        "a map has a value that is no finite number", at: place,
        expected: "numbers, or a mask of valid places",
        found: "\(map[index]) in sample \(sample), row \(index / columns), column \(index % columns)",
        hint: "mark such places with a data set \"valid\" (uint8, 0 where the map holds nothing)")
    }
  }
}
