import Essentials
import Foundation
import Interpolation
import RunRecords

extension EvaluationReport {
  /// Draws the example maps side by side: coarse, the best interpolation, reconstruction and truth on one scale in dB, and
  /// the reconstruction's error around zero. Writes `best.png`, `median.png` and `worst.png`.
  ///
  /// - Throws: `Fault` when a map cannot be read again or a picture cannot be written.
  func writePictures(_ source: EvaluationSource, _ interpolations: [Upsampler], to directory: String) throws {
    for (name, row) in examples {
      let pair = try source.pair(row.position)
      let interpolation = try interpolations[bestInterpolation].interpolate(pair.coarse).map
      var error = pair.reconstruction
      for i in error.values.indices { error.values[i] -= pair.truth.values[i] }
      let (last, best) = (names.count - 1, bestInterpolation)
      let title = String(
        format: "sample %d, x%d: PSNR %@ %.2f dB, %@ %.2f dB", row.sample, magnification, names[last],
        row.metrics[last].psnr, names[best], row.metrics[best].psnr)
      let coarse = pair.coarse
      let picture = MapPicture(
        title: title,
        panels: [
          MapPanel("coarse \(coarse.map.rows)x\(coarse.map.columns)", coarse.map, valid: coarse.valid),
          MapPanel(names[best], interpolation, valid: pair.valid),
          MapPanel(names[last], pair.reconstruction, valid: pair.valid),
          MapPanel("truth", pair.truth, valid: pair.valid),
          MapPanel("error of \(names[last])", error, valid: pair.valid, scale: .diverging),
        ])
      try picture.write(to: "\(directory)/\(name).png")
    }
  }
}
