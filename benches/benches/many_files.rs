//! Ten thousand small files: build, push, pull and resolve, as time for each file and highest memory.
//!
//! `cargo bench -p modelpack-benches --bench many_files`; `MODELPACK_BENCH_FILES` sets the number of files
//! (10 000), `MODELPACK_BENCH_RUNS` the number of rounds (3). Each step is a process of its own; the registry runs
//! in the process of the benchmark and stores on the same disk.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use modelpack::Store;
use modelpack_benches::measure::run;
use modelpack_benches::statistics::Spread;
use modelpack_benches::table::{head, row};
use modelpack_benches::{Measured, Outcome, Settings, tasks};
use modelpack_server::{DiskStorage, ListenOptions, Options, Registry, listen};

const STEPS: [&str; 5] = ["build", "build again", "push", "pull", "resolve"];
/// Files in one directory.
const DIRECTORY: usize = 100;

fn main() -> Outcome<()> {
    if let Some(done) = tasks::asked() {
        return done;
    }
    let settings = Settings::read()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let scratch = tempfile::tempdir()?;
    let model = scratch.path().join("model");
    let bytes = write_files(&model, settings.files)?;
    let mut steps: Vec<Vec<Measured>> = vec![Vec::new(); STEPS.len()];
    for round in 0..settings.runs {
        let directory = scratch.path().join(round.to_string());
        let registry = Store::create(directory.join("registry"))?;
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let address = TcpListener::bind(loopback)?.local_addr()?;
        let host = format!("localhost:{}", address.port());
        let storage = DiskStorage::new(registry, host.parse()?)?;
        let served = Registry::new(storage, Options::default());
        let _listener = runtime.block_on(listen(address, served, ListenOptions::default()))?;
        let name = format!("{host}/bench/many:v1");
        let path = |name: &str| directory.join(name);
        let task = |task: &str, arguments: &[&Path]| -> Outcome<Command> {
            let mut command = tasks::command(task)?;
            command.args(arguments).arg(&name);
            Ok(command)
        };
        let (store, other) = (path("store"), path("other"));
        let commands = [
            task("build", &[&store, &model])?,
            task("build", &[&store, &model])?,
            task("push", &[&store])?,
            task("pull", &[&other])?,
            {
                let mut command = task("resolve", &[&other])?;
                command.arg(path("resolved"));
                command
            },
        ];
        for (mut command, measured) in commands.into_iter().zip(&mut steps) {
            measured.push(run(&mut command, bytes)?);
        }
        fs::remove_dir_all(&directory)?;
    }
    println!("{} files, {} rounds\n", settings.files, settings.runs);
    print!(
        "{}",
        head(&["step", "µs per file, median", "highest memory, MiB"])
    );
    for (step, measured) in STEPS.iter().zip(steps) {
        let times = measured.iter().map(|it| it.wall.as_secs_f64() * 1e6);
        let median = Spread::of(times).map_or(0.0, |spread| spread.median);
        let peak = measured.iter().filter_map(|it| it.peak).max().unwrap_or(0);
        print!(
            "{}",
            row([
                (*step).to_owned(),
                format!("{:.0}", median / settings.files as f64),
                format!("{:.1}", peak as f64 / f64::from(1 << 20)),
            ])
        );
    }
    Ok(())
}

/// Writes small files, each another one, and gives the sum of their sizes.
fn write_files(model: &Path, count: usize) -> Outcome<u64> {
    let mut bytes = 0;
    for number in 0..count {
        let directory = model.join((number / DIRECTORY).to_string());
        fs::create_dir_all(&directory)?;
        let content = format!("print({number})\n");
        bytes += content.len() as u64;
        fs::write(directory.join(format!("{number}.py")), content)?;
    }
    fs::write(model.join("Modelfile"), "NAME many\nCODE **/*.py\n")?;
    Ok(bytes)
}
