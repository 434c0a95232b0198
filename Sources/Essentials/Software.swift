/// Who writes the files.
public enum Software {
  /// The version of this program, written into every file that it makes.
  public static let version = "0.1.0"
}
