//! Percent signs, forms.

use super::*;

#[test]
fn percent_signs_are_decoded_or_left() {
    for (text, expected) in [
        ("a%2Fb", "a/b"),
        ("%41%4", "A%4"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("ü%C3%BC", "üü"),
    ] {
        assert_eq!(decode(text), expected);
    }
}

#[test]
fn a_form_keeps_repeated_fields_in_order() {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = [pair("a", "1 2"), pair("b", ""), pair("a", "x=y&")];
    assert_eq!(form("a=1+2&b&&a=x=y%26"), expected);
}
