import Conditioning
import Essentials
import Interpolation

extension RunConfiguration {
  /// From dB to what a network of this configuration sees, and back.
  ///
  /// - Parameters:
  ///   - rows: rows of the fine maps.
  ///   - columns: columns of the fine maps.
  ///   - magnifications: the ones that will be asked for.
  ///   - normaliser: which range a map gets.
  ///   - area: where the places lie.
  /// - Throws: `Fault` for a magnification that does not fit the maps.
  public func conditioner(
    rows: Int, columns: Int, magnifications: [Int], normaliser: Normaliser, area: AreaGeometry
  ) throws -> MapConditioner {
    try MapConditioner(
      form: data.form,
      layout: NetworkLayout(rows: rows, columns: columns, patch: model.patch, channels: model.channels),
      magnifications: magnifications, upsampling: data.upsampling, normaliser: normaliser, area: area)
  }
}
