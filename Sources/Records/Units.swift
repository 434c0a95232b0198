import Foundation

/// Amounts as people read them.
public enum Units {
  /// 1536 -> "1.5 KiB"; under 1 KiB "512 B".
  public static func bytes(_ count: Int) -> String {
    scaled(Double(count), by: 1024, names: ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], separator: " ")
  }

  /// 221268611 -> "221.3 M"; under a thousand the number itself.
  public static func count(_ count: Int) -> String {
    scaled(Double(count), by: 1000, names: ["", "k", "M", "G", "T", "P"], separator: " ")
  }

  /// 221268611 -> "221,268,611"; "over 9e18" where counting stopped at the greatest integer.
  public static func grouped(_ count: Int) -> String {
    guard count < .max else { return "over 9e18" }
    let digits = Array(String(count.magnitude))
    let groups = stride(from: digits.count, to: 0, by: -3).map { String(digits[max(0, $0 - 3)..<$0]) }
    return (count < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
  }

  /// 54578000000 -> "54.578"; "over 9e9" where counting stopped at the greatest integer.
  public static func billions(_ count: Int) -> String {
    count < .max ? String(format: "%.3f", Double(count) / 1e9) : "over 9e9"
  }

  /// A time span [s]: "0.42 s", "12.3 s", "4:05", "1:02:03", "3 d 04:05".
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e10 else { return "?" }
    if seconds < 9.995 { return String(format: "%.2f s", seconds) }
    if seconds < 59.95 { return String(format: "%.1f s", seconds) }
    let whole = Int(seconds.rounded())
    let (days, hours, minutes) = (whole / 86400, whole / 3600 % 24, whole / 60 % 60)
    if days > 0 { return String(format: "%d d %02d:%02d", days, hours, minutes) }
    if hours > 0 { return String(format: "%d:%02d:%02d", hours, minutes, whole % 60) }
    return String(format: "%d:%02d", minutes, whole % 60)
  }

  /// A short time [s] in milliseconds: "0.4217 ms".
  public static func milliseconds(_ seconds: Double) -> String { number(1000 * seconds) + " ms" }

  /// A number with about four significant digits, without an exponent where it is of ordinary size.
  public static func number(_ value: Double) -> String { String(format: "%.4g", value) }

  private static func scaled(_ value: Double, by base: Double, names: [String], separator: String) -> String {
    var (value, index) = (value, 0)
    // 0.95 of a unit's last tenth: never print "1024.0 KiB".
    while abs(value) >= base - 0.05, index < names.count - 1 {
      value /= base
      index += 1
    }
    let digits = index == 0 ? String(format: "%.0f", value) : String(format: "%.1f", value)
    return names[index].isEmpty ? digits : digits + separator + names[index]
  }
}
