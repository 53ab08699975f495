//! Processes that are killed at random points of every operation, and what the next one finds.
//!
//! `MODELPACK_CRASH_ROUNDS` sets the number of rounds (200), `MODELPACK_CRASH_SEED` the seed of the first one. A round
//! that fails says how to repeat it.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use modelpack::store::PartialStatus;
use modelpack::{BuildOptions, Control, Digest, PullOptions, PushOptions};
use modelpack_testkit::faulty::Contents;
use modelpack_testkit::random_bytes;

use crate::children::{Kill, Place, REPOSITORY, VERSIONS, WEIGHTS, blobs_of, runtime, write_model};

/// Rounds that run at the same time: while one waits for a process, the others use the processors.
const THREADS: usize = 3;
/// Most times in a row that an operation is killed before it may end.
const KILLS: u64 = 3;

/// How long a pull takes that nobody kills, its start included.
static LONGEST: LazyLock<Duration> = LazyLock::new(|| {
    let place = Place::new(&VERSIONS.contents);
    let start = Instant::now();
    let (status, said) = place.start("pull", &Kill::Never).wait();
    assert!(status.success(), "{said:?}");
    start.elapsed()
});

/// Pulls that were killed when the journal had something already.
static WITH_JOURNAL: AtomicU64 = AtomicU64::new(0);

#[test]
fn two_hundred_killed_processes_lose_nothing() {
    let rounds = number("MODELPACK_CRASH_ROUNDS").unwrap_or(200);
    let first = number("MODELPACK_CRASH_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |now| u64::from(now.subsec_nanos()))
    });
    let next = AtomicU64::new(0);
    LazyLock::force(&LONGEST);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= rounds {
                        return;
                    }
                    run(first.wrapping_add(round));
                }
            });
        }
    });
    // Otherwise the points are badly chosen, and nothing was shown.
    let with_journal = WITH_JOURNAL.load(Ordering::Relaxed);
    assert!(with_journal >= rounds / 8, "only {with_journal}");
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn run(seed: u64) {
    let _repeat = Repeat(seed);
    let mut dice = Dice(seed, 0);
    match dice.below(16) {
        0..8 => pull(&mut dice),
        8..11 => build(&mut dice),
        11..13 => push(&mut dice),
        13..15 => prune(&mut dice),
        _ => tag(&mut dice),
    }
}

/// Says how to repeat a round that fails.
struct Repeat(u64);

impl Drop for Repeat {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0;
            // The harness hides what a thread of a test's own prints, so it is written past it.
            let _ = writeln!(
                std::io::stderr(),
                "repeat it with MODELPACK_CRASH_ROUNDS=1 MODELPACK_CRASH_SEED={seed}"
            );
        }
    }
}

/// Numbers that depend on the seed alone.
struct Dice(u64, u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.1 += 1;
        let seed = self.0.wrapping_mul(1_000_003).wrapping_add(self.1);
        let bytes = random_bytes(8, seed);
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
            % end
    }

    fn time(&mut self) -> Kill {
        let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        Kill::After(Duration::from_micros(self.below(longest)))
    }

    fn kill(&mut self, events: u64) -> Kill {
        match self.below(2) {
            0 => self.time(),
            _ => Kill::Events(1 + self.below(events) as usize),
        }
    }
}

/// What must not be asked for again.
struct Known {
    blobs: Vec<Digest>,
    partials: Vec<PartialStatus>,
}

impl Known {
    fn of(place: &Place) -> Self {
        Self {
            blobs: place.store.blobs().expect("a list"),
            partials: place.store.partials().expect("a list"),
        }
    }

    fn assert_not_served(&self, place: &Place) {
        let manifest = VERSIONS.manifests[0].value();
        for digest in &self.blobs {
            // The config is so small that it is always fetched along with the manifest.
            if *digest != manifest.config.digest {
                assert_eq!(place.registry.served(&digest.to_string()).total(), 0);
            }
        }
        for partial in &self.partials {
            let served = place.registry.served(&partial.digest.to_string());
            for range in partial.done.iter() {
                assert_eq!(served.within(range.clone()), 0, "{range:?} of {served:?}");
            }
        }
    }
}

fn pull(dice: &mut Dice) {
    let place = Place::new(&VERSIONS.contents);
    let mut known = Known::of(&place);
    for _ in 0..=dice.below(KILLS) {
        let kill = match dice.below(2) {
            0 => dice.kill(40),
            _ => Kill::Recorded(1 + dice.below(WEIGHTS as u64)),
        };
        place.kill("pull", &kill);
        place.assert_clean();
        known.assert_not_served(&place);
        place.forget_requests();
        known = Known::of(&place);
        let mut partials = known.partials.iter();
        if partials.any(|partial| !partial.done.is_empty()) {
            WITH_JOURNAL.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (options, control) = (PullOptions::default(), Control::default());
    let name = place.name("v1");
    let report = runtime().block_on(place.toolkit().pull(&name, &options, &control));
    let report = report.expect("it is pulled");
    assert_eq!(report.digest, *VERSIONS.manifests[0].digest());
    known.assert_not_served(&place);
    place.assert_clean();
    place.store.prune(&Default::default()).expect("it prunes");
    place.assert_tidy();
    assert_complete(&place);
}

/// The store has the first version and nothing else.
fn assert_complete(place: &Place) {
    let manifest = &VERSIONS.manifests[0];
    let mut expected = blobs_of(manifest);
    expected.push(*manifest.digest());
    let expected: BTreeSet<_> = expected.into_iter().collect();
    let blobs = place.store.blobs().expect("a list");
    assert_eq!(blobs.into_iter().collect::<BTreeSet<_>>(), expected);
}

fn build_here(place: &Place, version: u64, tag: &str) {
    let directory = place.root.join("model");
    write_model(&directory, version);
    let (options, control) = (BuildOptions::default(), Control::default());
    let (name, toolkit) = (place.name(tag), place.toolkit());
    let built = toolkit.build(&directory, &name, &options, &control);
    let built = runtime().block_on(built).expect("it is built");
    let expected = &VERSIONS.manifests[version as usize - 1];
    assert_eq!(built.digest, *expected.digest());
}

fn build(dice: &mut Dice) {
    let place = Place::new(&Contents::new());
    write_model(&place.root.join("model"), 1);
    for _ in 0..=dice.below(KILLS) {
        place.kill("build", &dice.kill(60));
        place.assert_clean();
    }
    build_here(&place, 1, "v1");
    place.store.prune(&Default::default()).expect("it prunes");
    place.assert_clean();
    place.assert_tidy();
    assert_complete(&place);
}

fn push(dice: &mut Dice) {
    let contents = Contents::new();
    let place = Place::new(&contents);
    build_here(&place, 1, "v1");
    let manifest = &VERSIONS.manifests[0];
    for _ in 0..=dice.below(KILLS) {
        place.kill("push", &dice.kill(30));
        place.assert_clean();
        if let Some(digest) = contents.tagged(REPOSITORY, "v1") {
            assert_eq!(digest, manifest.digest().to_string());
        }
    }
    let (options, control) = (PushOptions::default(), Control::default());
    let (name, toolkit) = (place.name("v1"), place.toolkit());
    let pushed = runtime().block_on(toolkit.push(&name, &options, &control));
    pushed.expect("it is pushed");
    let tagged = contents.tagged(REPOSITORY, "v1");
    assert_eq!(tagged, Some(manifest.digest().to_string()));
    for digest in blobs_of(manifest) {
        let sent = contents.blob(REPOSITORY, &digest.to_string());
        let sent = sent.expect("it is there");
        assert!(sent == place.store.read_blob(&digest, 1 << 30).expect("a blob"));
    }
    place.store.prune(&Default::default()).expect("it prunes");
    place.assert_tidy();
    assert_complete(&place);
}

fn prune(dice: &mut Dice) {
    let place = Place::new(&Contents::new());
    build_here(&place, 1, "v1");
    build_here(&place, 2, "v2");
    let lease = place.store.lease().expect("a lease");
    for number in 0..60 {
        let left = format!("of nobody, {number}");
        lease.put(left.as_bytes()).expect("it is stored");
    }
    drop(lease);
    place
        .store
        .remove(&place.name("v2"))
        .expect("it had a name");
    for _ in 0..=dice.below(KILLS) {
        // Pruning reports no events, and takes a small part of the time of a pull.
        let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        let time = Duration::from_micros(dice.below(longest / 8));
        place.kill("prune", &Kill::After(time));
        place.assert_clean();
        let gone = &VERSIONS.manifests[1];
        if place
            .store
            .blob_size(gone.digest())
            .expect("a size")
            .is_some()
        {
            for digest in blobs_of(gone) {
                let size = place.store.blob_size(&digest).expect("a size");
                assert!(size.is_some(), "a manifest is left without {digest}");
            }
        }
    }
    place.store.prune(&Default::default()).expect("it prunes");
    place.assert_clean();
    place.assert_tidy();
    assert_complete(&place);
}

fn tag(dice: &mut Dice) {
    let place = Place::new(&Contents::new());
    build_here(&place, 1, "v1");
    let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
    let time = Duration::from_micros(dice.below(longest / 2));
    let said = place.kill("tag", &Kill::After(time));
    let mut expected = BTreeSet::from(["v1".to_owned()]);
    let mut begun = None;
    for line in said {
        if let Some(step) = line.strip_prefix("begin ") {
            begun = Some(step.to_owned());
        } else if line.starts_with(['+', '-']) {
            change(&mut expected, &line);
            begun = None;
        }
    }
    // The last step may have been done, or not; nothing else is open.
    let mut done = expected.clone();
    change(&mut done, begun.as_deref().unwrap_or_default());
    let names = place.names();
    assert!(names == expected || names == done, "{names:?} {expected:?}");
    place.assert_clean();
    let (source, target) = (place.name("v1"), place.name("next"));
    let tagged = runtime().block_on(place.toolkit().tag(&source, &target));
    tagged.expect("it gets a name");
    place.store.prune(&Default::default()).expect("it prunes");
    place.assert_tidy();
}

fn change(names: &mut BTreeSet<String>, step: &str) {
    if let Some(name) = step.strip_prefix('+') {
        names.insert(name.to_owned());
    } else if let Some(name) = step.strip_prefix('-') {
        names.remove(name);
    }
}
