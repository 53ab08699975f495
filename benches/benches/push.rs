//! Pushing, against a program that reads the file and writes the socket.
//!
//! `cargo bench -p modelpack-benches --bench push`. See `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use modelpack_benches::artifacts::{build, write_model};
use modelpack_benches::measure::run;
use modelpack_benches::servers::{FaultyServer, Synthetic};
use modelpack_benches::{By, Outcome, Report, Row, Scenario, Settings, Side, Target, tasks};

const SEND: &str = "reading the file and writing a socket";

const ROWS: &[Row] = &[Row::new("push one blob", SEND, By::Wall)
    .named("push: one blob into a sink")
    .target(Target::AtMost(1.2))];

fn main() -> Outcome<()> {
    if let Some(done) = tasks::asked() {
        return done;
    }
    let settings = Settings::read()?;
    let mut report = Report::default();
    print!("{}", Report::head(&settings));
    if let Some(rows) = settings.choose(ROWS) {
        let scratch = tempfile::tempdir()?;
        let (model, store) = (scratch.path().join("model"), scratch.path().join("store"));
        let files = write_model(&model, 1, settings.bytes)?;
        // Another registry for each round: what one has is linked or not sent again.
        let servers: Vec<FaultyServer> = (0..settings.runs)
            .map(|_| FaultyServer::start(&Synthetic::default()))
            .collect::<Outcome<_>>()?;
        let names: Vec<String> = servers
            .iter()
            .map(|server| format!("{}/bench/push:v1", server.host()))
            .collect();
        for name in &names {
            build(&store, &model, name)?;
        }
        let sides = vec![
            Side::run(SEND, |round| {
                let mut command = tasks::command("send")?;
                run(
                    command.args(&files).arg(servers[round].host()),
                    settings.bytes,
                )
            }),
            Side::run("push one blob", |round| {
                let mut command = tasks::command("push")?;
                run(command.arg(&store).arg(&names[round]), settings.bytes)
            }),
        ];
        print!("{}", report.take(Scenario { rows, sides }.run(&settings)?));
    }
    print!("{}", report.foot());
    Ok(())
}
