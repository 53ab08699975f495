//! Which rules match, how they count.

use super::*;

fn asked<'a>() -> Asked<'a> {
    Asked {
        origin: Origin::Registry,
        method: "GET",
        class: Class::Blob,
        repository: Some("a/b"),
        reference: Some("sha256:00"),
        ranged: false,
        authorized: true,
    }
}

#[test]
fn what_is_not_said_matches_everything_but_elsewhere() {
    assert!(When::any().matches(&asked()));
    let elsewhere = Asked {
        origin: Origin::Elsewhere,
        ..asked()
    };
    assert!(!When::any().matches(&elsewhere));
    assert!(When::any().at(Origin::Elsewhere).matches(&elsewhere));
    let tokens = Asked {
        origin: Origin::Tokens,
        ..asked()
    };
    assert!(When::any().matches(&tokens));
    let refused = Asked {
        authorized: false,
        ..asked()
    };
    assert!(!When::any().matches(&refused));
    assert!(When::any().unauthorized().matches(&refused));
    assert!(!When::any().unauthorized().matches(&asked()));
}

#[test]
fn each_word_narrows() {
    for (when, expected) in [
        (When::new("GET", Class::Blob), true),
        (When::new("HEAD", Class::Blob), false),
        (When::class(Class::Manifest), false),
        (When::any().of("sha256:00"), true),
        (When::any().of("sha256:01"), false),
        (When::any().in_repository("a/b"), true),
        (When::any().in_repository("a"), false),
        (When::any().ranged(), false),
    ] {
        assert_eq!(when.matches(&asked()), expected, "{when:?}");
    }
}

/// Which of twelve equal requests are struck.
fn check(rule: Rule, expected: &[usize]) {
    let mut armed = Armed::new(vec![rule.clone()]);
    let struck: Vec<usize> = (0..12)
        .filter(|_| !armed.strike(&asked()).is_empty())
        .collect();
    assert_eq!(struck, expected, "{rule:?}");
    assert_eq!(armed.struck(), [expected.len() as u64]);
}

#[test]
fn rules_count_what_they_match() {
    let rule = || Rule::new(When::any(), Fault::Unauthorized);
    check(rule(), &(0..12).collect::<Vec<_>>());
    check(rule().once(), &[0]);
    check(rule().times(2).skip(3), &[3, 4]);
    check(rule().every(5), &[0, 5, 10]);
    check(rule().every(5).skip(1).times(2), &[1, 6]);
    check(rule().every(0).once(), &[0]);
    check(rule().skip(12), &[]);
    let never = Rule::new(When::class(Class::Tags), Fault::Unauthorized);
    check(never, &[]);
}

#[test]
fn all_that_match_strike_in_their_order() {
    let cut = Fault::Cut { after: 1 };
    let mut armed = Armed::new(vec![
        Rule::new(When::any(), cut.clone()).once(),
        Rule::new(When::class(Class::Tags), Fault::IgnoreRange),
    ]);
    armed.push(Rule::new(When::any(), Fault::IgnoreRange));
    let both = vec![(0, cut), (2, Fault::IgnoreRange)];
    assert_eq!(armed.strike(&asked()), both);
    assert_eq!(armed.strike(&asked()), [(2, Fault::IgnoreRange)]);
    assert_eq!(armed.struck(), [1, 0, 2]);
}
