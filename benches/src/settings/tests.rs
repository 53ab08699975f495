//! Which rows the words on the command line choose.

use super::Settings;
use crate::{By, Row};

const ROWS: &[Row] = &[
    Row::new("resume", "tenth", By::Wall).named("pull: resume at 90 %"),
    Row::new("pull", "pass", By::Wall).named("pull: one blob"),
];

fn chosen(words: &[&str]) -> Vec<&'static str> {
    let words = words.iter().map(|word| (*word).to_owned());
    let settings = Settings::new(1, 1).with_words(words);
    let rows = settings.choose(ROWS).unwrap_or_default();
    rows.into_iter().map(Row::name).collect()
}

#[test]
fn words_choose_rows_by_a_part_of_their_name() {
    assert_eq!(chosen(&["resume"]), ["pull: resume at 90 %"]);
    assert_eq!(chosen(&["blob", "resume"]).len(), 2);
    assert_eq!(chosen(&[]).len(), 2);
    assert!(chosen(&["push"]).is_empty());
}

#[test]
fn there_is_always_a_run() {
    assert_eq!(Settings::new(1, 0).runs, 1);
}
