//! The wire format of Protocol Buffers, as far as a listing needs it.

use crate::Error;
use crate::window::Window;

/// A field of a message: its number and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) number: u64,
    pub(crate) value: Wire,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A whole number.
    Number(u64),
    /// Eight or four bytes that were passed over.
    Fixed,
    /// So many bytes, which begin at the position of the window.
    Bytes(u64),
}

/// The next field of a message that ends at `end`; nothing at its end.
pub(crate) fn field(window: &mut Window<'_>, end: u64) -> Result<Option<Field>, Error> {
    if window.position() >= end {
        return Ok(None);
    }
    let key = number(window)?;
    let value = match key & 7 {
        0 => Wire::Number(number(window)?),
        1 => {
            window.skip(8)?;
            Wire::Fixed
        }
        2 => {
            let length = number(window)?;
            match window.position().checked_add(length) {
                Some(after) if after <= end => Wire::Bytes(length),
                _ => return Err(window.truncated()),
            }
        }
        5 => {
            window.skip(4)?;
            Wire::Fixed
        }
        other => return Err(invalid(format!("the wire type {other} is not known"))),
    };
    if window.position() > end {
        return Err(window.truncated());
    }
    let number = key >> 3;
    if number == 0 {
        return Err(invalid("a field has the number 0".to_owned()));
    }
    Ok(Some(Field { number, value }))
}

/// A number of up to ten bytes, seven bits in each.
pub(crate) fn number(window: &mut Window<'_>) -> Result<u64, Error> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let [byte] = window.array()?;
        // The tenth byte has room for one bit only; what is over is cut off, as everywhere.
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(invalid("a number has more than ten bytes".to_owned()))
}

fn invalid(reason: String) -> Error {
    Error::Invalid {
        format: "onnx",
        reason,
    }
}
