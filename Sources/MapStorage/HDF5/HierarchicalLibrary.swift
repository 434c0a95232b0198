import CHierarchicalData
import Essentials
import Foundation

/// The one door to libhdf5, which is not thread-safe: every call to it happens inside `serialised`.
enum HierarchicalLibrary {
  /// Recursive, because handles are closed wherever their last owner goes.
  private final class RecursiveLock: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init() {
      var attributes = pthread_mutexattr_t()
      pthread_mutexattr_init(&attributes)
      pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
      pthread_mutex_init(mutex, &attributes)
      pthread_mutexattr_destroy(&attributes)
    }

    func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      return try body()
    }
  }

  private static let lock = RecursiveLock()
  private static let started: Bool = chd_start() >= 0

  /// Runs `body` while no other thread is inside libhdf5; starts the library when first called.
  static func serialised<Result>(_ body: () throws -> Result) throws -> Result {
    try lock.withLock {
      guard started else { throw Fault("cannot start the HDF5 library", at: "libhdf5") }
      return try body()
    }
  }

  /// Closes a handle; for `deinit`, which cannot throw.
  static func close(_ identifier: hid_t, _ function: (hid_t) -> herr_t) {
    lock.withLock { _ = function(identifier) }
  }

  /// libhdf5's reason for the last failure; clears it.
  static func reason() -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1200) { text in
      chd_error_text(text.baseAddress, text.count)
      return String(cString: text.baseAddress!)
    }
  }

  /// The fault for the last failure.
  static func fault(_ what: String, at place: String) -> Fault { fault(what, at: place, for: reason()) }

  /// The fault for a reason of libhdf5's: what a user can mend is called by its name.
  static func fault(_ what: String, at place: String, expected: String? = nil, for reason: String) -> Fault {
    if reason.contains("lock file"), !reason.contains("errno = \(EAGAIN)") {
      return Fault(
        what, at: place, expected: expected, found: reason,
        hint: "on a file system without locks set HDF5_USE_FILE_LOCKING=FALSE")
    }
    if reason.contains("lock file") || reason.contains("already open for") {
      return Fault(
        "another process writes the file", at: place, expected: "one that its writer has closed", found: reason,
        hint: "wait until it has ended; if it has died: h5clear -s \(place)")
    }
    if reason.contains("version number") || reason.contains("version out of bounds") || reason.contains("wrong version")
    {
      return Fault(
        "the file was written for a newer HDF5", at: place, expected: "what HDF5 1.10 reads", found: reason,
        hint: "write it again without libver='latest': python3 -c \"import h5py; "
          + "h5py.File('maps.h5', 'w')['maps'] = h5py.File('\(place)')['NAME'][()]\"")
    }
    if reason.contains("not a dataset") {
      return Fault(
        "this is a group of data sets", at: place, expected: "the path of one of them, as GROUP/NAME", found: "a group",
        hint: "h5ls -r lists them")
    }
    let hint = reason.contains("truncated") ? "the file is cut short: copy or make it again" : nil
    return Fault(what, at: place, expected: expected, found: reason, hint: hint)
  }

  /// Returns `value`, or throws what libhdf5 says about a negative one.
  static func check<Value: SignedInteger>(_ value: Value, _ what: String, at place: String) throws -> Value {
    guard value >= 0 else { throw fault(what, at: place) }
    return value
  }
}

/// An open identifier of libhdf5, closed with its last owner.
final class HierarchicalHandle: @unchecked Sendable {
  let identifier: hid_t
  private let function: (hid_t) -> herr_t
  private var isOpen = true

  /// Takes over an identifier; a negative one is a failure.
  init(_ identifier: hid_t, _ what: String, at place: String, close function: @escaping (hid_t) -> herr_t)
    throws
  {
    self.identifier = try HierarchicalLibrary.check(identifier, what, at: place)
    self.function = function
  }

  /// Closes it now, where a failure can be told. Inside `HierarchicalLibrary.serialised`.
  func close(_ what: String, at place: String) throws {
    guard isOpen else { return }
    isOpen = false
    _ = try HierarchicalLibrary.check(function(identifier), what, at: place)
  }

  deinit { if isOpen { HierarchicalLibrary.close(identifier, function) } }
}
