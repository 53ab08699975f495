//! Resolving from the store: the time must not depend on the size of the files.
//!
//! `cargo bench -p modelpack-benches --bench resolve`. See `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;

use modelpack_benches::artifacts::{build, write_model};
use modelpack_benches::measure::run;
use modelpack_benches::{By, Outcome, Report, Row, Scenario, Settings, Side, Target, tasks};

const SMALL: &str = "resolve a model of 1 MiB";
const LARGE: &str = "resolve a large model";
/// Size of the small model.
const SMALL_BYTES: u64 = 1024 * 1024;

const ROWS: &[Row] = &[Row::new(LARGE, SMALL, By::Wall)
    .named("resolve: a large model")
    .target(Target::Words("about 1"))];

fn main() -> Outcome<()> {
    if let Some(done) = tasks::asked() {
        return done;
    }
    let settings = Settings::read()?;
    let mut report = Report::default();
    print!("{}", Report::head(&settings));
    if let Some(rows) = settings.choose(ROWS) {
        let scratch = tempfile::tempdir()?;
        let (store, out) = (scratch.path().join("store"), scratch.path().join("out"));
        let name = |bytes: u64| format!("registry.example.com/bench/model:{bytes}");
        for bytes in [SMALL_BYTES, settings.bytes] {
            let model = scratch.path().join("model");
            write_model(&model, 1, bytes)?;
            build(&store, &model, &name(bytes))?;
            fs::remove_dir_all(&model)?;
        }
        let resolve = |bytes: u64| {
            let mut command = tasks::command("resolve")?;
            let command = command.arg(&store).arg(name(bytes)).arg(&out);
            let used = run(command, bytes)?;
            fs::remove_dir_all(&out)?;
            Outcome::Ok(used)
        };
        let sides = vec![
            Side::run(SMALL, |_| resolve(SMALL_BYTES)),
            Side::run(LARGE, |_| resolve(settings.bytes)),
        ];
        print!("{}", report.take(Scenario { rows, sides }.run(&settings)?));
    }
    print!("{}", report.foot());
    Ok(())
}
