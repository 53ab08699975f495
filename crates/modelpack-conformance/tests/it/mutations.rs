//! Each requirement of the suite `artifact`, broken in turn in an artifact that breaks none.

use std::collections::BTreeSet;

use modelpack_conformance::{Outcome, Report, RuleSet, judge_layout};

use crate::reference::{Finished, Reference, archive, entry, gzip, link, reference};

mod docker;
mod modelpack;

/// One way to break one requirement.
pub(crate) struct Mutation {
    /// What tells it from other ways to break the same; may be empty.
    pub(crate) variant: &'static str,
    /// The requirement.
    pub(crate) id: &'static str,
    /// What cannot hold either when it is broken like this.
    pub(crate) company: &'static [&'static str],
    pub(crate) apply: fn(&mut Reference),
}

impl Mutation {
    /// The name of the vector.
    pub(crate) fn name(&self) -> String {
        match self.variant {
            "" => self.id.to_owned(),
            variant => format!("{}--{variant}", self.id),
        }
    }
}

/// A change that breaks a requirement.
pub(crate) const fn broken(
    id: &'static str,
    variant: &'static str,
    company: &'static [&'static str],
    apply: fn(&mut Reference),
) -> Mutation {
    Mutation {
        variant,
        id,
        company,
        apply,
    }
}

pub(crate) fn all(set: RuleSet) -> &'static [Mutation] {
    match set {
        RuleSet::ModelPack => modelpack::MUTATIONS,
        RuleSet::Docker => docker::MUTATIONS,
    }
}

pub(crate) fn apply(set: RuleSet, mutation: &Mutation) -> Finished {
    let mut artifact = reference(set);
    (mutation.apply)(&mut artifact);
    artifact.finish()
}

pub(crate) fn judge(artifact: &Finished) -> Report {
    let directory = tempfile::tempdir().expect("a directory can be made");
    artifact.write_layout(directory.path());
    judge_layout(directory.path(), None).expect("the layout can be read")
}

pub(crate) fn failed(report: &Report) -> BTreeSet<String> {
    let checks = report.checks.iter();
    checks
        .filter(|check| check.outcome == Outcome::Failed)
        .map(|check| check.id.to_string())
        .collect()
}

#[test]
fn the_references_break_nothing() {
    for set in RuleSet::ALL {
        let report = judge(&reference(set).finish());
        assert_eq!(failed(&report), BTreeSet::new(), "{set:?}\n{report}");
        // Docker's dialect as it is written today has no archives.
        let skipped = usize::from(set == RuleSet::Docker);
        assert_eq!(report.count(Outcome::Skipped), skipped, "{report}");
    }
}

#[test]
fn each_mutation_turns_its_requirement_red() {
    let mut wrong = Vec::new();
    for set in RuleSet::ALL {
        for mutation in all(set) {
            let found = failed(&judge(&apply(set, mutation)));
            let company = mutation.company.iter().copied();
            let expected: BTreeSet<String> =
                company.chain([mutation.id]).map(str::to_owned).collect();
            if found != expected {
                let name = mutation.name();
                wrong.push(format!(
                    "{set:?} {name}: expected {expected:?}, found {found:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_requirement_has_a_mutation() {
    for set in RuleSet::ALL {
        let broken: BTreeSet<_> = all(set).iter().map(|mutation| mutation.id).collect();
        let asked: BTreeSet<_> = set.requirements().iter().map(|asked| asked.id).collect();
        let without: Vec<_> = asked.difference(&broken).collect();
        assert!(without.is_empty(), "{set:?}: nothing breaks {without:?}");
        assert_eq!(broken, asked, "{set:?}");
        let names: BTreeSet<_> = all(set).iter().map(Mutation::name).collect();
        assert_eq!(names.len(), all(set).len(), "two mutations have one name");
    }
}

/// The documents and layers of hostile archives are read in bounded memory.
#[test]
fn headers_without_end_are_not_read() {
    let mut name = entry("././@LongLink");
    name.set_entry_type(tar::EntryType::GNULongName);
    name.set_size(8 << 20);
    name.set_cksum();
    let mut content = name.as_bytes().to_vec();
    content.resize((8 << 20) + 512, b'a');
    content.extend(archive([entry("docs/README.md")]));
    let mut artifact = reference(RuleSet::ModelPack);
    artifact.replace(3, gzip(&content), &content);
    let report = judge(&artifact.finish());
    let check = report.check("blobs.readable").expect("it is asked for");
    assert_eq!(
        check.findings[0].message,
        "an entry has more than 1048576 bytes of headers"
    );
}

#[test]
fn sparse_files_are_not_filled() {
    let mut artifact = reference(RuleSet::ModelPack);
    artifact.docs([link(tar::EntryType::GNUSparse, "docs/README.md", "")]);
    let report = judge(&artifact.finish());
    let found = failed(&report).into_iter().collect::<Vec<_>>();
    assert_eq!(found, ["blobs.readable"], "{report}");
}
