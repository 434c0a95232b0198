import CYAML
import Essentials

/// A look at YAML before anything is made of it: what a configuration never needs, and what could make a small file cost
/// unbounded work (aliases multiply, nesting recurses), is refused.
///
/// It is the parser's own events that are judged: a guard that reads the text in another way than the parser can be passed.
enum YAMLGuard {
  static let maximumDepth = 16
  static let maximumNodes = 100_000

  /// - Throws: `Fault` with line and column when the text has an anchor, an alias, a tag, too many nodes or too deep nesting.
  static func check(_ yaml: String, named name: String) throws {
    var (line, column) = (0, 0)
    var yaml = yaml
    let finding = yaml.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        cy_judge($0.baseAddress, $0.count, maximumDepth, maximumNodes, &line, &column)
      }
    }
    func fault(_ expected: String, _ found: String, hint: String? = nil) -> Fault {
      Fault("cannot read the YAML", at: "\(name):\(line):\(column)", expected: expected, found: found, hint: hint)
    }
    let written = "write the value out; put text that begins so in quotes"
    switch finding {
    case cy_anchor: throw fault("plain keys and values", "an anchor (&)", hint: written)
    case cy_alias: throw fault("plain keys and values", "an alias (*)", hint: written)
    case cy_tag: throw fault("plain keys and values", "a tag (!)", hint: written)
    case cy_deep: throw fault("at most \(maximumDepth) levels of nesting", "more")
    case cy_many: throw fault("at most \(maximumNodes) values", "more")
    default: return
    }
  }
}
