/// How work is shared out over ranks.
public enum Share {
  /// The part of `0..<count` that a rank has: contiguous, as even as it gets, empty where there is not enough.
  public static func range(of count: Int, rank: Int, size: Int) -> Range<Int> {
    precondition((0..<size).contains(rank) && count >= 0, "rank \(rank) of \(size), \(count) to share")
    let (quotient, remainder) = count.quotientAndRemainder(dividingBy: size)
    let first = rank * quotient + min(rank, remainder)
    return first..<first + quotient + (rank < remainder ? 1 : 0)
  }
}
