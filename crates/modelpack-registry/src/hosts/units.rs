//! Sizes and rates as people write them.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};

/// Slowest transfer that can be asked for, in bytes per second: below it every time limit would strike.
const MIN_RATE: u64 = 1024;

/// A number of bytes: `67108864`, `"64MiB"`, `"64 MB"`. Units are `B`, `KB`, `MB`, `GB`, `TB` (powers of
/// 1000) and `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024), in any case.
///
/// ```
/// use modelpack_registry::hosts::ByteSize;
///
/// assert_eq!("64MiB".parse::<ByteSize>()?.bytes(), 64 * 1024 * 1024);
/// assert_eq!("1.5 GB".parse::<ByteSize>()?.bytes(), 1_500_000_000);
/// # Ok::<(), modelpack_registry::hosts::InvalidSize>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// How many bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// A number of bytes per second, at least 1024: what [`ByteSize`] takes, with or without `/s` at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteRate(u64);

impl ByteRate {
    /// So many bytes per second; fewer than 1024 are taken as 1024.
    #[must_use]
    pub fn new(bytes_per_second: u64) -> Self {
        Self(bytes_per_second.max(MIN_RATE))
    }

    /// How many bytes per second.
    #[must_use]
    pub fn bytes_per_second(self) -> u64 {
        self.0
    }
}

/// A text that is neither size nor rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}; write for example `{example}`")]
pub struct InvalidSize {
    text: String,
    what: &'static str,
    example: &'static str,
}

impl FromStr for ByteSize {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        parse(text).map(Self).ok_or_else(|| InvalidSize {
            text: text.to_owned(),
            what: "number of bytes",
            example: "64MiB",
        })
    }
}

impl FromStr for ByteRate {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        let number = text.trim().strip_suffix("/s").unwrap_or(text);
        parse(number)
            .filter(|rate| *rate >= MIN_RATE)
            .map(Self)
            .ok_or_else(|| InvalidSize {
                text: text.to_owned(),
                what: "rate of at least 1 KiB per second",
                example: "50MB/s",
            })
    }
}

fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000_u64.pow(2),
        "gb" => 1000_u64.pow(3),
        "tb" => 1000_u64.pow(4),
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    if let Ok(number) = number.parse::<u64>() {
        return number.checked_mul(factor).filter(|bytes| *bytes > 0);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    // The cast is exact enough for what a person writes with a decimal point.
    (bytes >= 1.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

struct Text<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err = InvalidSize>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes, or a text such as \"64MiB\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for ByteRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text(std::marker::PhantomData))
    }
}

/// Reads a text that a parser of its own understands.
pub(super) fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}
