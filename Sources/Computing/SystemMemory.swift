import Foundation

/// How much memory a process can still get.
public enum SystemMemory {
  /// What the system has available without swapping, what this process's control group still allows or what its own
  /// limit (ulimit -v) leaves, whichever is least [bytes]; 0 where the system does not say.
  public static func availableBytes() -> Int {
    let system = meminfo("MemAvailable") ?? 0
    let group = controlGroups().reduce(system) { least, folder in
      guard let room = room(in: folder) else { return least }
      return min(least, room)
    }
    return min(group, limitLeft() ?? group)
  }

  /// What the limit on this process's addresses leaves; nil where there is none.
  private static func limitLeft() -> Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur != .max,
      let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ").first,
      let used = Int(pages)
    else { return nil }
    // 1 and not 0, which says that nothing is known.
    return max(1, Int(clamping: limit.rlim_cur) - used * Int(sysconf(Int32(_SC_PAGESIZE))))
  }

  private static func meminfo(_ key: String) -> Int? {
    let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(key + ":") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }

  /// The folders of this process's groups, of either version, each with all above it: limits of any of them hold.
  private static func controlGroups() -> [String] {
    let text = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").flatMap { line -> [String] in
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { return [] }
      let isUnified = fields[1].isEmpty
      guard isUnified || fields[1].split(separator: ",").contains("memory") else { return [] }
      let root = isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      let parts = fields[2].split(separator: "/")
      return (0...parts.count).map { ([root] + parts[..<$0].map(String.init)).joined(separator: "/") }
    }
  }

  /// Limit less use, pages of files that can be dropped not counted as used; nil where there is no limit.
  private static func room(in folder: String) -> Int? {
    for (limit, use) in [
      ("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ] {
      guard let limit = number("\(folder)/\(limit)"), let use = number("\(folder)/\(use)") else { continue }
      let statistics = (try? String(contentsOfFile: "\(folder)/memory.stat", encoding: .utf8)) ?? ""
      let droppable = statistics.split(separator: "\n").first { $0.hasPrefix("inactive_file ") }
        .flatMap { $0.split(separator: " ").last.flatMap { Int($0) } }
      return max(0, limit - max(0, use - (droppable ?? 0)))
    }
    return nil
  }

  private static func number(_ path: String) -> Int? {
    let text = try? String(contentsOfFile: path, encoding: .utf8)
    return text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }
}
