//! Sizes as Docker's tools print them.

/// A size in bytes as it stands in the config of a GGUF model: two decimals unless both are zero.
/// Binary and decimal units are tried in turn, so 1 050 000 bytes are `1MiB` and 1 020 000 are `1.02MB`.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    const UNITS: [(f64, &str); 10] = [
        (1_125_899_906_842_624.0, "Pi"),
        (1e15, "P"),
        (1_099_511_627_776.0, "Ti"),
        (1e12, "T"),
        (1_073_741_824.0, "Gi"),
        (1e9, "G"),
        (1_048_576.0, "Mi"),
        (1e6, "M"),
        (1024.0, "Ki"),
        (1e3, "K"),
    ];
    let number = bytes as f64;
    let unit = UNITS.iter().find(|(unit, _)| number >= *unit);
    let (number, letters) = unit.map_or((number, ""), |(unit, letters)| (number / unit, *letters));
    let text = format!("{number:.2}");
    format!("{}{letters}B", text.strip_suffix(".00").unwrap_or(&text))
}

/// A size in bytes as it stands in the config of a safetensors or DDUF model: always two decimals,
/// powers of 1000.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut number = bytes as f64;
    let mut at = 0;
    while number >= 1000.0 && at + 1 < UNITS.len() {
        number /= 1000.0;
        at += 1;
    }
    format!("{number:.2}{}", UNITS[at])
}
