import Essentials
import Foundation
import MapStorage
import MessagePassing
import Records

/// The file of maps that a command writes: a data set, or what is exported of one.
struct OutputFile {
  let path: String
  let format: ExportFormat
  private let overwrite: Bool

  /// Collective. Any form in which maps are written; what cannot be written shows before the work.
  ///
  /// - Parameters:
  ///   - path: the file; its ending says the form.
  ///   - overwrite: whether it may be replaced.
  ///   - communicator: all ranks.
  init(_ path: String, overwrite: Bool, _ communicator: Communicator) throws {
    let format = try communicator.agree("name the result") { try ExportFormat(of: path) }
    (self.path, self.format, self.overwrite) = (path, format, overwrite)
    try communicator.onRoot("look where the result goes") { try format.requirePlace(path, overwrite: overwrite) }
  }

  /// Collective. Throws unless the name is that of a data set.
  static func requireDataSet(_ path: String, _ communicator: Communicator) throws {
    try communicator.agree("name the data set") {
      guard try ExportFormat(of: path) == .dataSet else {
        throw Fault(
          "a data set is written as HDF5", at: path, expected: "a name that ends in .h5",
          found: URL(fileURLWithPath: path).lastPathComponent,
          hint: "write the data set, and then: ckm export maps.h5 --out \(path)")
      }
    }
  }

  /// Whether there is another file than a data set to be written.
  var isExported: Bool { format != .dataSet }

  /// The data set to be written first; beside the file, where that is another.
  var dataSet: String { isExported ? (path.hasSuffix("/") ? String(path.dropLast()) : path) + ".partial.h5" : path }

  /// Collective. Exports the data set where that was asked for, and takes it away; where that fails it stays, with its maps.
  func finish(_ communicator: Communicator) throws {
    guard isExported else { return }
    try communicator.onRoot("export the maps") {
      var request = ExportRequest(source: dataSet, target: path)
      request.overwrite = overwrite
      request.softwareVersion = Software.version
      do {
        try ExportCommand.export(request, style: .automatic(isEnabled: true))
      } catch var fault as Fault {
        let kept = "the maps are kept, for: ckm export \(dataSet) --out \(path)"
        fault.hint = [fault.hint, kept].compactMap { $0 }.joined(separator: "; ")
        throw fault
      }
      unlink(dataSet)
    }
  }
}
