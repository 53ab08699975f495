//! Tests of sums: shared bytes once, other names counted as users.

use super::*;

fn digest(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

fn need(name: &str, blobs: &[&str]) -> Need {
    Need {
        reference: name.parse().expect("a reference"),
        digest: digest(blobs[0]),
        blobs: blobs.iter().map(|blob| digest(blob)).collect(),
    }
}

#[test]
fn shared_bytes_count_once() {
    let sizes = [("a", 1), ("b", 10), ("c", 100), ("base", 1000), ("lost", 5)];
    let sizes = sizes.map(|(text, size)| (digest(text), size)).into();
    let needs = [
        need("r.io/m:one", &["a", "base"]),
        need("r.io/m:two", &["b", "base", "gone"]),
        need("r.io/other:x", &["c"]),
    ];
    let check = |pattern: Option<&str>, rows: &[(&str, u64, u64)], total: u64| {
        let pattern = pattern.map(NamePattern::new);
        let report = add_up(&sizes, &needs, 7, pattern.as_ref());
        let found: Vec<_> = report
            .entries
            .iter()
            .map(|entry| (entry.reference.to_string(), entry.own, entry.shared))
            .collect();
        let expected: Vec<_> = rows
            .iter()
            .map(|(name, own, shared)| ((*name).to_owned(), *own, *shared))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(
            (report.total, report.unnamed, report.partial),
            (total, 5, 7)
        );
    };
    let one = ("r.io/m:one", 1, 1000);
    let two = ("r.io/m:two", 10, 1000);
    check(None, &[two, one, ("r.io/other:x", 100, 0)], 1111);
    // The base is shared with a name that does not match.
    check(Some("m:one"), &[one], 1001);
    check(Some("nothing"), &[], 0);
}
