import Runs

/// Where families are registered.
public enum Families {
  /// All families that `ckm` knows. Files that name none are of the first: they were written before there were others.
  public static let all: [any ModelFamily.Type] = [
    CGDMFamily.self, DRRNFamily.self, CVAEFamily.self, GeneratorFamily.self, SRGANFamily.self, AutoencoderFamily.self,
    StationFamily.self, CrossUNetFamily.self,
  ]
}
