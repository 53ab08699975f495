//! Range headers as the standard reads them.

use super::*;

#[test]
fn ranges_are_read_as_the_standard_says() {
    for (value, expected) in [
        ("bytes=0-0", Asked::Bytes(0..1)),
        ("bytes=2-", Asked::Bytes(2..10)),
        ("bytes=2-99", Asked::Bytes(2..10)),
        ("bytes=-3", Asked::Bytes(7..10)),
        ("bytes=-99", Asked::Bytes(0..10)),
        ("bytes=9-18446744073709551615", Asked::Bytes(9..10)),
        ("bytes=10-", Asked::Unsatisfiable),
        ("bytes=-0", Asked::Unsatisfiable),
        ("bytes=3-2", Asked::Unsatisfiable),
        ("bytes=0-1,3-4", Asked::Ignored),
        ("bytes=-", Asked::Ignored),
        ("lines=0-1", Asked::Ignored),
        ("0-1", Asked::Ignored),
    ] {
        assert_eq!(range(value, 10), expected, "{value}");
    }
    assert_eq!(range("bytes=0-", 0), Asked::Unsatisfiable);
}
