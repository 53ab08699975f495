//! Counts and sizes as the two dialects print them.

/// A number of parameters as ModelPack writes it: a whole number or one with one decimal, and `k`,
/// `m`, `b` or `t`. The specification has no number without a letter, so 288 are `0.3k`.
#[must_use]
pub fn format_param_size(parameters: u128) -> String {
    let units = [
        (1_000_000_000_000, "t"),
        (1_000_000_000, "b"),
        (1_000_000, "m"),
        (1_000, "k"),
    ];
    // Rounded to tenths first, so that 999 960 is 1m and not 1000k.
    let tenths = |unit: u128| parameters.saturating_mul(10).saturating_add(unit / 2) / unit;
    let (unit, letter) = units
        .into_iter()
        .find(|(unit, _)| tenths(*unit) >= 10)
        .unwrap_or((1_000, "k"));
    match (tenths(unit) / 10, tenths(unit) % 10) {
        (whole, 0) => format!("{whole}{letter}"),
        (whole, tenth) => format!("{whole}.{tenth}{letter}"),
    }
}

/// A number of parameters as Docker writes it for GGUF: two decimals unless both are zero, with `K`,
/// `M`, `B`, `T` or `Q`.
#[must_use]
pub fn format_docker_parameters(parameters: u128) -> String {
    let units = [(1e15, "Q"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")];
    scaled(parameters as f64, &units, "")
}

/// A size in bytes as Docker writes it for GGUF: two decimals unless both are zero. Binary and decimal
/// units are tried in turn, so that 1 050 000 bytes are `1.05MB` and 1 048 576 are `1MiB`.
#[must_use]
pub fn format_docker_size(bytes: u64) -> String {
    let units = [
        (2_f64.powi(50), "Pi"),
        (1e15, "P"),
        (2_f64.powi(40), "Ti"),
        (1e12, "T"),
        (2_f64.powi(30), "Gi"),
        (1e9, "G"),
        (2_f64.powi(20), "Mi"),
        (1e6, "M"),
        (2_f64.powi(10), "Ki"),
        (1e3, "K"),
    ];
    scaled(bytes as f64, &units, "B")
}

fn scaled(number: f64, units: &[(f64, &str)], suffix: &str) -> String {
    let unit = units.iter().find(|(unit, _)| number >= *unit);
    let (number, letter) = unit.map_or((number, ""), |(unit, letter)| (number / unit, *letter));
    let text = format!("{number:.2}");
    format!(
        "{}{letter}{suffix}",
        text.strip_suffix(".00").unwrap_or(&text)
    )
}

/// A number of parameters as Docker writes it for safetensors: always two decimals, with `K`, `M`, `B`
/// or `T`.
#[must_use]
pub fn format_docker_count(parameters: u128) -> String {
    thousands(parameters as f64, &["", "K", "M", "B", "T"])
}

/// A size in bytes as Docker writes it for safetensors and DDUF: always two decimals, powers of 1000.
#[must_use]
pub fn format_docker_bytes(bytes: u64) -> String {
    thousands(bytes as f64, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

fn thousands(mut number: f64, units: &[&str]) -> String {
    let mut at = 0;
    while number >= 1000.0 && at + 1 < units.len() {
        number /= 1000.0;
        at += 1;
    }
    format!("{number:.2}{}", units[at])
}
