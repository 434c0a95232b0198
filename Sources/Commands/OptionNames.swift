import Essentials

/// What users call the parameters of libraries.
///
/// A library knows no options: a fault names a parameter in backquotes, `start_timestep`, and a key of a configuration
/// with its section, `model.image_size=64`. Before the fault is printed, each becomes the option that sets it. The names
/// stand for the same in all commands.
enum OptionNames {
  private static let options = [
    "add_offset": "--add-offset", "allow_missing": "--allow-missing", "at": "--at", "axes": "--axes",
    "cities": "--cities",
    "condition": "--condition", "data": "--data",
    "draws": "--samples", "environment": "--environment", "epsg": "--epsg", "estimate": "--estimate", "eta": "--eta",
    "every": "--every",
    "flip": "--flip",
    "geo_origin": "--geo-origin", "guidance": "--guidance", "holes": "--holes",
    "ignore_attributes": "--ignore-attributes",
    "initial_weights": "--initial-weights", "keep_draws": "--keep-draws", "limits": "--limits", "lpips": "--lpips",
    "magnification": "--magnification", "maps": "--maps", "method": "--method", "new_stations": "--new-stations",
    "no_statistics": "--no-statistics",
    "nodata": "--nodata",
    "nodata_grey": "--nodata-grey", "origin": "--origin", "picture_range": "--png-range", "prunable": "--prunable",
    "ratio": "--ratio", "region": "--region", "reconstruction": "--reconstruction",
    "restart": "--restart", "resume": "--resume",
    "sampler": "--sampler", "sampler_spacing": "--sampler-spacing", "select": "--select",
    "scale_factor": "--scale-factor", "seed": "--seed", "spacing": "--spacing", "split": "--split",
    "start_timestep": "--start-timestep", "station_coordinates": "--station-coordinates",
    "station_height": "--station-height", "stations": "--stations", "steps": "--steps", "symmetries": "--symmetries",
    "target_parameters": "--target-parameters", "tile": "--tile", "transmit_power": "--transmit-power",
    "transmitters": "--transmitters",
    "transpose": "--transpose", "units": "--units", "valid": "--valid", "zero_shot": "--zero-shot",
  ]

  /// The same fault in the users' words.
  static func told(_ fault: Fault) -> Fault {
    Fault(
      told(fault.what), at: told(fault.place), expected: fault.expected.map(told), found: fault.found.map(told),
      hint: fault.hint.map(told))
  }

  /// A text in the users' words.
  static func told(_ text: String) -> String {
    // Every other part stands between backquotes.
    let parts = text.split(separator: "`", omittingEmptySubsequences: false)
    guard parts.count % 2 == 1 else { return text }
    return parts.enumerated().map { index, part in
      guard index % 2 == 1 else { return String(part) }
      if let option = options[String(part)] { return option }
      let key = part.prefix { $0 != "=" }
      let isKey = key.contains(".") && key.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "." || $0 == "_" }
      return isKey ? "--set \(part)" : "`\(part)`"
    }.joined()
  }
}
