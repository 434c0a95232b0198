import Testing

/// Everything that needs several ranks, each test right for any number of them: run under
/// `mpirun -n N <the package's test bundle> --testing-library swift-testing --filter MultiRank`.
///
/// One suite, in series, since collective calls must come in the same order on all ranks. Suites nested in it by
/// extensions live in the other files. Within a test no `#require` that can fail on one rank alone may stand before a
/// collective call.
@Suite(.serialized) struct MultiRank {}
