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

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
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
    .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    shim("CMessagePassing", ["COpenMPI"]),
    .target(
      name: "CHierarchicalData", dependencies: ["CHDF5"], cSettings: strictC,
      linkerSettings: [.linkedLibrary("hdf5_hl")]),
    shim("CImages", ["CPNG"]),
    shim("CKernels", ["COpenBLAS"]),
    shim("CRasters", ["CTIFF"]),
    shim("CSignals", []),
    .target(
      name: "CYAML", dependencies: [yams], cSettings: strictC + [.define("YAML_DECLARE_STATIC")]),

    // Libraries, floor by floor.
    // Floor 1.
    library("Essentials", []),
    library("Computing", ["CKernels"]),
    library("MessagePassing", ["CMessagePassing", "Essentials"]),
    library("Records", ["CSignals", "CXXHash", "Essentials"]),
    library("Configuration", ["CYAML", "Essentials", "Records", yams]),
    library("Pictures", ["CImages", "Essentials", "Records"]),

    // Floor 2.
    library("Tensors", ["CKernels", "Computing"]),
    library("Interpolation", ["CKernels", "Essentials"]),
    library("Metrics", ["Computing", "Essentials"]),
    library(
      "MapStorage",
      [
        "CHierarchicalData", "CRasters", "CZlib", "Essentials", "Interpolation", "MessagePassing", "Pictures",
        "Records",
      ]),

    // Floor 3.
    library(
      "ChannelModels",
      [
        "CKernels", "Computing", "Configuration", "Essentials", "MapStorage", "Pictures", "Records",
      ]),
    library("NeuralNetworks", ["CKernels", "Computing", "Configuration", "Essentials", "Records", "Tensors"]),
    library("Diffusion", ["CKernels", "Computing", "Configuration", "Essentials"]),
    library(
      "Conditioning",
      [
        "Computing", "Configuration", "Essentials", "Interpolation", "MapStorage", "MessagePassing",
      ]),

    // Floor 4.
    library(
      "Runs",
      [
        "Computing", "Conditioning", "Configuration", "Diffusion", "Essentials", "Interpolation", "MapStorage",
        "MessagePassing",
        "NeuralNetworks", "Records", "Tensors",
      ]),

    // Floor 5.
    library(
      "Training",
      [
        "Computing", "Conditioning", "Configuration", "Essentials", "MessagePassing", "NeuralNetworks", "Records",
        "Runs", "Tensors",
      ]),
    library(
      "Models",
      [
        "Computing", "Conditioning", "Configuration", "Diffusion", "Essentials", "Interpolation", "MapStorage",
        "MessagePassing", "Metrics", "NeuralNetworks", "Records", "Runs", "Tensors",
      ]),

    // Floor 6: what uses models.
    library(
      "Reconstruction",
      [
        "Conditioning", "Essentials", "Interpolation", "MapStorage", "MessagePassing", "Records", "Runs", "Tensors",
      ]),
    library(
      "Evaluation",
      [
        "Computing", "Configuration", "Essentials", "Interpolation", "MapStorage", "MessagePassing", "Metrics",
        "NeuralNetworks", "Pictures", "Reconstruction", "Records", "Runs", "Tensors",
      ]),
    library(
      "Deployment",
      [
        "ChannelModels", "Computing", "Conditioning", "Essentials", "Interpolation", "MapStorage", "MessagePassing",
        "Metrics", "Pictures", "Reconstruction", "Records", "Runs", "Tensors",
      ]),
    library(
      "Compression",
      [
        "Conditioning", "Configuration", "Essentials", "MessagePassing", "Metrics", "NeuralNetworks", "Pictures",
        "Records", "Runs", "Tensors",
      ]),
    library(
      "Benchmarks",
      [
        "CKernels", "ChannelModels", "Computing", "MapStorage", "MessagePassing", "NeuralNetworks", "Records", "Runs",
        "Tensors", "Training",
      ]),

    // Floor 7: the command, and `ckm`, which says which families of models it knows.
    library(
      "Commands",
      [
        argumentParser, "Benchmarks", "ChannelModels", "Compression", "Computing", "Configuration", "Deployment",
        "Diffusion", "Essentials", "Evaluation", "Interpolation", "MapStorage", "MessagePassing", "Metrics",
        "Reconstruction",
        "Records", "Runs", "Tensors", "Training",
      ]),

    // The program.
    .executableTarget(name: "ckm", dependencies: ["Commands", "Models"], swiftSettings: strict),

    // What tests share; and the command with a family of models that no library knows.
    .executableTarget(
      name: "ckm-trial",
      dependencies: [
        "Commands", "Computing", "Conditioning", "Configuration", "Essentials", "MapStorage", "MessagePassing",
        "Metrics", "Models", "NeuralNetworks", "Records", "Runs", "Tensors",
      ], path: "Tests/TrialCommand", swiftSettings: strict),
    .target(
      name: "TestSupport", dependencies: ["Essentials"], path: "Tests/TestSupport", swiftSettings: strict),

    // Tests: one target a library.
    tests("BenchmarksTests", ["Benchmarks", "Models", "Runs"]),
    tests(
      "ChannelModelsTests",
      [
        "CKernels", "ChannelModels", "Computing", "Configuration", "Essentials", "MapStorage", "Metrics", "Pictures",
        "TestSupport",
      ]),
    tests("CommandTests", [argumentParser, "Commands", "Essentials", "Models", "TestSupport", "ckm", "ckm-trial"]),
    tests("CompressionTests", ["Compression", "Computing", "Models"]),
    tests("ComputingTests", ["Computing"]),
    tests("ConditioningTests", ["Conditioning", "Essentials", "MapStorage", "MessagePassing", "TestSupport"]),
    tests("ConfigurationTests", ["Configuration", "Essentials", "TestSupport"]),
    tests("DiffusionTests", ["Computing", "Diffusion", "Essentials", "Metrics"]),
    tests(
      "EvaluationTests",
      [
        "Computing", "Essentials", "Evaluation", "MapStorage", "MessagePassing", "Metrics", "NeuralNetworks",
        "Reconstruction", "Records", "Tensors", "TestSupport",
      ]),
    tests("GoldenTests", ["ckm"]),
    tests("InterpolationTests", ["Computing", "Essentials", "Interpolation", "TestSupport"]),
    tests(
      "MapStorageTests", ["CZlib", "Essentials", "MapStorage", "MessagePassing", "Pictures", "Records", "TestSupport"]),
    tests("MessagePassingTests", ["Essentials", "MessagePassing"]),
    tests("MetricsTests", ["Computing", "Essentials", "Interpolation", "Metrics", "TestSupport"]),
    tests(
      "ModelsTests",
      [
        "Computing", "Conditioning", "Diffusion", "Essentials", "Interpolation", "Models", "NeuralNetworks", "Runs",
        "Tensors",
        "TestSupport",
      ]),
    tests(
      "MultiRankTests",
      [
        "Compression", "Computing", "Conditioning", "Configuration", "Essentials", "Evaluation", "Interpolation",
        "MapStorage", "MessagePassing", "Models", "NeuralNetworks", "Reconstruction", "Records", "Runs", "Tensors",
        "TestSupport", "Training",
      ]),
    tests("NeuralNetworksTests", ["CKernels", "Computing", "Essentials", "NeuralNetworks", "Tensors", "TestSupport"]),
    tests("PicturesTests", ["Essentials", "Pictures", "Records", "TestSupport"]),
    tests(
      "DeploymentTests",
      ["ChannelModels", "Deployment", "Essentials", "MapStorage", "MessagePassing", "Tensors", "TestSupport"]),
    tests(
      "ReconstructionTests",
      [
        "Conditioning", "Essentials", "Interpolation", "MapStorage", "MessagePassing", "Reconstruction", "Records",
        "Runs",
        "Tensors", "TestSupport",
      ]),
    tests("RecordsTests", ["Essentials", "Records", "TestSupport"]),
    tests(
      "RunsTests",
      [
        "Conditioning", "Configuration", "Essentials", "Models", "NeuralNetworks", "Records", "Runs", "TestSupport",
      ]),
    tests("TensorsTests", ["CKernels", "Computing", "Tensors"]),
  ]
)

// Every reader under libFuzzer: built by `Scripts/fuzz` alone, which says how it is to be compiled.
if Context.environment["CKM_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "ckm-fuzz",
      dependencies: [
        "CZlib", "Configuration", "Essentials", "MapStorage", "Models", "NeuralNetworks", "Pictures", "Records", "Runs",
      ], path: "Tests/Fuzz", swiftSettings: strict))
}
