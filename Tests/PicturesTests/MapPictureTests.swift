import Essentials
import Foundation
import Testing

@testable import Pictures

@Suite struct MapPictureTests {
  /// A smooth field of pathloss about a station, with some structure [dB].
  private func field(_ size: Int) -> ChannelFingerprint {
    var map = ChannelFingerprint(rows: size, columns: size, repeating: 0)
    for row in 0..<size {
      for column in 0..<size {
        let (y, x) = ((Double(row) + 0.5) / Double(size), (Double(column) + 0.5) / Double(size))
        let distance = hypot(x - 0.35, y - 0.6) + 0.03
        map[row, column] = Float(-70 - 35 * log10(distance * 20) + 6 * sin(14 * x) * cos(11 * y))
      }
    }
    return map
  }

  @Test func panelShowsMapsFramesAndBars() throws {
    let truth = field(128)
    var valid = [Bool](repeating: true, count: truth.values.count)
    for row in 40..<60 { for column in 80..<100 { valid[row * 128 + column] = false } }
    var error = truth
    for index in error.values.indices {
      error.values[index] = sin(Float(index) / 300) * Float(index % 128) / 40
    }
    let picture = MapPicture(
      title: "Channel fingerprint 17, NLOS, magnification 4",
      panels: [
        MapPanel("coarse 32x32", field(32)), MapPanel("bicubic", field(64)),
        MapPanel("reconstructed", truth), MapPanel("truth", truth, mask: Mask(valid)),
        MapPanel("error", error, mask: Mask(valid), scale: .diverging),
      ])
    let image = picture.rendered()
    #expect(image.width > 5 * 256)
    if let place = ProcessInfo.processInfo.environment["CKM_KEEP_PICTURES"] {
      try image.write(to: "\(place)/panel.png")
    }
    // The first map begins below its title at the left margin, framed.
    let first = image[20, image.height - 20 - 256]
    let range = (truth.values.min()!, truth.values.max()!)
    let coarse = field(32).values[0]
    let fraction = Double((coarse - range.0) / (range.1 - range.0))
    let want = ColourMap.viridis.colour(at: fraction)
    // The shared range is over all panels, so a level or two of colour may differ from the truth's own.
    #expect(abs(Int(first.red) - Int(want.red)) < 12 && abs(Int(first.green) - Int(want.green)) < 12)
    #expect(image[19, image.height - 20 - 256] == Colour(0x5A6068))
  }

  @Test func strangeMapsAreDrawnToo() {
    let constant = ChannelFingerprint(rows: 3, columns: 5, repeating: 7)
    let holes = ChannelFingerprint(rows: 2, columns: 2, values: [.nan, .infinity, 1, -1])
    let nothing = ChannelFingerprint(rows: 1, columns: 1, values: [.nan])
    for scale in [MapPanel.Scale.own, .shared, .diverging, .fixed(1...1)] {
      let picture = MapPicture(
        title: "", panels: [constant, holes, nothing].map { MapPanel("x", $0, scale: scale) }, columns: 2,
        isRowZeroAtBottom: true)
      #expect(picture.rendered().height > 2 * 156)
    }
    let large = Float.greatestFiniteMagnitude
    let extreme = ChannelFingerprint(rows: 1, columns: 2, values: [-large, large])
    #expect(MapPicture(title: "\u{1F600}", panels: [MapPanel("é", extreme)]).rendered().width > 0)
  }

  @Test func rowZeroStandsWhereItIsWanted() {
    let map = ChannelFingerprint(rows: 2, columns: 1, values: [0, 1])
    func firstColour(_ isRowZeroAtBottom: Bool) -> Colour {
      let picture = MapPicture(title: "", panels: [MapPanel("", map)], isRowZeroAtBottom: isRowZeroAtBottom)
      let image = picture.rendered()
      return image[20, image.height - 20 - 1]
    }
    #expect(firstColour(true) == ColourMap.viridis.colour(at: 0))
    #expect(firstColour(false) == ColourMap.viridis.colour(at: 1))
  }

  @Test func ticksAreRoundAndWithinTheRange() {
    #expect(Ticks.linear(-113...(-52), maximum: 5).labels == ["-100", "-80", "-60"])
    #expect(Ticks.linear(0...1, maximum: 5).labels == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(Ticks.linear(0...0.03, maximum: 4).labels == ["0.00", "0.01", "0.02", "0.03"])
    #expect(
      Ticks.logarithmic(1e-4...20, maximum: 8).labels == ["1e-4", "1e-3", "1e-2", "1e-1", "1e0", "1e1"])
    #expect(Ticks.linear(5...5, maximum: 4).values == [5])
  }

  @Test func lettersDiffer() {
    let drawn = (32..<127).map { code in
      (0..<BitmapFont.glyphHeight).flatMap { row in
        (0..<BitmapFont.glyphWidth).map { column in
          BitmapFont.covers(Character(Unicode.Scalar(UInt8(code))), column: column, row: row)
        }
      }
    }
    #expect(Set(drawn).count == 95)
    #expect(!drawn[0].contains(true))
  }
}
