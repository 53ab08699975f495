//! Building into the store: linked, copied, and once more without a change.
//!
//! `cargo bench -p modelpack-benches --bench build`. See `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::process::Command;

use modelpack_benches::artifacts::{build, write_model};
use modelpack_benches::measure::run;
use modelpack_benches::{By, Outcome, Report, Row, Scenario, Settings, Side, Target, tasks};

const PASS: &str = "one SHA-256 pass";

const ROWS: &[Row] = &[
    Row::new("link one file", PASS, By::Wall)
        .named("build: the file is linked")
        .target(Target::AtMost(1.1)),
    Row::new("copy one file", PASS, By::Wall)
        .named("build: the file is copied")
        .target(Target::AtMost(1.6)),
    Row::new("build one file", PASS, By::Wall)
        .named("build: the whole command")
        .target(Target::Words("≤ 1.1 with reflink, else ≤ 1.6")),
    Row::new("build again", PASS, By::Wall)
        .named("build: unchanged")
        .target(Target::Words("milliseconds")),
];

fn main() -> Outcome<()> {
    if let Some(done) = tasks::asked() {
        return done;
    }
    let settings = Settings::read()?;
    let mut report = Report::default();
    print!("{}", Report::head(&settings));
    if let Some(rows) = settings.choose(ROWS) {
        // Links need one file system for files and store.
        let scratch = tempfile::tempdir()?;
        let model = scratch.path().join("model");
        let file = write_model(&model, 1, settings.bytes)?.remove(0);
        let store = scratch.path().join("store");
        let kept = scratch.path().join("kept");
        let name = "registry.example.com/bench/model:v1";
        let into_new_store = |command: &mut Command| {
            let used = run(command, settings.bytes)?;
            fs::remove_dir_all(&store)?;
            Outcome::Ok(used)
        };
        let sides = vec![
            Side::run(PASS, |_| {
                run(tasks::command("hash")?.arg(&file), settings.bytes)
            }),
            Side::run("link one file", |_| {
                let mut command = tasks::command("ingest")?;
                into_new_store(command.arg("link").arg(&store).arg(&file))
            }),
            Side::run("copy one file", |_| {
                let mut command = tasks::command("ingest")?;
                into_new_store(command.arg("copy").arg(&store).arg(&file))
            }),
            Side::run("build one file", |_| {
                let mut command = tasks::command("build")?;
                into_new_store(command.arg(&store).arg(&model).arg(name))
            }),
            Side::run("build again", |round| {
                if round == 0 {
                    build(&kept, &model, name)?;
                }
                let mut command = tasks::command("rebuild")?;
                run(command.arg(&kept).arg(&model).arg(name), settings.bytes)
            }),
        ];
        print!("{}", report.take(Scenario { rows, sides }.run(&settings)?));
    }
    print!("{}", report.foot());
    Ok(())
}
