import Records

/// A network's structure, to be counted, shown and pruned: any family can give one.
public struct NetworkOutline: Sendable {
  /// A row of the table: layers that work on one grid, in the order of computation.
  public struct Stage: Sendable {
    /// What the stage is called: "Dn1".
    public var label: String
    /// What it holds, in a few words: "2 Res+, Down".
    public var contents: String
    /// Channels that leave it.
    public var channels: Int
    /// Rows and columns that its blocks work on; nil where there is no grid.
    public var resolution: Int?
    /// Its layers, in the order of computation.
    public var layers: [LayerCost]

    /// - Parameters:
    ///   - label: what the stage is called.
    ///   - contents: what it holds, in a few words.
    ///   - channels: channels that leave it.
    ///   - resolution: rows and columns that its blocks work on; nil where there is no grid.
    ///   - layers: its layers, in the order of computation.
    public init(_ label: String, contents: String, channels: Int, resolution: Int?, layers: [LayerCost]) {
      self.label = label
      self.contents = contents
      self.channels = channels
      self.resolution = resolution
      self.layers = layers
    }
  }

  /// Layers that the network still fits together without, if all of them go.
  public struct PrunableUnit: Sendable {
    /// What a configuration calls it: "downs.1.res_block" or "mid.0.attn".
    public var name: String
    /// What goes with it.
    public var layers: [LayerCost]

    /// - Parameters:
    ///   - name: what a configuration calls it.
    ///   - layers: what goes with it.
    public init(_ name: String, layers: [LayerCost]) {
      self.name = name
      self.layers = layers
    }

    /// Parameters that go with it.
    public var parameters: Int { layers.total.parameters }
    /// Multiply-accumulates that go with it.
    public var multiplyAccumulates: Int { layers.total.multiplyAccumulates }
  }

  /// What is counted for: "one map of 128 x 128".
  public var sample: String
  /// The stages, in the order of computation; one whose layers were all pruned away is empty.
  public var stages: [Stage]
  /// What can be pruned, in the order of computation.
  public var prunable: [PrunableUnit]

  /// - Parameters:
  ///   - sample: what is counted for, in words.
  ///   - stages: the stages, in the order of computation.
  ///   - prunable: what can be pruned, in the order of computation.
  public init(for sample: String, stages: [Stage], prunable: [PrunableUnit] = []) {
    self.sample = sample
    self.stages = stages
    self.prunable = prunable
  }

  /// All layers, in the order of computation.
  public var layers: [LayerCost] { stages.flatMap(\.layers) }
  /// What the network costs.
  public var total: LayerCost { layers.total }

  /// Parameters and multiply-accumulates, stage by stage; stages without a layer are left out.
  public var table: MarkdownTable {
    var table = MarkdownTable(
      ["stage", "blocks", "channels", "resolution", "parameters", "MACs (G)"],
      alignments: [.left, .left, .right, .right, .right, .right])
    for stage in stages where !stage.layers.isEmpty {
      table.add(
        [stage.label, stage.contents, "\(stage.channels)", stage.resolution.map { "\($0)" } ?? ""]
          + Self.cells(stage.layers.total))
    }
    table.add(["total", "", "", ""] + Self.cells(total))
    return table
  }

  /// The totals as a sentence.
  public var summary: String {
    let cells = Self.cells(total)
    return "\(cells[0]) parameters, \(cells[1]) G multiply-accumulates in convolutions and linear layers for \(sample)."
  }

  /// What can be pruned, with what each would save.
  public var prunableTable: MarkdownTable {
    var table = MarkdownTable(["prunable layer", "parameters", "MACs (G)"])
    for unit in prunable { table.add([unit.name] + Self.cells(unit.layers.total)) }
    table.add(["all \(prunable.count)"] + Self.cells(prunable.flatMap(\.layers).total))
    return table
  }

  private static func cells(_ cost: LayerCost) -> [String] {
    [Units.grouped(cost.parameters), Units.billions(cost.multiplyAccumulates)]
  }
}
