//! The middle of odd and even numbers of figures.

use super::Spread;

fn check(figures: &[f64], expected: Option<[f64; 3]>) {
    let spread = Spread::of(figures.iter().copied());
    let found = spread.map(|spread| [spread.lowest, spread.median, spread.highest]);
    assert_eq!(found, expected, "{figures:?}");
}

#[test]
fn the_middle_and_the_ends() {
    check(&[], None);
    check(&[2.0], Some([2.0, 2.0, 2.0]));
    check(&[9.0, 1.0, 2.0], Some([1.0, 2.0, 9.0]));
    check(&[4.0, 1.0, 2.0, 9.0], Some([1.0, 3.0, 9.0]));
}
