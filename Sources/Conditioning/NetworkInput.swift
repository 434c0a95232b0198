/// What enters a denoising network: the condition, then the noisy map, place by place.
public enum NetworkInput {
  /// Writes one map's input.
  ///
  /// A state of which nothing is the map's (alphaBar 0) enters as zeros: its noise would only have to be ignored.
  /// - Parameters:
  ///   - input: receives `[places, conditionWidth + mapWidth]`.
  ///   - condition: `[places, conditionWidth]`.
  ///   - state: the noisy map, `[places, mapWidth]`.
  ///   - isInformative: whether anything of the map is left in the state.
  ///   - places: how many places the network's first stage has.
  public static func fill(
    _ input: UnsafeMutablePointer<Float>, condition: [Float], state: UnsafeBufferPointer<Float>,
    isInformative: Bool, places: Int
  ) {
    let before = condition.count / places, width = state.count / places
    condition.withUnsafeBufferPointer { condition in
      guard let from = condition.baseAddress, let noisy = state.baseAddress else { return }
      for place in 0..<places {
        let out = input + place * (before + width)
        out.update(from: from + place * before, count: before)
        if isInformative {
          (out + before).update(from: noisy + place * width, count: width)
        } else {
          (out + before).update(repeating: 0, count: width)
        }
      }
    }
  }
}
