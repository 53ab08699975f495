//! Made-up rules are many, the same again, and can be written down.

use std::collections::BTreeSet;

use super::*;
use crate::Times;

fn worst() -> Scene {
    Scene {
        blobs: vec!["sha256:1".to_owned()],
        moves: vec!["sha256:2".to_owned()],
        silence: true,
        for_ever: true,
        retry_after: 3,
        ..Scene::new(1_000_000)
    }
}

/// The names of all faults in the rules that the numbers give.
fn kinds(scene: &Scene) -> BTreeSet<String> {
    let rules = (0..5000).flat_map(|seed| {
        [
            scene.pull_rule(seed),
            scene.push_rule(seed),
            scene.list_rule(seed),
        ]
    });
    rules
        .map(|rule| {
            let text = serde_json::to_string(&rule).expect("a rule is JSON");
            let back: Rule = serde_json::from_str(&text).expect("its own JSON");
            assert_eq!(back, rule, "{text}");
            let value = serde_json::to_value(&rule.fault).expect("a fault is JSON");
            value["kind"].as_str().expect("a kind").to_owned()
        })
        .collect()
}

#[test]
fn every_kind_that_makes_sense_at_random_turns_up() {
    let expected = "body challenge cut delay digest-header forget-session forget-tokens framing \
        gzip hang-up ignore-range insufficient-scope link location long-body lose-tail media-type \
        min-chunk move-tag multipart padding range-end range-start range-total redirect \
        refuse-over refuse-range reset short-body stall status trickle unauthorized wrong-body-bytes \
        wrong-bytes";
    let found: Vec<String> = kinds(&worst()).into_iter().collect();
    assert_eq!(found.join(" "), expected);
}

#[test]
fn a_mild_scene_is_never_silent_and_always_ends() {
    let scene = Scene::new(1000);
    for seed in 0..5000 {
        for rule in [scene.pull_rule(seed), scene.push_rule(seed)] {
            assert!(matches!(rule.times, Times::Times(1..=3)), "{rule:?}");
            match rule.fault {
                Fault::Stall { .. } | Fault::Delay { millis: None } => panic!("{rule:?}"),
                Fault::Status {
                    body: Filler::Endless,
                    ..
                } => panic!("{rule:?}"),
                Fault::Padding { bytes } => assert!(bytes.is_some(), "{rule:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn rules_depend_on_their_number_alone() {
    let scene = worst();
    assert_eq!(scene.pull_rules(3, 5), scene.pull_rules(3, 5));
    assert_ne!(scene.pull_rules(3, 5), scene.pull_rules(4, 5));
    assert_eq!(scene.push_rules(3, 5)[..2], scene.push_rules(3, 2));
}
