import CKernels
import Records
import Tensors

/// What the processor gives at most: matrix products out of caches, and copies through memory.
public enum ProductBenchmark {
  /// The rate of register blocks over operands in the second-level cache, all threads at once [operations/s].
  static func peak(_ engine: Engine) -> Double {
    let rows = 56, depth = 128, columns = 64, rounds = 2000
    let perThread = depth * (rows + columns) + rows * columns
    let operands = engine.zeros([engine.threads.count, perThread])
    let times = (0..<5).map { _ in
      seconds {
        engine.threads.run(engine.threads.count) { job, _ in
          let a = operands.base + job * perThread, b = a + rows * depth, c = b + depth * columns
          for _ in 0..<rounds {
            for column in stride(from: 0, to: columns, by: 32) {
              ck_panel_product(
                c + column, columns, a, depth, 1, b + depth * column, 32, b + depth * column, rows, 32, depth, 1)
            }
          }
        }
      }
    }
    let operations = 2 * rows * depth * columns * rounds * engine.threads.count
    return Double(operations) / (times.min() ?? .nan)
  }

  /// Measures products of our register blocks and of OpenBLAS, and the rate of a copy.
  public static func run(_ settings: BenchmarkSettings) -> BenchmarkReport {
    let engine = Engine(threads: settings.threads)
    var table = MarkdownTable(["what", "rate"])
    var members: [JSONMember] = []
    func add(_ what: String, _ key: String, _ rate: Double, _ unit: String) {
      table.add([what, "\(Units.number(rate / 1e9)) \(unit)"])
      members.append(JSONMember(key: key, value: .real(rate)))
    }
    add("register blocks, 56 x 128 x 64 in cache", "block_operations_per_second", peak(engine), "GFLOP/s")
    for size in [64, 256, 1024] {
      let rate = library(engine, size, rounds: settings.steps)
      add("OpenBLAS, \(size)³ a thread", "openblas_\(size)_operations_per_second", rate, "GFLOP/s")
    }
    add("copy of 256 MiB", "copy_bytes_per_second", copy(engine, rounds: settings.steps), "GB/s")
    members =
      [
        JSONMember(key: "benchmark", value: .text("gemm")),
        JSONMember(key: "threads", value: .integer(settings.threads)),
      ] + members
    return BenchmarkReport(
      title: "This machine's limits on \(settings.threads) threads, float32", tables: [table],
      json: .object(members))
  }

  private static func library(_ engine: Engine, _ size: Int, rounds: Int) -> Double {
    let count = engine.threads.count, repeats = max(1, 100_000_000 / (size * size * size))
    let operands = engine.zeros([count, 3 * size * size])
    let times = (0...rounds).map { _ in
      seconds {
        engine.threads.run(count) { job, _ in
          let a = operands.base + job * 3 * size * size, b = a + size * size
          for _ in 0..<repeats {
            ck_gemm(0, 0, size, size, size, 1, a, size, b, size, 0, b + size * size, size)
          }
        }
      }
    }
    return Double(2 * size * size * size * repeats * count) / (times.dropFirst().min() ?? .nan)
  }

  /// The rate of a copy that no cache holds [bytes/s], read and written bytes counted.
  static func copy(_ engine: Engine, rounds: Int) -> Double {
    let count = 1 << 26, block = 1 << 16
    let from = engine.zeros([count]), to = engine.zeros([count])
    let times = (0..<max(3, rounds)).map { _ in
      seconds {
        engine.threads.run(count / block) { job, _ in
          (to.base + job * block).update(from: from.base + job * block, count: block)
        }
      }
    }
    return Double(8 * count) / (times.min() ?? .nan)  // read and written
  }
}
