import Foundation
import NeuralNetworks
import Pictures
import Records
import Runs

/// What a pruning found and took away.
public struct PruningReport: Sendable {
  /// One line of the table.
  public struct Row: Sendable {
    /// The layer's value and what it would save.
    public var sensitivity: LayerSensitivity
    /// Whether it went.
    public var isChosen: Bool
  }
  /// Parameters and multiply-accumulates of a network.
  public struct Size: Sendable, Equatable {
    /// Parameters, group norms' counted.
    public var parameters: Int
    /// Multiply-accumulates of one map.
    public var multiplyAccumulates: Int

    init(_ networks: [NetworkOutline]) {
      let total = networks.flatMap(\.layers).total
      (parameters, multiplyAccumulates) = (total.parameters, total.multiplyAccumulates)
    }
  }

  /// The teacher's checkpoint.
  public let teacherPath: String
  /// The data set.
  public let data: String
  /// How many parameters had to go.
  public let need: Int
  /// One row a prunable layer, in the order of computation.
  public let rows: [Row]
  /// The teacher's size.
  public let teacher: Size
  /// The student's size.
  public let student: Size
  /// The sum of the chosen layers' values: the joint loss if losses added up.
  public let predictedLoss: Double
  /// The squared difference of the two answers over the same sample.
  public let actualLoss: Double
  /// The teacher's own loss over that sample.
  public let teacherLoss: Double
  /// The student's, before any training.
  public let studentLoss: Double

  init<Family: PrunableFamily>(
    teacher: TrainedRun<Family>, student: Student<Family>, data: String, need: Int, layers: [LayerSensitivity],
    chosen: Set<Int>,
    joint: JointLoss
  ) throws {
    teacherPath = teacher.path
    self.data = data
    self.need = need
    rows = layers.enumerated().map { Row(sensitivity: $1, isChosen: chosen.contains($0)) }
    self.teacher = Size(try Family.outlines(teacher.configuration))
    self.student = Size(try Family.outlines(student.configuration))
    predictedLoss = rows.filter(\.isChosen).reduce(0) { $0 + $1.sensitivity.value }
    actualLoss = joint.difference
    teacherLoss = joint.teacher
    studentLoss = joint.student
  }

  /// The report for people.
  public var markdown: String {
    var table = MarkdownTable(
      ["", "prunable layer", "parameters", "MACs (G)", "value", "± error", "pruned"],
      alignments: [.right, .left, .right, .right, .right, .right, .left])
    for (index, row) in rows.enumerated() {
      let layer = row.sensitivity.layer
      table.add([
        "\(index + 1)", layer.name, "\(layer.parameters)", Self.billions(layer.multiplyAccumulates),
        Units.number(row.sensitivity.value),
        row.sensitivity.standardError.map { Units.number($0) } ?? "-", row.isChosen ? "yes" : "",
      ])
    }
    let gone = teacher.parameters - student.parameters
    return """
      # Pruned by \(Self.percent(gone, teacher.parameters))

      Teacher: `\(teacherPath)`. Data: `\(data)`. At least \(need) of \(teacher.parameters) parameters had to go; \
      \(gone) went, in \(rows.count(where: \.isChosen)) of \(rows.count) prunable layers.

      | network | parameters | MACs (G) | task loss |
      | ------- | ---------: | -------: | --------: |
      | teacher | \(teacher.parameters) | \(Self.billions(teacher.multiplyAccumulates)) | \(Units.number(teacherLoss)) |
      | student, untrained | \(student.parameters) | \(Self.billions(student.multiplyAccumulates)) | \
      \(Units.number(studentLoss)) |

      Squared difference between the two answers (mean over elements): predicted as the sum of the layers' values \
      \(Units.number(predictedLoss)), actual \(Units.number(actualLoss)) (actual / predicted \
      \(Units.number(actualLoss / predictedLoss))).

      The value of a layer is the squared difference that its removal alone makes.

      \(table.text)
      ![values of the layers](prune.svg)

      """
  }

  /// `prune.json`.
  private struct File: Encodable {
    struct Layer: Encodable {
      let name: String, parameters: Int, multiplyAccumulates: Int, value: Double, standardError: Double?, pruned: Bool

      init(_ row: Row) {
        let found = row.sensitivity
        (name, parameters) = (found.layer.name, found.layer.parameters)
        multiplyAccumulates = found.layer.multiplyAccumulates
        (value, standardError, pruned) = (found.value, found.standardError, row.isChosen)
      }
    }
    let teacher: String, data: String, need: Int, teacherParameters: Int, studentParameters: Int
    let teacherMultiplyAccumulates: Int, studentMultiplyAccumulates: Int
    let predictedLoss: Double, actualLoss: Double, teacherLoss: Double, studentLoss: Double
    let layers: [Layer]
  }

  private var file: File {
    File(
      teacher: teacherPath, data: data, need: need, teacherParameters: teacher.parameters,
      studentParameters: student.parameters, teacherMultiplyAccumulates: teacher.multiplyAccumulates,
      studentMultiplyAccumulates: student.multiplyAccumulates, predictedLoss: predictedLoss, actualLoss: actualLoss,
      teacherLoss: teacherLoss, studentLoss: studentLoss, layers: rows.map(File.Layer.init))
  }

  /// The values as bars, by the table's numbers.
  var chart: BarChart {
    func bars(_ name: String, chosen: Bool) -> BarSeries {
      BarSeries(name, rows.map { $0.isChosen == chosen ? $0.sensitivity.value : .nan })
    }
    return BarChart(
      title: "Squared difference in the answer without one layer", xLabel: "prunable layer (number in prune.md)",
      yLabel: "value", categories: rows.indices.map { "\($0 + 1)" },
      series: [bars("kept", chosen: false), bars("pruned", chosen: true)])
  }

  /// Writes `prune.md`, `prune.json` and `prune.svg`.
  func write(to directory: String) throws {
    let what = "cannot write the report"
    let json = try JSONValue.encoding(file, keys: .snakeCase)
    try Files.write(json.indented.utf8, to: "\(directory)/prune.json", what: what)
    try Files.write(markdown.utf8, to: "\(directory)/prune.md", what: what)
    try chart.write(to: "\(directory)/prune.svg")
  }

  private static func billions(_ count: Int) -> String { String(format: "%.4f", Double(count) / 1e9) }

  private static func percent(_ part: Int, _ whole: Int) -> String {
    String(format: "%.1f %%", 100 * Double(part) / Double(whole))
  }
}
