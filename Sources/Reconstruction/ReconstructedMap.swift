import Essentials
import Interpolation
import MapStorage

/// One map of a reconstruction.
struct ReconstructedMap {
  /// The map [dB].
  var map: ChannelFingerprint
  /// The standard deviation of what is predicted [dB], where that is known.
  var deviation: ChannelFingerprint?
  /// The draws, where they are kept.
  var draws: [ChannelFingerprint] = []
}

/// Makes fine maps out of coarse ones, a few at a time.
protocol MapMaker {
  /// How the file says that its maps were made.
  var record: ReconstructionRecord { get }
  /// Whether each map comes with a deviation.
  var hasDeviation: Bool { get }
  /// How many draws come with each map.
  var keptDraws: Int { get }
  /// The maps of some samples of the source, in that order.
  func maps(of samples: [Int], in source: ReconstructionSource) throws -> [ReconstructedMap]
}

/// Plain interpolation.
struct InterpolationMaker: MapMaker {
  let record: ReconstructionRecord
  let hasDeviation: Bool
  let keptDraws = 0
  private let interpolator: any Interpolator

  /// - Throws: `Fault` when draws are asked for, or the grid is too large for the method.
  init(_ method: InterpolationMethod, _ request: ReconstructionRequest, _ source: ReconstructionSource) throws {
    // A single sample tells kriging nothing of what lies around it.
    try self.init(
      method.make(grid: source.grid, geometry: source.area), request,
      hasDeviation: method == .kriging && source.grid.samples > 1)
  }

  /// - Throws: `Fault` when draws are asked for.
  init(_ interpolator: any Interpolator, _ request: ReconstructionRequest, hasDeviation: Bool) throws {
    guard request.draws == 1, request.estimate == nil, !request.keepsDraws, !request.usesSymmetries else {
      throw Fault(
        "interpolation draws nothing", at: interpolator.name,
        expected: "no --samples, --estimate, --symmetries or --keep-draws")
    }
    self.interpolator = interpolator
    self.hasDeviation = hasDeviation
    record = ReconstructionRecord(
      magnification: request.magnification, data: request.input.path, method: request.name ?? interpolator.name)
  }

  func maps(of samples: [Int], in source: ReconstructionSource) throws -> [ReconstructedMap] {
    try samples.map { sample in
      do {
        let result = try interpolator.interpolate(try source.observation(sample))
        return ReconstructedMap(map: result.map, deviation: hasDeviation ? result.deviation : nil)
      } catch let fault as Fault {
        throw fault.within(source.place(of: sample))
      }
    }
  }
}
