//! RFC 3339 times, kept as the text they were written in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// An RFC 3339 date and time. The text is kept, so that a document can be written back unchanged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Timestamp(String);

impl Timestamp {
    /// The text as it was read.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if is_date_time(text.as_bytes()).is_some() {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::InvalidTimestamp {
                text: text.to_owned(),
            })
        }
    }
}

/// RFC 3339 § 5.6 `date-time`, a leap second included.
fn is_date_time(text: &[u8]) -> Option<()> {
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = text.get(from..to)?;
        digits.iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + u32::from(byte - b'0'))
        })
    };
    let literal = |at: usize, allowed: &[u8]| {
        text.get(at)
            .filter(|byte| allowed.contains(byte))
            .map(|_| ())
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    literal(4, b"-")?;
    literal(7, b"-")?;
    literal(10, b"Tt")?;
    literal(13, b":")?;
    literal(16, b":")?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    let in_range = (1..=days).contains(&day)
        && number(11, 13)? < 24
        && number(14, 16)? < 60
        && number(17, 19)? <= 60;
    let mut at = 19;
    if text.get(at) == Some(&b'.') {
        let digits = text[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits == 0 {
            return None;
        }
        at += 1 + digits;
    }
    let offset = match text.get(at)? {
        b'Z' | b'z' => text.len() == at + 1,
        b'+' | b'-' => {
            literal(at + 3, b":")?;
            number(at + 1, at + 3)? < 24 && number(at + 4, at + 6)? < 60 && text.len() == at + 6
        }
        _ => false,
    };
    (in_range && offset).then_some(())
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({})", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
