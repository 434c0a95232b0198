import Foundation
import Synchronization

/// Notes and warnings on standard error, where they do not disturb results on standard output.
public struct Console: Sendable {
  /// Whether this process speaks: true on rank 0.
  public let isEnabled: Bool
  private let isColoured: Bool
  private let line: TerminalLine

  /// - Parameter isEnabled: true on rank 0 only, so that a message appears once.
  public init(isEnabled: Bool) {
    self.init(
      isEnabled: isEnabled, isColoured: isatty(STDERR_FILENO) == 1 && Terminal.allowsColour, line: .standardError)
  }

  init(isEnabled: Bool, isColoured: Bool, line: TerminalLine) {
    self.isEnabled = isEnabled
    self.isColoured = isColoured
    self.line = line
  }

  /// Tells something.
  public func note(_ text: String) { write(text) }

  /// Warns of something that the user may want to change.
  public func warn(_ text: String) {
    write((isColoured ? "\u{1B}[33mwarning:\u{1B}[0m " : "warning: ") + text)
  }

  private func write(_ text: String) {
    guard isEnabled else { return }
    line.write(text + "\n")
  }
}

/// What a terminal's last line shows: at most one bar, which messages of any thread step around.
final class TerminalLine: Sendable {
  static let standardError = TerminalLine { text in
    // Nobody to tell when standard error itself is closed.
    _ = Array(text.utf8).withUnsafeBytes { Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  /// The bar as it is drawn; empty where there is none.
  private let bar = Mutex("")
  private let output: @Sendable (String) -> Void

  init(output: @escaping @Sendable (String) -> Void) { self.output = output }

  /// Draws a bar over the one that is there.
  func draw(_ text: String) {
    bar.withLock { bar in
      bar = text
      output("\r\(text)\u{1B}[K")
    }
  }

  /// Writes whole lines: in the place of the bar, which is drawn again below them.
  func write(_ lines: String) {
    bar.withLock { bar in output(bar.isEmpty ? lines : "\r\u{1B}[K\(lines)\(bar)\u{1B}[K") }
  }

  /// The bar's last words; after them there is none.
  func end(_ text: String) {
    bar.withLock { bar in
      bar = ""
      output(text)
    }
  }
}

enum Terminal {
  /// NO_COLOR (no-color.org): set and not empty means no colours.
  static var allowsColour: Bool {
    let environment = ProcessInfo.processInfo.environment
    return (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
  }

  /// The width of the terminal on standard error, 80 where it does not say.
  static var columns: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
