import Foundation
import Testing

/// How results must change where what goes in is changed.
@Suite(.serialized) struct MetamorphicTests {
  private static let methods = ["nearest", "bilinear", "bicubic", "spline", "kriging"]
  private static let side = FormulaMaps.side, magnification = 4
  private static let count = 3
  private let folder: Folder

  init() throws { folder = try Folder() }

  private func reconstruct(_ arguments: [String], _ out: String) throws -> [[Float]] {
    try Program.ckm(
      ["reconstruct", "--magnification", "\(Self.magnification)", "--threads", "2", "--out", out] + arguments,
      in: folder)
    return try folder.maps(out, pixels: Self.side * Self.side)
  }

  /// The formula's maps, and the same 10 dB up: in steps of 1/64 dB, so float32 holds both exactly.
  private func importLowAndHigh() throws {
    try folder.importFormulaMaps(Self.count, as: "low.h5")
    let maps = FormulaMaps.maps(Self.count).map { $0.map { $0 + 10 } }
    try folder.writeMaps("high.npy", maps, rows: Self.side, columns: Self.side)
    try Program.ckm(["import", "high.npy", "--stations", "stations.npy", "--out", "high.h5"], in: folder)
  }

  /// Expects two sets of maps to be 10 dB apart.
  private func expectRaised(
    _ low: [[Float]], _ high: [[Float]], within tolerance: Float, _ what: String,
    location: SourceLocation = #_sourceLocation
  ) {
    let difference = distance(low.flatMap { $0.map { $0 + 10 } }, high.flatMap { $0 })
    #expect(difference <= tolerance, "\(what): off by \(difference) dB", sourceLocation: location)
  }

  /// All numbers of a report, by where they stand. Texts are left out: they name files.
  private func numbers(_ report: String) throws -> [String: Double] {
    var found: [String: Double] = [:]
    func walk(_ value: Any, _ place: String) {
      switch value {
      case let members as [String: Any]: for (key, member) in members { walk(member, "\(place).\(key)") }
      case let elements as [Any]: for (index, element) in elements.enumerated() { walk(element, "\(place)[\(index)]") }
      case let number as Double: found[place] = number
      default: break
      }
    }
    walk(try JSONSerialization.jsonObject(with: folder.bytes("\(report)/report.json")), "")
    return found
  }

  /// Maps 10 dB up are interpolated 10 dB up, and are as good: every number of the report stays.
  @Test func raisedMapsAreInterpolatedRaised() throws {
    try importLowAndHigh()
    for method in Self.methods {
      let results = try ["low", "high"].map { name in
        try reconstruct(["--method", method, "--data", "\(name).h5"], "\(name)-\(method).h5")
      }
      expectRaised(results[0], results[1], within: 1e-4, method)
    }
    for name in ["low", "high"] {
      try Program.ckm(
        ["evaluate", "--data", "\(name).h5", "--reconstruction", "\(name)-kriging.h5", "--out", "report-\(name)"],
        in: folder)
    }
    let low = try numbers("report-low"), high = try numbers("report-high")
    #expect(low.count > 100 && low.keys.sorted() == high.keys.sorted())
    for (place, number) in low {
      let other = high[place] ?? .nan
      #expect(abs(number - other) <= 1e-5 * max(1e-3, abs(number)), "\(place): \(number) and \(other)")
    }
  }

  /// A coarse map turned or mirrored, of samples in so many rows and columns.
  private func turned<Value>(_ map: [Value], by symmetry: Int, side: Int) -> [Value] {
    (0..<side * side).map { place in
      let (row, column) = (place / side, place % side)
      let (across, down) = symmetry & 4 != 0 ? (row, column) : (column, row)
      return map[
        (symmetry & 2 != 0 ? side - 1 - down : down) * side + (symmetry & 1 != 0 ? side - 1 - across : across)]
    }
  }

  private var coarse: [[Float]] {
    FormulaMaps.maps(Self.count).map { map in
      stride(from: 0, to: Self.side, by: Self.magnification).flatMap { row in
        stride(from: 0, to: Self.side, by: Self.magnification).map { map[row * Self.side + $0] }
      }
    }
  }

  /// Samples mirrored (1), turned (6) and all of it (7) are interpolated so, with their stations.
  ///
  /// The first sample lies on the first pixel and the last three pixels beyond the last sample, so that what is
  /// compared is the square from the first sample to the last: 29 pixels of 32. `nearest` takes the later sample
  /// halfway between two: these pixels are left out for it where something is mirrored.
  @Test func turnedSamplesAreInterpolatedTurned() throws {
    let samples = Self.side / Self.magnification, core = Self.side - Self.magnification + 1
    func inner(_ map: [Float]) -> [Float] { (0..<core * core).map { map[$0 / core * Self.side + $0 % core] } }
    var straight: [String: [[Float]]] = [:]
    for symmetry in [0, 1, 6, 7] {
      let maps = coarse.map { turned($0, by: symmetry, side: samples) }
      let stations = (0..<Self.count).flatMap { number -> [Float] in
        let (x, y) = FormulaMaps.station(number), last = Double(core - 1)
        // The place that shows what was at (x, y): mirrored first, then rows and columns change places.
        let (across, down) = (symmetry & 1 != 0 ? last - x : x, symmetry & 2 != 0 ? last - y : y)
        let (column, row) = symmetry & 4 != 0 ? (down, across) : (across, down)
        return [Float(column), Float(row), 25]
      }
      try folder.writeMaps("coarse-\(symmetry).npy", maps, rows: samples, columns: samples)
      try folder.writeArray("stations-\(symmetry).npy", shape: [Self.count, 3], stations)
      for method in Self.methods {
        let found = try reconstruct(
          ["--method", method, "--coarse", "coarse-\(symmetry).npy", "--stations", "stations-\(symmetry).npy"],
          "\(method)-\(symmetry).h5"
        ).map(inner)
        guard symmetry > 0, let straight = straight[method] else {
          straight[method] = found
          continue
        }
        let isBetween = (0..<core * core).map { $0 / core % 4 == 2 || $0 % core % 4 == 2 }
        for (one, other) in zip(straight, found) {
          let differences = zip(turned(one, by: symmetry, side: core), other).enumerated().filter {
            !(method == "nearest" && symmetry & 3 != 0 && isBetween[$0.offset])
          }.map { abs($0.element.0 - $0.element.1) }
          let worst = differences.max() ?? .infinity
          #expect(worst <= 1e-4, "\(method), way \(symmetry): off by \(worst) dB")
        }
      }
    }
  }

  private func train(_ settings: [String]) throws {
    try folder.importFormulaMaps(12, as: "trained.h5")
    let all = [
      "model.image_size=32", "model.base_channels=4", "model.multipliers=[1, 2]", "model.groups=2", "model.dropout=0",
      "data.normalisation=coarse", "diffusion.schedule=cosine", "diffusion.prediction=velocity",
      "diffusion.zero_terminal_snr=true", "diffusion.start=noise", "diffusion.start_timestep=null",
      "training.terminal_share=0.5", "training.symmetries=true", "training.steps=40", "training.warm_up=5",
      "training.batch=4", "training.average_decay=0.9", "validation.every=0", "checkpoints.every=40",
    ]
    try Program.ckm(
      ["train", "--preset", "tiny", "--data", "trained.h5", "--out", "run", "--threads", "2"]
        + (all + settings).flatMap { ["--set", $0] }, in: folder)
  }

  /// A network that sees maps in units of their coarse samples' range reconstructs maps 10 dB up 10 dB up, drawn or
  /// estimated.
  @Test func raisedMapsAreReconstructedRaised() throws {
    try train([])
    try folder.writeMaps("low.npy", coarse, rows: 8, columns: 8)
    try folder.writeMaps("high.npy", coarse.map { $0.map { $0 + 10 } }, rows: 8, columns: 8)
    for (name, way) in [
      ("direct", ["--estimate", "direct"]), ("draw", ["--steps", "4", "--seed", "3"]),
    ] {
      let results = try ["low", "high"].map { level in
        try reconstruct(["--model", "run", "--coarse", "\(level).npy"] + way, "\(name)-\(level).h5")
      }
      expectRaised(results[0], results[1], within: 1e-3, name)
    }
  }

  /// A network's direct estimate as the mean over all eight ways of showing it a map: a map whose rows and columns have
  /// changed places gives the estimate with rows and columns changed. One way alone does not.
  ///
  /// (Mirrored maps are decimated at other pixels, the first sample being on the first pixel, so that they are no such
  /// test for a network, which sees the whole map.)
  @Test func transposedMapsAreReconstructedTransposed() throws {
    try train([])
    try folder.writeMaps("straight.npy", coarse, rows: 8, columns: 8)
    try folder.writeMaps("transposed.npy", coarse.map { turned($0, by: 4, side: 8) }, rows: 8, columns: 8)
    func difference(_ way: [String], _ name: String) throws -> Float {
      let results = try ["straight", "transposed"].map { maps in
        try reconstruct(
          ["--model", "run", "--coarse", "\(maps).npy", "--estimate", "direct"] + way, "\(name)-\(maps).h5")
      }
      return distance(results[0].flatMap { turned($0, by: 4, side: Self.side) }, results[1].flatMap { $0 })
    }
    let all = try difference(["--symmetries"], "all"), one = try difference([], "one")
    #expect(all <= 1e-3 && one > 0.02, "off by \(all) dB, in one way alone by \(one) dB")
  }
}
