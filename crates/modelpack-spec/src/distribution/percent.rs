//! Percent-encoding of path segments, and of names and values in queries.

/// Decodes once. `None` for a broken escape or for bytes that are no UTF-8.
///
/// `+` stays `+`: no value of the distribution specification has a space, but media types have a plus.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            decoded.push(first);
            continue;
        }
        let (&[high, low], tail) = rest.split_first_chunk::<2>()?;
        decoded.push(hex(high)? << 4 | hex(low)?);
        rest = tail;
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Encodes everything but the unreserved characters of RFC 3986 section 2.3.
pub(super) fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

/// The decoded names and values of a query, in order; a name without `=` has an empty value.
/// Parts that do not decode are `None`.
pub(super) fn query(text: &str) -> impl Iterator<Item = Option<(String, String)>> {
    text.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        Some((decode(name)?, decode(value)?))
    })
}
