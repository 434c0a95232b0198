/// A convex polygon [m], corners anticlockwise: what streets cut a city into.
struct ConvexPolygon {
  var corners: [SIMD2<Double>]

  /// A square around a point, turned.
  init(around middle: SIMD2<Double>, side: Double, along direction: SIMD2<Double>) {
    let across = SIMD2(-direction.y, direction.x), half = side / 2
    corners = [
      middle - direction * half - across * half, middle + direction * half - across * half,
      middle + direction * half + across * half, middle - direction * half + across * half,
    ]
  }

  init(corners: [SIMD2<Double>]) { self.corners = corners }

  var isEmpty: Bool { corners.count < 3 }

  /// [m2]
  var area: Double {
    corners.indices.reduce(0) { sum, index in
      let first = corners[index], second = corners[(index + 1) % corners.count]
      return sum + (first.x * second.y - first.y * second.x) / 2
    }
  }

  var middle: SIMD2<Double> { corners.reduce(SIMD2(0, 0), +) / Double(max(corners.count, 1)) }

  /// The direction of the longest side, and its length.
  var longestSide: (direction: SIMD2<Double>, length: Double) {
    let sides = corners.indices.map { corners[($0 + 1) % corners.count] - corners[$0] }
    let longest = sides.max { $0.squaredLength < $1.squaredLength } ?? SIMD2(1, 0)
    let length = longest.squaredLength.squareRoot()
    return (length > 0 ? longest / length : SIMD2(1, 0), length)
  }

  /// What lies to the left of a line (Sutherland and Hodgman, 1974).
  func leftOf(_ point: SIMD2<Double>, _ direction: SIMD2<Double>) -> ConvexPolygon {
    func height(_ corner: SIMD2<Double>) -> Double {
      direction.x * (corner.y - point.y) - direction.y * (corner.x - point.x)
    }
    var kept = [SIMD2<Double>]()
    for (index, first) in corners.enumerated() {
      let second = corners[(index + 1) % corners.count], one = height(first), other = height(second)
      if one >= 0 { kept.append(first) }
      if (one >= 0) != (other >= 0) { kept.append(first + (second - first) * (one / (one - other))) }
    }
    return ConvexPolygon(corners: kept)
  }

  /// Both parts beside a strip of a width along a line.
  func split(at point: SIMD2<Double>, _ direction: SIMD2<Double>, width: Double) -> [ConvexPolygon] {
    let across = SIMD2(-direction.y, direction.x) * (width / 2)
    return [leftOf(point + across, direction), leftOf(point - across, -direction)].filter { !$0.isEmpty }
  }

  /// What is left behind a margin along all sides.
  func shrunk(by margin: Double) -> ConvexPolygon {
    var left = self
    for index in corners.indices where !left.isEmpty {
      let side = corners[(index + 1) % corners.count] - corners[index], length = side.squaredLength.squareRoot()
      guard length > 0 else { continue }
      let direction = side / length
      left = left.leftOf(corners[index] + SIMD2(-direction.y, direction.x) * margin, direction)
    }
    return left
  }
}
