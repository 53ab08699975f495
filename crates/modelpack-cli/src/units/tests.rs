//! Tests of sizes and times.

use super::*;

#[test]
fn sizes_have_one_decimal_and_never_a_thousand_of_a_unit() {
    let check = |size, expected: &str| assert_eq!(bytes(size), expected);
    check(0, "0 B");
    check(999, "999 B");
    check(1000, "1.0 kB");
    check(999_999, "999.9 kB");
    check(1_500_000, "1.5 MB");
    check(u64::MAX, "18446.7 PB");
}

#[test]
fn times_use_the_largest_unit_that_fits() {
    let check = |seconds, expected: &str| assert_eq!(ago(seconds), expected);
    check(-5, "now");
    check(1, "1 second ago");
    check(7200, "2 hours ago");
    check(86_400, "1 day ago");
    check(80_000_000, "2 years ago");
}

#[test]
fn sizes_are_read_as_people_write_them() {
    let check = |text: &str, expected| assert_eq!(parse_bytes(text).ok(), expected, "{text}");
    check("8GiB", Some(8 << 30));
    check("500 MB", Some(500_000_000));
    check("1.5g", Some(1_500_000_000));
    check("1024", Some(1024));
    check("big", None);
    check("8X", None);
    check("", None);
    check("1..2G", None);
}

#[test]
fn times_are_read_as_people_write_them() {
    let check = |text: &str, millis| {
        let read = parse_duration(text).ok();
        assert_eq!(read, Option::map(millis, Duration::from_millis), "{text}");
    };
    check("90", Some(90_000));
    check("90s", Some(90_000));
    check("500ms", Some(500));
    check("1h30m", Some(5_400_000));
    check(" 2d ", Some(172_800_000));
    for wrong in [
        "",
        "0",
        "0s",
        "-1s",
        "1.5h",
        "10 m",
        "m",
        "10x",
        "9999999999999999999d",
    ] {
        check(wrong, None);
    }
}

#[test]
fn sizes_of_other_tools_have_powers_of_1024() {
    let check = |size, expected: &str| assert_eq!(binary_bytes(size), expected);
    check(1023, "1023 B");
    check(3 * 1024 * 1024, "3.0 MiB");
    check(1024 * 1024 - 1, "1023.9 KiB");
}
