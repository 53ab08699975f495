//! Counts as the two dialects print them.

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
    let number = parameters as f64;
    let unit = units.into_iter().find(|(unit, _)| number >= *unit);
    let (number, letter) = unit.map_or((number, ""), |(unit, letter)| (number / unit, letter));
    let text = format!("{number:.2}");
    format!("{}{letter}", text.strip_suffix(".00").unwrap_or(&text))
}

/// A number of parameters as Docker writes it for safetensors: always two decimals, with `K`, `M`, `B`
/// or `T`.
#[must_use]
pub fn format_docker_count(parameters: u128) -> String {
    const UNITS: [&str; 5] = ["", "K", "M", "B", "T"];
    let mut number = parameters as f64;
    let mut at = 0;
    while number >= 1000.0 && at + 1 < UNITS.len() {
        number /= 1000.0;
        at += 1;
    }
    format!("{number:.2}{}", UNITS[at])
}
