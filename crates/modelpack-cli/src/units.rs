//! Sizes and times for people.

use std::time::Duration;

/// A size with a unit of 1000, as disks and registries are sold: `1.5 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    let mut scale = 1_u64;
    while unit + 1 < UNITS.len() && bytes / scale >= 1000 {
        scale *= 1000;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} B");
    }
    // In tenths, so that no rounding shows 1000.0 of a unit.
    let tenths = u128::from(bytes) * 10 / u128::from(scale);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A size with a unit of 1024: `1.5 MiB`.
pub(crate) fn binary_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    let mut scale = 1_u64;
    while unit + 1 < UNITS.len() && bytes / scale >= 1024 {
        scale *= 1024;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} B");
    }
    let tenths = u128::from(bytes) * 10 / u128::from(scale);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Reads a time as people write it: `90`, `90s`, `1h30m`, `500ms`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    let wrong = || "write a number and a unit, such as 90s, 10m or 1h30m".to_owned();
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<u64>() {
        return Ok(Duration::from_secs(seconds)).and_then(positive);
    }
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let after = &rest[digits..];
        let letters = after.len()
            - after
                .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .len();
        let unit = UNITS.iter().find(|(name, _)| *name == &after[..letters]);
        let (_, unit) = unit.ok_or_else(wrong)?;
        sum = number
            .checked_mul(*unit)
            .and_then(|part| sum.checked_add(part))
            .ok_or_else(wrong)?;
        rest = &after[letters..];
    }
    positive(Duration::from_millis(sum))
}

fn positive(duration: Duration) -> Result<Duration, String> {
    if duration.is_zero() {
        Err("nothing is done in no time; write for example 10m".to_owned())
    } else {
        Ok(duration)
    }
}

/// How long ago something was: `3 days ago`.
pub(crate) fn ago(seconds: i64) -> String {
    let count = |number: i64, unit: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {unit}{plural} ago")
    };
    match seconds {
        ..=0 => "now".to_owned(),
        1..60 => count(seconds, "second"),
        60..3600 => count(seconds / 60, "minute"),
        3600..86_400 => count(seconds / 3600, "hour"),
        86_400..2_592_000 => count(seconds / 86_400, "day"),
        2_592_000..31_536_000 => count(seconds / 2_592_000, "month"),
        _ => count(seconds / 31_536_000, "year"),
    }
}

/// Reads a number of bytes as people write it: `8GiB`, `500 MB`, `1.5g`, `1024`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("", 1),
        ("k", 1_000),
        ("m", 1_000_000),
        ("g", 1_000_000_000),
        ("t", 1_000_000_000_000),
        ("ki", 1 << 10),
        ("mi", 1 << 20),
        ("gi", 1 << 30),
        ("ti", 1 << 40),
    ];
    let text = text.trim();
    let letters = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = text[..text.len() - letters.len()].parse::<f64>().ok();
    let unit = letters.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let unit = UNITS.iter().find(|(known, _)| *known == unit);
    match (number, unit) {
        (Some(number), Some((_, unit))) if number.is_finite() => Ok((number * *unit as f64) as u64),
        _ => Err("write a number and a unit, such as 8GiB".to_owned()),
    }
}

#[cfg(test)]
mod tests;
