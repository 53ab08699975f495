//! Sizes and times for people.

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

#[cfg(test)]
mod tests;
