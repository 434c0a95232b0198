/// A value of many places at one end of a map's values, far from all others: most likely it stands for no data, or buildings.
struct LoneValue: Codable, Equatable {
  /// How far it is from the next [dB].
  private static let gap: Float = 10
  /// How many of a map's places have it at least: one is a station's, a few may be chance.
  private static let share = 0.002

  /// As the file has it.
  var stored: Float
  /// In decibels.
  var decibels: Float
  /// Places that have it.
  var places: Int
  /// Maps with such places.
  var maps = 1
  /// The least distance from the next value of a map [dB].
  var distance: Float

  /// The same of another map, or other maps.
  mutating func add(_ other: LoneValue) {
    places += other.places
    maps += other.maps
    distance = min(distance, other.distance)
  }

  /// The two least and greatest values of a map, gathered place by place.
  struct Ends {
    private struct End {
      var value: Float
      var stored: Float = 0
      var count = 0
      var next: Float

      mutating func add(_ decibels: Float, _ stored: Float, isBeyond: (Float, Float) -> Bool) {
        if decibels == value {
          count += 1
        } else if isBeyond(decibels, value) {
          (next, value, count, self.stored) = (value, decibels, 1, stored)
        } else if isBeyond(decibels, next) {
          next = decibels
        }
      }
    }

    private var least = End(value: .infinity, next: .infinity)
    private var greatest = End(value: -.infinity, next: -.infinity)
    private var count = 0

    mutating func add(_ decibels: Float, stored: Float) {
      count += 1
      least.add(decibels, stored, isBeyond: <)
      greatest.add(decibels, stored, isBeyond: >)
    }

    /// Ends that stand alone.
    var lone: [LoneValue] {
      [least, greatest].compactMap { end in
        let distance = abs(end.value - end.next)
        guard distance.isFinite, distance >= LoneValue.gap, end.count > 3,
          Double(end.count) >= LoneValue.share * Double(count)
        else { return nil }
        return LoneValue(stored: end.stored, decibels: end.value, places: end.count, distance: distance)
      }
    }
  }
}
