import Essentials
import Foundation

// Random changes to files, guided by the code that they reach, under every reader of this process (`Scripts/fuzz`).
//
//   ckm-fuzz READER [arguments and folders of libFuzzer]
//   ckm-fuzz --list
//
// A reader throws a `Fault` or reads; anything else, a second more than it needs or memory out of proportion is a finding.

/// libFuzzer's own loop (llvm.org/docs/LibFuzzer.html, "Using libFuzzer as a library").
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ examine: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

nonisolated(unsafe) private var examined = Reader.json
nonisolated(unsafe) private var bench = Bench()
nonisolated(unsafe) private var inputs = (all: 0, taken: 0)

/// One input.
private func examine(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
  inputs.all += 1
  do {
    try examined.read(Array(UnsafeBufferPointer(start: data, count: size)), on: bench)
    inputs.taken += 1
  } catch let fault as Fault {
    // What is told has to be tellable.
    precondition(!"\(fault)".isEmpty)
  } catch {
    fatalError("not a Fault: \(error)")
  }
  return 0
}

/// Called by libFuzzer to make the next input out of one that was worth keeping: changes, then right check sums, so that what
/// lies behind them is reached. One in eight keeps wrong ones.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ largest: Int, _ seed: UInt32) -> Int {
  let size = mutateBytes(data, size, largest)
  if seed % 8 != 0 { examined.repair(UnsafeMutableBufferPointer(start: data, count: size)) }
  return size
}

@_silgen_name("LLVMFuzzerMutate")
private func mutateBytes(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ largest: Int) -> Int

if CommandLine.arguments.dropFirst() == ["--list"] {
  for reader in Reader.allCases { print(reader.rawValue) }
  exit(0)
}
guard CommandLine.argc >= 2, let reader = Reader(rawValue: CommandLine.arguments[1]) else {
  let names = Reader.allCases.map(\.rawValue).joined(separator: ", ")
  FileHandle.standardError.write(Data("ckm-fuzz: name a reader: \(names)\n".utf8))
  exit(64)
}
// What cannot be taken at all was not tried: the script wants some of each.
atexit { print("\(examined.rawValue): \(inputs.all) inputs, \(inputs.taken) taken") }
examined = reader
bench = try Bench(for: reader)

// libFuzzer gets its arguments without the reader.
private var arguments = CommandLine.unsafeArgv + 1
arguments[0] = CommandLine.unsafeArgv[0]
private var count = CommandLine.argc - 1
exit(runDriver(&count, &arguments, examine))
