//! Pulling: against the hash, against what other tools do, from slow and broken servers, and resumed.
//!
//! `cargo bench -p modelpack-benches --bench pull`; words behind `--` choose rows. See `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use modelpack::{Digest, Store};
use modelpack_benches::artifacts::Published;
use modelpack_benches::measure::{kill_when, run};
use modelpack_benches::servers::{FaultyServer, Nginx, Synthetic};
use modelpack_benches::{
    By, Measured, Outcome, Report, Row, Scenario, Settings, Side, Target, peers, tasks,
};
use modelpack_testkit::faulty::{Class, Fault, Rule, When};

const PASS: &str = "one SHA-256 pass";
const DISK: &str = "`dd conv=fdatasync` of the same bytes";
const CURL: &str = "`curl -o`, then `sha256sum`";
const SKOPEO: &str = "`skopeo copy` into a layout";
const TWO_PASSES: &str = "SHA-256 on two cores";
const EIGHT_CONNECTIONS: &str = "eight connections' rate";
const UNCUT: &str = "the same without cuts";
const TENTH: &str = "a pull of a tenth, per byte";

const ONE: &[Row] = &[
    Row::new("pull one blob", PASS, By::Wall)
        .named("pull: one blob")
        .target(Target::AtMost(1.15)),
    Row::new("pull one blob", DISK, By::Wall).named("pull: one blob, disk"),
    Row::new("pull one blob", CURL, By::Wall)
        .named("pull: one blob, curl")
        .target(Target::AtMost(0.75)),
    Row::new("pull one blob", SKOPEO, By::Wall)
        .named("pull: one blob, skopeo")
        .target(Target::AtMost(0.5)),
];
const MANY: &[Row] = &[Row::new("pull eight blobs", TWO_PASSES, By::Wall)
    .named("pull: eight blobs")
    .target(Target::AtMost(1.2))];
const LIMITED: &[Row] = &[
    Row::new("pull, limited per connection", EIGHT_CONNECTIONS, By::Rate)
        .named("pull: 50 MB/s per connection, rate")
        .target(Target::AtLeast(0.9)),
];
const CUT: &[Row] = &[Row::new("pull with cuts", UNCUT, By::Wall)
    .named("pull: 1 % of requests cut")
    .target(Target::AtMost(1.1))];
const RESUME: &[Row] = &[Row::new("pull, resumed", TENTH, By::WallPerByte)
    .named("pull: resume at 90 % after SIGKILL")
    .target(Target::AtMost(1.5))];

/// What a connection of the limited server brings in a second.
const LIMIT: u64 = 50_000_000;
/// Where a cut answer ends: in the middle of the smallest piece that is asked for.
const CUT_AFTER: u64 = 4 * 1024 * 1024;
/// A journal is written every 64 MiB, so less than this has none at 90 %.
const LEAST_TO_RESUME: u64 = 1024 * 1024 * 1024;

fn main() -> Outcome<()> {
    if let Some(done) = tasks::asked() {
        return done;
    }
    let settings = Settings::read()?;
    let mut report = Report::default();
    print!("{}", Report::head(&settings));
    for scenario in [one, many, limited, cut, resume] {
        scenario(&settings, &mut report)?;
    }
    print!("{}", report.foot());
    Ok(())
}

fn one(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let Some(rows) = settings.choose(ONE) else {
        return Ok(());
    };
    if let Some(reason) = peers::lack(&["nginx"]) {
        print!("{}", Report::skip(&rows, &reason));
        return Ok(());
    }
    let nginx = Nginx::start()?;
    let published = Published::new(&nginx, "one", 1, settings.bytes)?;
    let scratch = tempfile::tempdir()?;
    let reference = published.reference.to_string();
    let sides = vec![
        Side::run(PASS, |_| hash("hash", &published)),
        Side::run("pull one blob", |_| {
            pull(scratch.path(), &reference, published.bytes)
        }),
        Side::run(DISK, |_| {
            let file = scratch.path().join("dd");
            let used = peers::copy_and_sync(&published.layers[0], &file, published.bytes)?;
            fs::remove_file(&file)?;
            Ok(used)
        })
        .unless(peers::lack(&["dd"])),
        Side::run(CURL, |_| {
            let file = scratch.path().join("curl");
            let url = published.url(&nginx);
            let used = peers::curl_and_sha256sum(&url, &file, published.bytes)?;
            fs::remove_file(&file)?;
            Ok(used)
        })
        .unless(peers::lack(&["curl", "sha256sum"])),
        Side::run(SKOPEO, |_| {
            let layout = scratch.path().join("layout");
            let used = peers::skopeo_copy(&reference, &layout, published.bytes)?;
            fs::remove_dir_all(&layout)?;
            Ok(used)
        })
        .unless(peers::lack(&["skopeo"])),
    ];
    print!("{}", report.take(Scenario { rows, sides }.run(settings)?));
    Ok(())
}

fn many(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let Some(rows) = settings.choose(MANY) else {
        return Ok(());
    };
    if let Some(reason) = peers::lack(&["nginx"]) {
        print!("{}", Report::skip(&rows, &reason));
        return Ok(());
    }
    let nginx = Nginx::start()?;
    let published = Published::new(&nginx, "many", 8, settings.bytes / 8)?;
    let scratch = tempfile::tempdir()?;
    let reference = published.reference.to_string();
    let sides = vec![
        Side::run(TWO_PASSES, |_| hash("hash-two", &published)),
        Side::run("pull eight blobs", |_| {
            pull(scratch.path(), &reference, published.bytes)
        }),
    ];
    print!("{}", report.take(Scenario { rows, sides }.run(settings)?));
    Ok(())
}

fn limited(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let Some(rows) = settings.choose(LIMITED) else {
        return Ok(());
    };
    let fault = Fault::Rate {
        bytes_per_second: LIMIT,
    };
    let contents =
        Synthetic::new(settings.bytes).with_rule(Rule::new(When::new("GET", Class::Blob), fault));
    let server = FaultyServer::start(&contents)?;
    let scratch = tempfile::tempdir()?;
    let bound = Duration::from_secs_f64(settings.bytes as f64 / (8 * LIMIT) as f64);
    let sides = vec![
        Side::run("pull, limited per connection", |_| {
            pull(scratch.path(), &server.reference(), settings.bytes)
        }),
        Side::known(EIGHT_CONNECTIONS, settings.bytes, bound),
    ];
    print!("{}", report.take(Scenario { rows, sides }.run(settings)?));
    Ok(())
}

fn cut(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let Some(rows) = settings.choose(CUT) else {
        return Ok(());
    };
    let whole = Synthetic::new(settings.bytes);
    let fault = Fault::Cut { after: CUT_AFTER };
    let ranges = When::new("GET", Class::Blob).of(&whole.digest);
    let broken = whole.clone().with_rule(Rule::new(ranges, fault).every(100));
    let scratch = tempfile::tempdir()?;
    // A new server for each pull, so that each meets the cut of the first request in a hundred.
    let pull_from = |contents: &Synthetic| {
        let server = FaultyServer::start(contents)?;
        pull(scratch.path(), &server.reference(), settings.bytes)
    };
    let sides = vec![
        Side::run(UNCUT, |_| pull_from(&whole)),
        Side::run("pull with cuts", |_| pull_from(&broken)),
    ];
    print!("{}", report.take(Scenario { rows, sides }.run(settings)?));
    Ok(())
}

fn resume(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let Some(rows) = settings.choose(RESUME) else {
        return Ok(());
    };
    let bytes = settings.bytes.max(LEAST_TO_RESUME);
    // Slower than any disk, so that the journal keeps up and the first pull can be killed where it is meant.
    let fault = || Fault::Rate {
        bytes_per_second: LIMIT,
    };
    let limited =
        |bytes| Synthetic::new(bytes).with_rule(Rule::new(When::new("GET", Class::Blob), fault()));
    let (whole, tenth) = (limited(bytes), limited(bytes / 10));
    let (server, of_tenth) = (FaultyServer::start(&whole)?, FaultyServer::start(&tenth)?);
    let scratch = tempfile::tempdir()?;
    let digest = whole.digest.parse()?;
    let sides = vec![
        Side::run(TENTH, |_| {
            pull(scratch.path(), &of_tenth.reference(), bytes / 10)
        }),
        Side::run("pull, resumed", |_| {
            resumed(scratch.path(), &server.reference(), &digest, bytes)
        }),
    ];
    print!("{}", report.take(Scenario { rows, sides }.run(settings)?));
    Ok(())
}

/// Hashes the layers as a task does it.
fn hash(task: &str, published: &Published) -> Outcome<Measured> {
    run(
        tasks::command(task)?.args(&published.layers),
        published.bytes,
    )
}

/// Pulls into a new store, which is removed again.
fn pull(scratch: &Path, reference: &str, bytes: u64) -> Outcome<Measured> {
    let store = scratch.join("store");
    let used = run(tasks::command("pull")?.arg(&store).arg(reference), bytes)?;
    fs::remove_dir_all(&store)?;
    Ok(used)
}

/// Kills a pull when 90 % are recorded, and measures the next one.
fn resumed(scratch: &Path, reference: &str, digest: &Digest, bytes: u64) -> Outcome<Measured> {
    let directory = scratch.join("store");
    let store = Store::create(&directory)?;
    let recorded = || {
        let status = store.partial_status(digest)?;
        Outcome::Ok(status.map_or(0, |status| status.done.len()))
    };
    let mut command = tasks::command("pull")?;
    command.arg(&directory).arg(reference);
    let first = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let enough = bytes / 10 * 9;
    kill_when(first, || Ok(recorded()? >= enough))?;
    let rest = bytes - recorded()?;
    rustix::fs::sync();
    let used = run(&mut command, rest)?;
    fs::remove_dir_all(&directory)?;
    Ok(used)
}
