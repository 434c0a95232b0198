import MapStorage

/// A quantity that a simulated map can hold at each place, by the name of its layer.
public protocol MapQuantity: RawRepresentable<String>, CaseIterable, Sendable {
  /// Unit, for the file's `units` attribute.
  var unit: String { get }
  /// Description, for the file's `long_name` attribute.
  var longName: String { get }
}

extension MapQuantity {
  /// The layer that holds it beside the maps.
  var layer: MapLayer { MapLayer(name: rawValue, longName: longName, units: unit) }
}
