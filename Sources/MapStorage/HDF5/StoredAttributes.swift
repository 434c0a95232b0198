import CHierarchicalData
import Essentials
import Foundation

extension ArrayFacts {
  /// CF's names first, then those of others.
  private static let fillNames = [
    "_FillValue", "missing_value", "nodata", "NoData", "NODATA", "nodata_value", "NODATA_value", "no_data",
    "fill_value",
    "FillValue",
  ]

  /// The most numbers of an attribute that says something of a map's numbers.
  private static let mostNumbers = 16

  /// Of a data set, as its attributes have it; those of another type than they should have say nothing.
  /// Inside `HierarchicalLibrary.serialised`.
  ///
  /// - Parameters:
  ///   - object: the data set.
  ///   - type: the kind of element, for people.
  ///   - isComplex: whether elements are complex.
  ///   - bits: bits of an element.
  init(attributesOf object: hid_t, type: String, isComplex: Bool, bits: Int) {
    self.init(type: type, isComplex: isComplex)
    func text(_ name: String) -> String? {
      guard let text = try? attributeText(object, name, at: name) else { return nil }
      let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
      return trimmed.isEmpty ? nil : trimmed
    }
    func numbers(_ name: String) -> [Double] {
      guard H5Aexists(object, name) > 0 else { return [] }
      var values = [Double](repeating: 0, count: Self.mostNumbers)
      let count = chd_read_numbers(object, name, values.count, &values)
      if count < 0 { _ = HierarchicalLibrary.reason() }  // which forgets it
      return Array(values.prefix(max(0, count)))
    }
    func anyOf<Value>(_ names: [String], _ read: (String) -> Value?) -> Value? { names.lazy.compactMap(read).first }
    units = anyOf(["units", "unit", "Units", "Unit", "UNITS", "UNIT"], text)
    longName = anyOf(["long_name", "standard_name", "description", "Description"], text)
    scale = numbers("scale_factor").first
    offset = numbers("add_offset").first
    fills = Self.fillNames.flatMap(numbers)
    var unwritten = 0.0
    if chd_fill_value(object, &unwritten) != 0, !fills.contains(where: { $0 == unwritten }) { fills.append(unwritten) }
    let range = numbers("valid_range")
    let ends =
      range.count == 2
      ? (range[0], range[1]) : (numbers("valid_min").first ?? -.infinity, numbers("valid_max").first ?? .infinity)
    if ends.0 <= ends.1, ends != (-.infinity, .infinity) { validRange = ends.0...ends.1 }
    if text("_Unsigned")?.lowercased() == "true", type.hasPrefix("int"), bits < 64 { unsignedBits = bits }
    isMATLAB = H5Aexists(object, "MATLAB_class") > 0
  }
}
