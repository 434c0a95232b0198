// swift-tools-version: 6.2
import PackageDescription

// Floors: a target imports lower floors only; CI builds with
// `--explicit-target-dependency-import-check error`, so this list is the law.

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
]
let strictC: [CSetting] = [.treatAllWarnings(as: .error)]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func shim(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, cSettings: strictC)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "ChannelTwin",
  products: [
    .executable(name: "ckm", targets: ["ckm"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // Floor 0: system libraries and thin C.
    .systemLibrary(
      name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(
      name: "CHDF5", pkgConfig: "hdf5-openmpi", providers: [.apt(["libhdf5-openmpi-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    shim("CMessagePassing", ["COpenMPI"]),
    .target(
      name: "CHierarchicalData", dependencies: ["CHDF5"], cSettings: strictC,
      linkerSettings: [.linkedLibrary("hdf5_hl")]),
    shim("CImages", ["CPNG"]),
    shim("CKernels", ["COpenBLAS"]),
    shim("CRunRecords", []),

    // `Fault` and `ChannelFingerprint`: the two types that every floor speaks.
    library("Essentials", []),

    // Floor 1
    library("Tensors", ["Essentials", "CKernels"]),
    library("MessagePassing", ["Essentials", "CMessagePassing"]),
    library("RunRecords", ["Essentials", "CImages", "CKernels", "CRunRecords", yams]),

    // Floor 2
    library("NeuralNetworks", ["Essentials", "Tensors", "CKernels", "RunRecords"]),
    library(
      "MapStorage",
      ["Essentials", "CHierarchicalData", "CZlib", "Tensors", "MessagePassing", "RunRecords"]),
    library("ChannelModels", ["Essentials", "Tensors", "CKernels", "RunRecords"]),
    library("Interpolation", ["Essentials", "Tensors", "CKernels"]),
    library("Metrics", ["Essentials", "Tensors"]),

    // Floor 3
    library("Diffusion", ["Essentials", "Tensors", "CKernels"]),
    library(
      "FingerprintModels",
      ["Essentials", "NeuralNetworks", "Tensors", "RunRecords", "Interpolation", "MapStorage"]),

    // Floors 4 to 6
    library(
      "Checkpoints",
      [
        "Essentials", "FingerprintModels", "Diffusion", "NeuralNetworks", "MapStorage", "Interpolation", "Tensors",
        "MessagePassing", "RunRecords", "CKernels",
      ]),
    library(
      "Training",
      [
        "Essentials", "Checkpoints", "FingerprintModels", "Diffusion", "NeuralNetworks", "MapStorage",
        "Interpolation", "Metrics", "Tensors", "MessagePassing", "RunRecords",
      ]),
    library(
      "Evaluation",
      [
        "Essentials", "Training", "Checkpoints", "FingerprintModels", "Diffusion", "NeuralNetworks",
        "MapStorage", "Interpolation", "Metrics", "Tensors", "MessagePassing", "RunRecords",
      ]),

    library(
      "Compression",
      [
        "Essentials", "Training", "Checkpoints", "FingerprintModels", "NeuralNetworks", "Metrics", "Tensors",
        "MessagePassing", "RunRecords",
      ]),

    library(
      "Benchmarks",
      [
        "Essentials", "Training", "Checkpoints", "ChannelModels", "FingerprintModels", "NeuralNetworks", "Tensors",
        "MessagePassing", "RunRecords", "CKernels",
      ]),

    // Floor 7: the command
    .executableTarget(
      name: "ckm",
      dependencies: [
        "Essentials", "Benchmarks", "Evaluation", "Compression", "Training", "Checkpoints", "FingerprintModels",
        "Diffusion",
        "NeuralNetworks", "MapStorage", "ChannelModels", "Interpolation", "Metrics", "Tensors",
        "MessagePassing", "RunRecords", argumentParser,
      ],
      swiftSettings: strict),

    // Tests: one target a library; `MultiRankTests` also runs under mpirun.
    tests("TensorsTests", ["Essentials", "Tensors", "CKernels"]),
    tests("MessagePassingTests", ["Essentials", "MessagePassing"]),
    tests("RunRecordsTests", ["Essentials", "RunRecords", "CKernels"]),
    tests("NeuralNetworksTests", ["Essentials", "NeuralNetworks", "Tensors", "CKernels"]),
    tests("MapStorageTests", ["Essentials", "MapStorage", "MessagePassing", "RunRecords", "Tensors"]),
    tests("ChannelModelsTests", ["Essentials", "ChannelModels", "Tensors", "CKernels"]),
    tests("InterpolationTests", ["Essentials", "Interpolation", "Tensors"]),
    tests("MetricsTests", ["Essentials", "Metrics", "Interpolation", "Tensors"]),
    tests("DiffusionTests", ["Essentials", "Diffusion", "Metrics", "Tensors"]),
    tests(
      "FingerprintModelsTests",
      ["Essentials", "FingerprintModels", "Interpolation", "MapStorage", "NeuralNetworks", "Tensors"]),
    tests(
      "CheckpointsTests",
      ["Essentials", "Checkpoints", "FingerprintModels", "NeuralNetworks", "RunRecords", "Tensors"]),
    tests(
      "EvaluationTests",
      [
        "Essentials", "Evaluation", "Interpolation", "MapStorage", "MessagePassing", "Metrics",
        "RunRecords", "Tensors",
      ]),
    tests(
      "TrainingTests",
      [
        "Essentials", "Checkpoints", "FingerprintModels", "Interpolation", "MapStorage", "NeuralNetworks", "Tensors",
        "Training",
      ]),
    tests("CompressionTests", ["Compression", "FingerprintModels", "Tensors"]),
    // Starts the built command in processes of its own.
    tests("CommandTests", ["ckm"]),
    // So does this one, which holds the program to numbers and relations that no rebuilding may change.
    tests("GoldenTests", ["ckm"]),
    tests(
      "MultiRankTests",
      [
        "Essentials", "Checkpoints", "Compression", "Evaluation", "FingerprintModels", "Interpolation", "MapStorage",
        "MessagePassing", "NeuralNetworks", "RunRecords", "Tensors", "Training",
      ]),
    tests("BenchmarksTests", ["Essentials", "Benchmarks", "FingerprintModels", "MessagePassing", "RunRecords"]),
  ]
)
