//! What prune frees, and what it must leave.

use std::fs;
use std::time::{Duration, SystemTime};

use modelpack_spec::{Descriptor, Digest, Document, Index, MediaType};
use modelpack_store::{Acquired, Adopt, PruneOptions, PrunedKind};

use crate::support::{
    artifact, damage, dry_run, fixture, has, index, prune, reference, referring, tagged, tree,
};

fn pruned(report: &modelpack_store::PruneReport) -> Vec<&str> {
    report.items.iter().map(|item| item.name.as_str()).collect()
}

#[test]
fn a_dry_run_says_what_the_real_one_does_and_changes_nothing() {
    let fixture = fixture();
    let store = &fixture.store;
    let kept = tagged(store, "example.com/m:kept", "kept");
    let gone = tagged(store, "example.com/m:gone", "gone");
    store.remove(&reference("example.com/m:gone")).unwrap();
    fs::write(store.own("ingest").join("deadlease000-0"), "left").unwrap();
    fs::write(store.own("leases").join("deadlease000"), "").unwrap();
    let before = tree(store.root());
    let told = dry_run(store);
    assert_eq!(tree(store.root()), before);
    let done = prune(store);
    assert_eq!(told, done);
    assert_eq!(done.items.len(), 4);
    assert_eq!(
        done.freed,
        done.items.iter().map(|item| item.size).sum::<u64>()
    );
    for item in &done.items {
        let (kind, reason) = match item.name.as_str() {
            "deadlease000-0" => (
                PrunedKind::Temporary,
                "the process that was writing it is gone",
            ),
            _ => (PrunedKind::Blob, "no named artifact needs it"),
        };
        assert_eq!((item.kind, item.reason), (kind, reason));
    }
    for digest in [&kept.manifest.digest, &kept.config, &kept.layer] {
        assert!(has(store, digest));
    }
    for digest in [&gone.manifest.digest, &gone.config, &gone.layer] {
        assert!(!has(store, digest));
    }
    assert!(prune(store).items.is_empty());
    assert_eq!(store.verify(|_| true).unwrap().damage, []);
    assert_eq!(fs::read_dir(store.own("leases")).unwrap().count(), 0);
}

/// MC1: Running operation keeps what it stored protected and writes.
#[test]
fn a_running_operation_keeps_what_it_stored_protected_and_writes() {
    let fixture = fixture();
    let store = &fixture.store;
    let old = tagged(store, "example.com/m:old", "old");
    store.remove(&reference("example.com/m:old")).unwrap();

    let lease = store.lease().unwrap();
    let stored = lease.put(b"stored").unwrap();
    // Naming the manifest is enough for all that it needs.
    let size = lease.protect(&old.manifest.digest).unwrap();
    assert_eq!(size, Some(old.manifest.size));
    let mut writer = lease.ingest().unwrap();
    writer.append(b"written").unwrap();
    assert!(prune(store).items.is_empty());
    let written = writer.commit().unwrap();
    assert!(prune(store).items.is_empty());

    // A clone is the same operation.
    let clone = lease.clone();
    drop(lease);
    assert!(prune(store).items.is_empty());
    drop(clone);
    assert_eq!(prune(store).items.len(), 5);
    for digest in [stored.digest, written.digest, old.layer] {
        assert!(!has(store, &digest));
    }
}

#[test]
fn protection_of_a_blob_that_is_not_here_yet_counts() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let digest = Digest::sha256(b"late");
    assert_eq!(lease.protect(&digest).unwrap(), None);
    let other = fixture.store.lease().unwrap();
    other.put(b"late").unwrap();
    drop(other);
    assert!(prune(&fixture.store).items.is_empty());
}

#[test]
fn a_failed_operation_takes_back_what_only_it_needed() {
    let fixture = fixture();
    let store = &fixture.store;
    let named = tagged(store, "example.com/m:named", "named");
    let orphan = store.lease().unwrap().put(b"of an earlier run").unwrap();

    let failed = store.lease().unwrap();
    let [mine, shared, seen] = [&b"mine"[..], b"shared", b"of an earlier run"]
        .map(|content| failed.put(content).unwrap().digest);
    assert_eq!(seen, orphan.digest);
    let other = store.lease().unwrap();
    assert_eq!(other.protect(&shared).unwrap(), Some(6));
    let same = tagged(store, "example.com/m:same", "same");
    failed.put(b"same").unwrap();
    let file = fixture.directory.path().join("file");
    fs::write(&file, "file").unwrap();
    let linked = failed
        .ingest_file(&file, Adopt::DangerHardLink, &mut |_| Ok(()))
        .unwrap()
        .digest;

    failed.take_back().unwrap();
    assert!(!has(store, &mine));
    assert!(!has(store, &linked));
    assert_eq!(fs::read(&file).unwrap(), b"file");
    for digest in [shared, seen, named.layer, named.manifest.digest, same.layer] {
        assert!(has(store, &digest), "{digest}");
    }
    // It goes on, and a second time nothing is left to do.
    assert!(!failed.put(b"mine").unwrap().existed);
    failed.take_back().unwrap();
    failed.take_back().unwrap();
    assert!(!has(store, &mine));
}

#[test]
fn nested_indexes_subjects_and_referrers_are_kept() {
    let fixture = fixture();
    let store = &fixture.store;
    let lease = store.lease().unwrap();
    let base = artifact(&lease, "base");
    let child = referring(&lease, "child", Some(&base.manifest));
    let inner = index(&lease, vec![child.manifest.clone()]);
    let absent = Descriptor::new(MediaType::OciManifest, Digest::sha256(b"never fetched"), 1);
    let outer = index(&lease, vec![inner, absent]);
    let signature = referring(&lease, "signature", Some(&outer));
    let of_signature = referring(&lease, "of the signature", Some(&signature.manifest));
    let unrelated = artifact(&lease, "unrelated");
    let orphan = referring(&lease, "orphan", Some(&unrelated.manifest));
    drop(lease);
    store.tag(&reference("example.com/m:1"), &outer).unwrap();
    let report = prune(store);
    assert_eq!(report.items.len(), 6);
    assert_eq!(report.unreadable, []);
    for kept in [&base, &child, &signature, &of_signature] {
        assert!(has(store, &kept.layer));
    }
    for gone in [&unrelated, &orphan] {
        assert!(!has(store, &gone.layer));
    }
    assert!(store.verify(|_| true).unwrap().damage.is_empty());
}

/// D13: Three to the power of a hundred ways to one leaf.
#[test]
fn d13_deep_and_repeated_nesting_costs_nothing() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let leaf = artifact(&lease, "leaf");
    let mut top = leaf.manifest.clone();
    for _ in 0..100 {
        top = index(&lease, vec![top.clone(), top.clone(), top]);
    }
    drop(lease);
    fixture
        .store
        .tag(&reference("example.com/m:1"), &top)
        .unwrap();
    assert!(prune(&fixture.store).items.is_empty());
    assert!(has(&fixture.store, &leaf.layer));
}

/// D13: No hash allows it, so what is on the disk has rotted or was put there.
#[test]
fn d13_an_index_that_names_itself_ends_and_loses_nothing() {
    let fixture = fixture();
    let store = &fixture.store;
    let lease = store.lease().unwrap();
    let leaf = artifact(&lease, "leaf");
    let inner = index(&lease, vec![leaf.manifest.clone()]);
    let top = index(&lease, vec![inner.clone()]);
    drop(lease);
    store.tag(&reference("example.com/m:1"), &top).unwrap();
    let itself = Document::write(Index::new(vec![top.clone(), inner, top.clone()]));
    damage(store, &top.digest, itself.bytes());
    let report = prune(store);
    let unreadable = report.unreadable.iter().map(|(digest, _)| *digest);
    assert_eq!(unreadable.collect::<Vec<_>>(), [top.digest]);
    assert_eq!(report.items, []);
    for digest in [leaf.manifest.digest, leaf.config, leaf.layer] {
        assert!(has(store, &digest));
    }
}

/// D13: More than any document of ours may have; another tool may have named it all the same.
#[test]
fn d13_an_index_of_a_hundred_thousand_manifests_ends_and_loses_nothing() {
    let fixture = fixture();
    let store = &fixture.store;
    let lease = store.lease().unwrap();
    let leaf = artifact(&lease, "leaf");
    let absent = (0..100_000_u32).map(|number| {
        let digest = Digest::sha256(&number.to_le_bytes());
        Descriptor::new(MediaType::OciManifest, digest, 100)
    });
    let wide = Document::write(Index::new(
        absent.chain([leaf.manifest.clone()]).collect::<Vec<_>>(),
    ));
    let stored = lease.put(wide.bytes()).unwrap();
    drop(lease);
    let wide = Descriptor::new(MediaType::OciIndex, stored.digest, stored.size);
    store.tag(&reference("example.com/m:wide"), &wide).unwrap();
    assert_eq!(prune(store).items, []);
    for digest in [leaf.manifest.digest, leaf.config, leaf.layer] {
        assert!(has(store, &digest));
    }
}

#[test]
fn a_damaged_manifest_is_reported_keeps_its_layers_and_stops_nothing() {
    let fixture = fixture();
    let store = &fixture.store;
    let hurt = tagged(store, "example.com/m:hurt", "hurt");
    let lost = tagged(store, "example.com/m:lost", "lost");
    let lease = store.lease().unwrap();
    lease.put(b"garbage").unwrap();
    drop(lease);
    let mut bytes = fs::read(store.blob_path(&hurt.manifest.digest)).unwrap();
    bytes[0] = b'!';
    damage(store, &hurt.manifest.digest, &bytes);
    fs::remove_file(store.blob_path(&lost.manifest.digest)).unwrap();
    let report = prune(store);
    let mut unreadable: Vec<_> = report
        .unreadable
        .iter()
        .map(|(digest, _)| *digest)
        .collect();
    unreadable.sort();
    let mut expected = vec![hurt.manifest.digest, lost.manifest.digest];
    expected.sort();
    assert_eq!(unreadable, expected);
    assert!(pruned(&report).contains(&Digest::sha256(b"garbage").to_string().as_str()));
    assert!(has(store, &hurt.layer) && has(store, &hurt.config));
}

#[test]
fn content_that_is_no_manifest_may_be_named_by_other_tools() {
    let fixture = fixture();
    let store = &fixture.store;
    let lease = store.lease().unwrap();
    let stored = lease.put(b"any bytes").unwrap();
    drop(lease);
    let other = MediaType::from("text/plain");
    let descriptor = Descriptor::new(other, stored.digest, stored.size);
    store
        .tag(&reference("example.com/m:text"), &descriptor)
        .unwrap();
    assert!(prune(store).items.is_empty());
    assert!(has(store, &stored.digest));
}

#[test]
fn old_partials_go_when_asked_for_and_useless_ones_always() {
    let fixture = fixture();
    let store = &fixture.store;
    let lease = store.lease().unwrap();
    let take = |content: &[u8]| match lease.partial(
        &Digest::sha256(content),
        content.len() as u64,
        "example.com/m:1",
    ) {
        Ok(Acquired::Partial(partial)) => partial,
        other => panic!("{other:?}"),
    };
    drop(take(b"idle"));
    let busy = take(b"busy");
    drop(take(b"useless"));
    let name = format!("sha256-{}.journal", Digest::sha256(b"useless").hex());
    fs::remove_file(store.own("partials").join(name)).unwrap();

    let report = prune(store);
    assert_eq!(pruned(&report), [Digest::sha256(b"useless").to_string()]);
    assert_eq!(report.items[0].kind, PrunedKind::Temporary);
    assert_eq!(store.partials().unwrap().len(), 2);

    let hour = Duration::from_secs(3600);
    let mut options = PruneOptions::default();
    options.partials_older_than = Some((hour, SystemTime::now()));
    assert!(store.prune(&options).unwrap().items.is_empty());
    options.partials_older_than = Some((hour, SystemTime::now() + 2 * hour));
    options.dry_run = true;
    let told = store.prune(&options).unwrap();
    assert_eq!(store.partials().unwrap().len(), 2);
    options.dry_run = false;
    let done = store.prune(&options).unwrap();
    assert_eq!(told.items, done.items);
    assert_eq!(pruned(&done), [Digest::sha256(b"idle").to_string()]);
    assert_eq!(done.items[0].kind, PrunedKind::Partial);
    let left = store.partials().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].digest, *busy.digest());
}

#[test]
fn manifests_go_before_what_they_need() {
    let fixture = fixture();
    let store = &fixture.store;
    let lease = store.lease().unwrap();
    let made: Vec<_> = (0..8)
        .map(|number| artifact(&lease, &format!("weights {number}")))
        .collect();
    drop(lease);
    let report = prune(store);
    let place = |digest: &Digest| {
        let name = digest.to_string();
        report.items.iter().position(|item| item.name == name)
    };
    let last = made.iter().map(|made| place(&made.manifest.digest)).max();
    for made in &made {
        assert!(place(&made.layer) > last.flatten(), "{report:?}");
        assert!(place(&made.config) > last.flatten(), "{report:?}");
    }
}

#[test]
fn what_has_no_name_can_be_kept() {
    let fixture = fixture();
    let store = &fixture.store;
    let gone = tagged(store, "example.com/m:gone", "gone");
    store.remove(&reference("example.com/m:gone")).unwrap();
    let stray = store.lease().unwrap().put(b"no manifest").unwrap().digest;
    let mut options = PruneOptions::default();
    options.keep_untagged = true;
    let report = store.prune(&options).unwrap();
    assert_eq!(pruned(&report), [stray.to_string()]);
    for digest in [&gone.manifest.digest, &gone.config, &gone.layer] {
        assert!(has(store, digest));
    }
}

#[test]
fn nothing_is_protected_while_others_are_swept() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let fixture = fixture();
    let store = &fixture.store;
    let named = tagged(store, "example.com/m:1", "named");
    let lease = store.lease().unwrap();
    let [leased, absent, late] = [&b"leased"[..], b"absent", b"late"].map(Digest::sha256);
    lease.protect(&leased).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (begin, begun) = std::sync::mpsc::channel();
        let is_over = &is_over;
        let other = lease.clone();
        let protecting = scope.spawn(move || {
            begun.recv().unwrap();
            other.protect(&late).unwrap();
            is_over.load(Ordering::SeqCst)
        });
        let sweep = |needed: &std::collections::BTreeSet<Digest>| {
            begin.send(()).unwrap();
            for digest in [named.manifest.digest, named.config, named.layer, leased] {
                assert!(needed.contains(&digest));
            }
            assert!(!needed.contains(&absent) && !needed.contains(&late));
            // Long enough for the other thread to get its turn, if nothing held it.
            for _ in 0..1000 {
                store.blob_size(&named.layer).unwrap();
                std::thread::yield_now();
            }
            is_over.store(true, Ordering::SeqCst);
        };
        store.sweep(sweep).unwrap();
        assert!(protecting.join().unwrap(), "it was protected meanwhile");
    });
    store
        .sweep(|needed| assert!(needed.contains(&late)))
        .unwrap();
}
