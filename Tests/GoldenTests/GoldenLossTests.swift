import Foundation
import Testing

/// Ten steps of training against committed numbers: loss, norm of the gradient before clipping, norm of the averaged
/// weights.
@Suite(.serialized) struct GoldenLossTests {
  private struct Numbers: Codable {
    var losses: [Double]
    var gradientNorms: [Double]
    var averageNorm: Double
  }

  /// - Parameters:
  ///   - name: configuration and numbers in the fixtures.
  ///   - tolerance: how far losses and norms of gradients may be off, as a share.
  ///   - averageTolerance: how far the norm of the average may be off, as a share: less, since ten steps change it
  ///     little.
  private func expectGolden(_ name: String, within tolerance: Double, average averageTolerance: Double) throws {
    let folder = try Folder()
    try folder.importFormulaMaps(12)
    try Program.ckm(
      ["train", "--preset", "tiny", "--config", "\(Program.fixtures)/golden/\(name).yaml"]
        + ["--data", "maps.h5", "--out", "run", "--threads", "2"], in: folder)
    let lines = try folder.lines("run/metrics.jsonl")
    let measured = Numbers(
      losses: try lines.map { try #require($0["loss"] as? Double) },
      gradientNorms: try lines.map { try #require($0["gradient_norm"] as? Double) },
      averageNorm: try folder.norm(ofTensorsIn: folder.averageFile("run", step: 10)))
    let golden = try Golden.numbers("golden/\(name)", measured: measured)
    expect(measured.losses, near: golden.losses, within: tolerance, "losses")
    expect(measured.gradientNorms, near: golden.gradientNorms, within: tolerance, "norms of gradients")
    expect([measured.averageNorm], near: [golden.averageNorm], within: averageTolerance, "norm of the average")
  }

  /// The denoising of maps by Adam as PyTorch does it in double precision, by `losses.py`: network with attention,
  /// parts of a batch, clipping, warm-up and cosine, average.
  ///
  /// Single precision is off by 4e-6 after ten steps, and by 3e-8 in the norm of the average, which is 3e-5 from that
  /// of the weights.
  @Test func asInPyTorch() throws { try expectGolden("plain", within: 3e-5, average: 1e-6) }

  /// The residual form by Muon, which no other program has: what the program gave before it was rebuilt (7d7dfe3).
  ///
  /// Rounding of another processor's kernels is all that may differ: 5e-7 with OPENBLAS_CORETYPE=Sandybridge.
  @Test func residualFormByMuon() throws { try expectGolden("residual", within: 1e-4, average: 1e-6) }
}
