import Configuration
import Essentials
import Testing

@testable import ChannelModels

@Suite struct SimulationRecordTests {
  private let simulation = SimulationConfiguration(scenario: .umi, propagation: .mixed, seed: 7)

  @Test func aRecordReadsBackTheSame() throws {
    let drawn = SimulationRecord(simulation, stations: nil)
    #expect(!drawn.yaml.contains("stations"))
    #expect(try SimulationRecord(yaml: drawn.yaml, at: "maps.h5") == drawn)
    var stations = SimulationRecord.Stations()
    (stations.source, stations.count, stations.checksum) = ("a b.npy:x", 3, "0123456789abcdef")
    let given = SimulationRecord(simulation, stations: stations)
    #expect(try SimulationRecord(yaml: given.yaml, at: "maps.h5") == given)
  }

  /// What files of earlier versions hold, whatever comes first.
  @Test func earlierRecordsRead() throws {
    let stations = """
      stations:
        source: "st.npy"
        count: 2
        checksum: "5c7e49ab8e2e8f5c"  # XXH64 of the positions

      """
    let text = Configuration.yaml(simulation)
    for yaml in [text + stations, stations + text] {
      let record = try #require(try SimulationRecord(yaml: yaml, at: "maps.h5"))
      #expect(record.simulation == simulation && record.stations.count == 2 && record.stations.source == "st.npy")
    }
  }

  @Test(arguments: [
    "", "scenario", "import:\n  scenario: uma\n", "- scenario: uma\n", "# scenario: uma\n", "{", "a: 1\n",
  ])
  func otherTextsAreNoRecords(yaml: String) throws {
    #expect(try SimulationRecord(yaml: yaml, at: "maps.h5") == nil)
  }

  @Test func aWrongRecordIsAFault() {
    #expect(throws: Fault.self) { try SimulationRecord(yaml: "scenario: moon\n", at: "maps.h5") }
  }
}
