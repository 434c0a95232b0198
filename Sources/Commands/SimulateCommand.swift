import ArgumentParser
import ChannelModels
import Essentials
import MapStorage
import MessagePassing
import Records

/// `ckm simulate`: data sets of simulated maps, by a command for each channel model.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Simulate a data set of channel maps.",
    discussion: """
      What a map holds depends on the options, the seed and its number alone, not on the ranks or threads that made it.

      Finished blocks stay in FILE.partial: after SIGUSR1 to mpirun (exit code 75), a crash or a full disk the same \
      command goes on from there, with any number of ranks, and ends with the same file.
      """,
    subcommands: [
      SimulateStandard<UrbanMacrocell>.self, SimulateStandard<UrbanMicrocell>.self,
      SimulateStandard<RuralMacrocell>.self, SimulateUrban.self,
    ])
}

/// Where the result of a simulation goes, and on what it is made.
struct SimulationOutput: ParsableArguments {
  @Option(name: .shortAndLong, help: "The data set to write.")
  var out: String

  @Flag(help: "Replace the data set if there is one.")
  var overwrite = false

  @Flag(help: "Throw away what an interrupted run has left, and start over.")
  var restart = false

  @OptionGroup var compute: ComputeOptions

  /// Numbers of samples are 32 bits in many places, in other people's programs too.
  static let mostMaps = Int(Int32.max)

  /// How many maps there are of so many kinds, so many of each.
  ///
  /// - Throws: `Fault` naming the option, where they are too many.
  static func product(_ kinds: Int, _ each: Int, of option: String) throws -> Int {
    let product = kinds.multipliedReportingOverflow(by: each)
    guard !product.overflow, product.partialValue <= mostMaps else {
      throw Fault("these are too many maps", at: option, expected: "at most \(mostMaps) maps")
    }
    return product.partialValue
  }

  /// Collective. Simulates the maps; prints what there is then.
  ///
  /// - Parameters:
  ///   - simulator: makes them.
  ///   - count: how many.
  ///   - width: how many at a time.
  func run(
    _ simulator: any MapBlockMaker, count: Int, width: Int, _ communicator: Communicator, _ console: Console
  ) throws {
    let run = AssemblyRun(
      maker: simulator, work: "simulate", count: count, path: out, width: width, overwrite: overwrite, restart: restart)
    if case .stopped = try run.run(communicator, console) { throw ExitCode(75) }
    if communicator.isRoot {
      let description = simulator.description
      print("\(out): \(count) maps of \(description.rows) x \(description.columns), \(description.units)")
    }
  }
}
