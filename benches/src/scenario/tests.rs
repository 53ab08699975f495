//! Ratios, their direction, and what is left out.

use std::cell::RefCell;
use std::time::Duration;

use super::{By, Row, Scenario, Side};
use crate::{Measured, Settings};

fn measured(seconds: u64, bytes: u64) -> Measured {
    Measured {
        wall: Duration::from_secs(seconds),
        cpu: None,
        peak: None,
        bytes,
    }
}

fn check(by: By, side: (u64, u64), against: (u64, u64), expected: f64) {
    let row = Row::new("side", "against", by);
    let scenario = Scenario {
        rows: vec![&row],
        sides: vec![
            Side::known("side", side.1, Duration::from_secs(side.0)),
            Side::known("against", against.1, Duration::from_secs(against.0)),
        ],
    };
    let results = scenario.run(&Settings::new(1, 1)).expect("both are known");
    let ratios = results.rows[0].ratios.as_ref().expect("a ratio");
    assert!((ratios.median - expected).abs() < 1e-9, "{ratios:?}");
}

#[test]
fn time_time_per_byte_and_rate() {
    check(By::Wall, (3, 10), (2, 10), 1.5);
    check(By::WallPerByte, (3, 30), (2, 10), 0.5);
    check(By::Rate, (4, 10), (2, 10), 0.5);
    check(By::Rate, (2, 20), (2, 10), 2.0);
}

#[test]
fn sides_take_turns_and_ratios_are_those_of_one_round() {
    let order = RefCell::new(Vec::new());
    let row = Row::new("ours", "bound", By::Wall);
    let side = |name: &'static str, seconds: [u64; 3]| {
        let order = &order;
        Side::run(name, move |round| {
            order.borrow_mut().push(name);
            Ok(measured(seconds[round], 1))
        })
    };
    // The second round was slow for both.
    let scenario = Scenario {
        rows: vec![&row],
        sides: vec![
            side("bound", [1, 10, 1]),
            side("ours", [2, 20, 3]),
            side("not asked for", [1, 1, 1]),
        ],
    };
    let results = scenario.run(&Settings::new(1, 3)).expect("it runs");
    let ratios = results.rows[0].ratios.as_ref().expect("ratios");
    assert_eq!(
        [ratios.lowest, ratios.median, ratios.highest],
        [2.0, 2.0, 3.0]
    );
    let expected = ["bound", "ours"].repeat(3);
    assert_eq!(*order.borrow(), expected);
}

#[test]
fn a_side_that_is_missing_says_why() {
    let row = Row::new("ours", "peer", By::Wall);
    let scenario = Scenario {
        rows: vec![&row],
        sides: vec![
            Side::known("ours", 1, Duration::from_secs(1)),
            Side::run("peer", |_| unreachable!("it is not there"))
                .unless(Some("there is no `peer` on the PATH".to_owned())),
        ],
    };
    let results = scenario.run(&Settings::new(1, 1)).expect("it runs");
    let reason = results.rows[0].ratios.as_ref().expect_err("no ratio");
    assert_eq!(reason, "there is no `peer` on the PATH");
}

#[test]
fn a_row_without_its_side_is_a_mistake() {
    let row = Row::new("ours", "bound", By::Wall);
    let scenario = Scenario {
        rows: vec![&row],
        sides: vec![Side::known("ours", 1, Duration::from_secs(1))],
    };
    assert!(scenario.run(&Settings::new(1, 1)).is_err());
}
