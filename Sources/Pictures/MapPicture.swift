import Essentials
import Foundation

/// One map of a picture.
public struct MapPanel: Sendable {
  /// How a panel's values become colours.
  public enum Scale: Equatable, Sendable {
    /// Viridis over the range of all panels that share one.
    case shared
    /// Viridis over the panel's own range.
    case own
    /// Viridis over a given range.
    case fixed(ClosedRange<Float>)
    /// Blue, white, red around zero, as far as the panel's largest magnitude.
    case diverging
  }

  /// What stands above the map.
  public var title: String
  /// The values.
  public var map: ChannelFingerprint
  /// Which places count, row after row as the map; nil: all whose values are finite. The others are drawn grey.
  public var mask: Mask?
  /// How values become colours.
  public var scale: Scale
  /// A place to mark: its column and row, those of a station; nil: none.
  public var mark: SIMD2<Double>?

  /// - Parameters:
  ///   - title: what stands above the map.
  ///   - map: the values, in the picture's unit.
  ///   - mask: which places hold a value; nil for all.
  ///   - scale: how values become colours.
  ///   - mark: a place to mark: its column and row; nil: none.
  public init(
    _ title: String, _ map: ChannelFingerprint, mask: Mask? = nil, scale: Scale = .shared, mark: SIMD2<Double>? = nil
  ) {
    precondition(mask.map { $0.count == map.values.count } ?? true, "a flag for each place")
    self.mark = mark
    self.title = title
    self.map = map
    self.mask = mask
    self.scale = scale
  }

  func isValid(_ index: Int) -> Bool { map.values[index].isFinite && mask?[index] != false }

  /// The range of the values that count; nil where none does.
  var range: ClosedRange<Double>? {
    let values = map.values.indices.lazy.filter { isValid($0) }.map { Double(map.values[$0]) }
    guard let low = values.min(), let high = values.max() else { return nil }
    return low...high
  }
}

/// Maps side by side, each with a title and a colour bar in units.
public struct MapPicture: Sendable {
  /// What stands above all; empty for nothing.
  public var title: String
  /// The unit of the values, above the colour bars.
  public var unit: String
  /// The maps, drawn from left to right, row after row.
  public var panels: [MapPanel]
  /// How many maps stand in a row.
  public var columns: Int
  /// Whether row 0 of the maps is drawn at the bottom (y upwards) or at the top.
  public var isRowZeroAtBottom: Bool
  /// The least number of pixels of a map's longer side.
  public var minimumSide: Int

  /// - Parameters:
  ///   - title: what stands above all.
  ///   - unit: the unit of the values.
  ///   - panels: the maps; at least one.
  ///   - columns: how many stand in a row.
  ///   - isRowZeroAtBottom: whether row 0 of the maps is drawn at the bottom.
  ///   - minimumSide: the least number of pixels of a map's longer side.
  public init(
    title: String, unit: String = "dB", panels: [MapPanel], columns: Int = 5, isRowZeroAtBottom: Bool = false,
    minimumSide: Int = 256
  ) {
    precondition(!panels.isEmpty && columns >= 1 && minimumSide >= 1, "at least one panel and column")
    self.title = title
    self.unit = unit
    self.panels = panels
    self.columns = columns
    self.isRowZeroAtBottom = isRowZeroAtBottom
    self.minimumSide = minimumSide
  }

  /// Draws the picture and writes it as PNG.
  ///
  /// - Throws: `Fault` when the place cannot be written.
  public func write(to path: String) throws { try rendered().write(to: path) }

  /// Draws the picture.
  public func rendered() -> ColourImage {
    let layout = Layout(self)
    var canvas = Canvas(image: ColourImage(width: layout.width, height: layout.height, fill: Ink.paper))
    canvas.text(title, x: layout.width / 2, y: Layout.margin, scale: 3, anchor: .centre, Ink.text)
    let shared = sharedRange
    for (index, panel) in panels.enumerated() {
      let origin = layout.origin(index)
      draw(
        panel, colours(of: panel, shared: shared), at: origin, layout, hasBar: layout.hasBar[index],
        on: &canvas)
    }
    return canvas.image
  }
}

/// Colours of everything but the maps.
private enum Ink {
  static let paper = Colour(0xFFFFFF)
  static let text = Colour(0x202428)
  static let frame = Colour(0x5A6068)
  static let invalid = Colour(0xB4B8BC)
}

extension MapPicture {
  private struct Colouring {
    let map: ColourMap
    let range: ClosedRange<Double>

    func colour(_ value: Double) -> Colour {
      map.colour(at: (value - range.lowerBound) / (range.upperBound - range.lowerBound))
    }
  }

  /// Where everything stands [pixels].
  private struct Layout {
    static let margin = 20
    static let letter = 2
    static let titleHeight = 26
    static let barGap = 10
    static let barWidth = 16
    static let tickGap = 8
    static let panelGap = 24

    let mapWidth: Int
    let mapHeight: Int
    let labelWidth: Int
    let columns: Int
    let rows: Int
    let top: Int
    /// Which panels have a colour bar: of those that share a range, the last of each row.
    let hasBar: [Bool]
    /// Where each column's maps begin, and behind the last one the picture's right margin.
    let lefts: [Int]

    init(_ picture: MapPicture) {
      let widest = picture.panels.map(\.map.columns).max() ?? 1
      let tallest = picture.panels.map(\.map.rows).max() ?? 1
      // Whole pixels for each cell of the finest map: no cell is wider than its neighbour.
      let cell = max(1, (picture.minimumSide + max(widest, tallest) - 1) / max(widest, tallest, 1))
      mapWidth = max(1, widest) * cell
      mapHeight = max(1, tallest) * cell
      columns = min(picture.columns, picture.panels.count)
      rows = (picture.panels.count + columns - 1) / columns
      // Six letters: "-112.5".
      labelWidth = 6 * BitmapFont.advance * Self.letter
      top = Self.margin + (picture.title.isEmpty ? 0 : 3 * BitmapFont.glyphHeight + 18)
      let (panels, columns) = (picture.panels, columns)
      let hasBar = panels.indices.map { index in
        let row = index / columns
        let rest = panels.indices.filter { $0 > index && $0 / columns == row }
        return panels[index].scale != .shared || !rest.contains { panels[$0].scale == .shared }
      }
      self.hasBar = hasBar
      let barRoom = Self.barGap + Self.barWidth + Self.tickGap + labelWidth
      var lefts = [Self.margin]
      for column in 0..<columns {
        let needsRoom = panels.indices.contains { $0 % columns == column && hasBar[$0] }
        lefts.append(lefts[column] + mapWidth + (needsRoom ? barRoom : 0) + Self.panelGap)
      }
      self.lefts = lefts
    }

    var panelHeight: Int { Self.titleHeight + mapHeight }
    var width: Int { lefts[columns] - Self.panelGap + Self.margin }
    var height: Int { top + rows * panelHeight + (rows - 1) * Self.panelGap + Self.margin }

    func origin(_ index: Int) -> (x: Int, y: Int) {
      (
        lefts[index % columns],
        top + index / columns * (panelHeight + Self.panelGap) + Self.titleHeight
      )
    }
  }

  private var sharedRange: ClosedRange<Double>? {
    let ranges = panels.filter { $0.scale == .shared }.compactMap(\.range)
    guard let low = ranges.map(\.lowerBound).min(), let high = ranges.map(\.upperBound).max() else {
      return nil
    }
    return low...high
  }

  private func colours(of panel: MapPanel, shared: ClosedRange<Double>?) -> Colouring {
    switch panel.scale {
    case .shared: return Colouring(map: .viridis, range: Self.widened(shared))
    case .own: return Colouring(map: .viridis, range: Self.widened(panel.range))
    case .fixed(let range):
      return Colouring(
        map: .viridis, range: Self.widened(Double(range.lowerBound)...Double(range.upperBound)))
    case .diverging:
      let largest = panel.range.map { max(abs($0.lowerBound), abs($0.upperBound)) } ?? 1
      let limit = largest > 0 ? largest : 1
      return Colouring(map: .diverging, range: -limit...limit)
    }
  }

  /// A range that can be divided by: a constant map gets half a unit on both sides.
  private static func widened(_ range: ClosedRange<Double>?) -> ClosedRange<Double> {
    guard let range else { return 0...1 }
    let tiny = max(abs(range.lowerBound), abs(range.upperBound)) * 1e-6
    guard range.upperBound - range.lowerBound <= tiny else { return range }
    return (range.lowerBound - 0.5)...(range.upperBound + 0.5)
  }

  private func draw(
    _ panel: MapPanel, _ colouring: Colouring, at origin: (x: Int, y: Int), _ layout: Layout, hasBar: Bool,
    on canvas: inout Canvas
  ) {
    let (map, width, height) = (panel.map, layout.mapWidth, layout.mapHeight)
    let room = (width + (hasBar ? Layout.barGap + Layout.barWidth : 0)) / (BitmapFont.advance * Layout.letter)
    canvas.text(
      String(panel.title.prefix(room)), x: origin.x, y: origin.y - Layout.titleHeight + 2,
      scale: Layout.letter, Ink.text)
    canvas.frame(x: origin.x, y: origin.y, width: width, height: height, Ink.frame)
    for y in 0..<height where map.rows > 0 {
      let drawn = y * map.rows / height
      let row = isRowZeroAtBottom ? map.rows - 1 - drawn : drawn
      for x in 0..<width where map.columns > 0 {
        let index = row * map.columns + x * map.columns / width
        canvas.image[origin.x + x, origin.y + y] =
          panel.isValid(index) ? colouring.colour(Double(map.values[index])) : Ink.invalid
      }
    }
    if let mark = panel.mark { draw(mark, of: map, at: origin, layout, on: &canvas) }
    guard hasBar else { return }
    drawBar(colouring, x: origin.x + width + Layout.barGap, y: origin.y, height: height, on: &canvas)
  }

  /// A white square with a dark frame; nothing where the place is not on the map.
  private func draw(
    _ mark: SIMD2<Double>, of map: ChannelFingerprint, at origin: (x: Int, y: Int), _ layout: Layout,
    on canvas: inout Canvas
  ) {
    let (column, row) = (mark.x.rounded(), mark.y.rounded()), side = 8
    guard column >= 0, row >= 0, column < Double(map.columns), row < Double(map.rows) else { return }
    let drawn = isRowZeroAtBottom ? map.rows - 1 - Int(row) : Int(row)
    let x = (2 * Int(column) + 1) * layout.mapWidth / (2 * map.columns) - side / 2
    let y = (2 * drawn + 1) * layout.mapHeight / (2 * map.rows) - side / 2
    let left = origin.x + min(max(x, 0), layout.mapWidth - side),
      top = origin.y + min(max(y, 0), layout.mapHeight - side)
    canvas.fill(x: left, y: top, width: side, height: side, Ink.text)
    canvas.fill(x: left + 2, y: top + 2, width: side - 4, height: side - 4, Ink.paper)
  }

  private func drawBar(_ colouring: Colouring, x: Int, y: Int, height: Int, on canvas: inout Canvas) {
    let width = Layout.barWidth
    for row in 0..<height {
      let fraction = 1 - (Double(row) + 0.5) / Double(height)
      canvas.fill(x: x, y: y + row, width: width, height: 1, colouring.map.colour(at: fraction))
    }
    canvas.frame(x: x, y: y, width: width, height: height, Ink.frame)
    let letterHeight = BitmapFont.ascent * Layout.letter
    canvas.text(
      unit, x: x + width + Layout.tickGap, y: y - Layout.titleHeight + 2, scale: Layout.letter, Ink.text)
    let ticks = Ticks.linear(colouring.range, maximum: max(2, height / 48))
    let span = colouring.range.upperBound - colouring.range.lowerBound
    for (value, label) in zip(ticks.values, ticks.labels) {
      let fraction = (value - colouring.range.lowerBound) / span
      let position = y + Int(((1 - fraction) * Double(height - 1)).rounded())
      canvas.fill(x: x + width + 1, y: position, width: 4, height: 1, Ink.frame)
      // A label at an end stays within the panel's height.
      let top = min(max(position - letterHeight / 2, y), y + height - letterHeight)
      canvas.text(label, x: x + width + Layout.tickGap, y: top, scale: Layout.letter, Ink.text)
    }
  }
}
