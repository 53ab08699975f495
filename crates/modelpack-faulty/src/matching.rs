//! Which rules strike a request; pure counting.

use super::fault::Fault;
use super::rules::{Class, Origin, Rule, Times, When};

/// What rules look at in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) origin: Origin,
    pub(super) method: &'a str,
    pub(super) class: Class,
    pub(super) repository: Option<&'a str>,
    pub(super) reference: Option<&'a str>,
    pub(super) ranged: bool,
    pub(super) authorized: bool,
}

impl When {
    pub(super) fn matches(&self, asked: &Asked<'_>) -> bool {
        fn fits<T: PartialEq>(wanted: &Option<T>, found: &T) -> bool {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        }
        let named = |wanted: &Option<String>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        let origin = match self.origin {
            Some(origin) => origin == asked.origin,
            None => asked.origin != Origin::Elsewhere,
        };
        origin
            && named(&self.method, Some(asked.method))
            && fits(&self.class, &asked.class)
            && named(&self.repository, asked.repository)
            && named(&self.reference, asked.reference)
            && fits(&self.ranged, &asked.ranged)
            && self.authorized.unwrap_or(true) == asked.authorized
    }
}

/// Rules with what they have seen.
#[derive(Debug, Default)]
pub(super) struct Armed {
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    seen: u64,
    struck: u64,
}

impl Armed {
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        let counted = |rule| Counted {
            rule,
            seen: 0,
            struck: 0,
        };
        Self {
            rules: rules.into_iter().map(counted).collect(),
        }
    }

    pub(super) fn push(&mut self, rule: Rule) {
        self.rules.extend(Self::new(vec![rule]).rules);
    }

    /// The faults that this request meets, each with the number of its rule; counts it.
    pub(super) fn strike(&mut self, asked: &Asked<'_>) -> Vec<(usize, Fault)> {
        let counted = self.rules.iter_mut().enumerate();
        counted
            .filter(|(_, counted)| counted.rule.when.matches(asked))
            .filter_map(|(number, counted)| {
                counted
                    .strike()
                    .then(|| (number, counted.rule.fault.clone()))
            })
            .collect()
    }

    /// How often each rule has struck.
    pub(super) fn struck(&self) -> Vec<u64> {
        self.rules.iter().map(|counted| counted.struck).collect()
    }
}

impl Counted {
    fn strike(&mut self) -> bool {
        let before = self.seen;
        self.seen += 1;
        let left = match self.rule.times {
            Times::Always => true,
            Times::Once => self.struck < 1,
            Times::Times(times) => self.struck < times,
        };
        let turn = before
            .checked_sub(self.rule.skip)
            .is_some_and(|index| index % self.rule.every.max(1) == 0);
        if left && turn {
            self.struck += 1;
        }
        left && turn
    }
}

#[cfg(test)]
mod tests;
