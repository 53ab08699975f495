//! When bytes go out, which of them are turned.

use std::borrow::Cow;
use std::time::Duration;

use super::*;

#[test]
fn a_rate_says_when_the_next_byte_is_due() {
    assert_eq!(due(0, 1000), Duration::ZERO);
    assert_eq!(due(500, 1000), Duration::from_millis(500));
    assert_eq!(due(3, 0), Duration::from_secs(3));
}

#[test]
fn only_the_named_bytes_are_turned() {
    let turned = |wrong, sent, in_blob| {
        let bytes = Cow::Borrowed(&[0u8; 4][..]);
        turn(bytes, &[wrong], sent, in_blob).into_owned()
    };
    assert_eq!(turned(Wrong::InBody(1..2), 0, None), [0, 0x55, 0, 0]);
    assert_eq!(turned(Wrong::InBody(1..102), 100, None), [0x55, 0x55, 0, 0]);
    assert_eq!(turned(Wrong::InBody(1..2), 100, Some(0)), [0; 4]);
    assert_eq!(turned(Wrong::InBlob(53..99), 0, Some(50)), [0, 0, 0, 0x55]);
    assert_eq!(turned(Wrong::InBlob(53..99), 0, None), [0; 4]);
    assert_eq!(turned(Wrong::InBlob(54..99), 0, Some(50)), [0; 4]);
}
