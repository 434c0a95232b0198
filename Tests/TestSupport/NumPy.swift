/// The bytes of a NumPy `.npy` file, version 1.0, of float32.
public func numPy(shape: [Int], _ value: (Int) -> Float) -> [UInt8] {
  var header = "{'descr': '<f4', 'fortran_order': False, 'shape': ("
  header += shape.map { "\($0)," }.joined(separator: " ") + "), }"
  // Magic, version and length take 10 bytes; the data begins at a multiple of 64.
  header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
  var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
  bytes += [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)] + Array(header.utf8)
  for index in 0..<shape.reduce(1, *) {
    withUnsafeBytes(of: value(index).bitPattern.littleEndian) { bytes += Array($0) }
  }
  return bytes
}
