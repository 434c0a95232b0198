import Essentials
import Foundation
import Testing
import TestSupport
@testable import Records

@Suite struct JSONTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONValue.parse(text.utf8, at: "x.json") }

  @Test func valuesKeepTheirDigitsAndOrder() throws {
    let text = #"{"b":[1,-2.50,1e-7,18446744073709551615],"a":{"x":null,"y":true},"s":"é\"\\\n\u0001😀"}"#
    let value = try parse(text)
    #expect(value.serialised == text)
    #expect(value["b"]?.arrayValue?[1].realValue == -2.5)
    #expect(value["b"]?.arrayValue?[3].integerValue == nil)
    #expect(value["a"]?["y"] == .flag(true))
    #expect(try parse(value.indented) == value)
    #expect(try parse(#""\ud83d\ude00\/\b""#) == .text("\u{1F600}/\u{8}"))
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":1,}", "{'a':1}", "01", "+1", "1.", ".5", "1e", "nul", "NaN", "\"\\x\"", "\"a",
    "\"\t\"",
    "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "[1] 2", "\"\\ud800\"", "\"\\ud800\\u0041\"",
    "\"\\u12g4\"", "{1:2}",
    "[1 2]", "{\"a\" 1}", String(repeating: "[", count: 100_000), "\u{FEFF}1", "tru", "-",
  ])
  func malformedTextIsAFault(text: String) {
    #expect(fault { try parse(text) }?.place == "x.json")
  }

  @Test func invalidUTF8IsAFault() {
    #expect(
      fault { try JSONValue.parse([0x22, 0xC3, 0x28, 0x22], at: "x") }?.expected == "a string in UTF-8")
  }

  @Test func randomDamageNeverCrashes() {
    let whole = Array(#"{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"m":{"k":"\u00e9 v"}}"#.utf8)
    var state: UInt64 = 3
    for _ in 0..<5000 {
      var bytes = whole
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 25)
      }
      do { _ = try JSONValue.parse(bytes, at: "x") } catch { #expect(error is Fault) }
    }
  }

  @Test func numbersReadBackTheSame() throws {
    var state: UInt64 = 5
    for _ in 0..<1000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let double = Double(bitPattern: state)
      let float = Float(bitPattern: UInt32(truncatingIfNeeded: state >> 32))
      if double.isFinite { #expect(try parse(JSONValue.real(double).serialised).realValue == double) }
      if float.isFinite {
        #expect(Float(try #require(parse(JSONValue.real(float).serialised).realValue)) == float)
      }
    }
    #expect(JSONValue.real(-Double.infinity).realValue == -.infinity)
    #expect(JSONValue.real(Float.nan).realValue?.isNaN == true)
  }

  private struct Everything: Encodable {
    struct Inner: Encodable {
      var rmseDB = -Double.infinity, single: Float = 0.1
    }
    struct Named: Encodable {
      let names: [String]

      func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: JSONKey.self)
        for name in names { try members.encode(Inner(), forKey: JSONKey(name)) }
      }
    }
    enum Word: String, Encodable { case oneWord }
    struct Nothing: Encodable {}

    var zulu = 1, alphaValue = UInt64.max, flag = true, text = "é", x2Count: Int8 = -3
    var real: Double? = 2, missing: Double?, none: Int?, silent: String?, left: Inner?
    var list: [Double?] = [.nan, nil, 1e-7], empty: [Int] = [], inner = [Inner()], word = Word.oneWord
    var nothing = Nothing(), named = Named(names: ["CGDM", "aB"])
  }

  @Test func valuesEncodeInTheOrderOfTheirDeclaration() throws {
    let inner = #"{"rmse_db":"-Infinity","single":0.1}"#
    #expect(
      try JSONValue.encoding(Everything(), keys: .snakeCase).serialised == #"""
        {"zulu":1,"alpha_value":18446744073709551615,"flag":true,"text":"é","x2_count":-3,"real":2.0,"missing":null,\#
        "none":null,"silent":null,"left":null,"list":["NaN",null,1e-07],"empty":[],"inner":[\#(inner)],"word":"oneWord",\#
        "nothing":{},"named":{"CGDM":\#(inner),"aB":\#(inner)}}
        """#)
    #expect(try JSONValue.encoding(Everything.Inner()).serialised == #"{"rmseDB":"-Infinity","single":0.1}"#)
    #expect(try JSONValue.encoding(Double?.none) == .null)
  }
}
