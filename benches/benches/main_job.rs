//! Build, push, pull and resolve of one artifact, each as a ratio to one SHA-256 pass over its bytes.
//!
//! `cargo bench -p modelpack-benches --bench main_job`; `MODELPACK_BENCH_MIB` sets the size (1024),
//! `MODELPACK_BENCH_RUNS` the number of runs (3). Every run measures all of them, one after the other, and the
//! medians of the ratios are printed, so that a slow moment of the machine touches both sides. Client and server
//! share one process; the other benchmarks measure the client alone.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use modelpack::registry::PlainHttp;
use modelpack::{
    BuildOptions, Client, Control, PullOptions, PushOptions, Reference, ResolveOptions, Store,
    Toolkit,
};
use modelpack_benches::artifacts::write_model;
use modelpack_benches::statistics::Spread;
use modelpack_benches::table::{head, row};
use modelpack_benches::{Outcome, Settings, tasks};
use modelpack_server::{DiskStorage, ListenOptions, Options, Registry, listen};

const STEPS: [&str; 5] = ["build", "rebuild", "push", "pull", "resolve"];
/// What is run when nothing is said, in MiB: the same bytes lie in four places.
const MIB: u64 = 1024;

fn main() -> Outcome<()> {
    let settings = Settings::read_or(MIB)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let scratch = tempfile::tempdir()?;
    let model = scratch.path().join("model");
    let file = write_model(&model, 1, settings.bytes)?.remove(0);

    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); STEPS.len()];
    let mut passes = Vec::new();
    for run in 0..settings.runs {
        let started = Instant::now();
        tasks::hash_file(&file)?;
        let pass = started.elapsed();
        let directory = scratch.path().join(format!("run-{run}"));
        let times = runtime.block_on(main_job(&model, &directory))?;
        std::fs::remove_dir_all(&directory)?;
        for (ratios, time) in ratios.iter_mut().zip(times) {
            ratios.push(time.as_secs_f64() / pass.as_secs_f64());
        }
        passes.push(pass.as_secs_f64());
    }
    println!(
        "{} MiB, {} runs; one SHA-256 pass takes {:.2} s (median)\n",
        settings.bytes >> 20,
        settings.runs,
        Spread::of(passes).map_or(0.0, |passes| passes.median)
    );
    let titles = ["step", "ratio to the pass, median", "lowest", "highest"];
    print!("{}", head(&titles));
    for (step, ratios) in STEPS.iter().zip(ratios) {
        if let Some(spread) = Spread::of(ratios) {
            let figures = [spread.median, spread.lowest, spread.highest];
            let figures = figures.map(|figure| format!("{figure:.3}"));
            print!("{}", row([(*step).to_owned()].into_iter().chain(figures)));
        }
    }
    println!("\npeak resident memory {}", peak_memory());
    Ok(())
}

async fn main_job(model: &Path, directory: &Path) -> Outcome<[Duration; 5]> {
    let address = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?.local_addr()?;
    let authority = format!("localhost:{}", address.port());
    let storage = DiskStorage::new(
        Store::create(directory.join("registry"))?,
        authority.parse()?,
    )?;
    let listener = listen(
        address,
        Registry::new(storage, Options::default()),
        ListenOptions::default(),
    )
    .await?;
    let client = Client::builder().plain_http(PlainHttp::Loopback).build()?;
    let publisher = Toolkit::new(Store::create(directory.join("publisher"))?, client.clone());
    let consumer = Toolkit::new(Store::create(directory.join("consumer"))?, client);
    let reference: Reference = format!("{authority}/bench/model:v1").parse()?;
    let control = Control::default();
    let options = BuildOptions::default();

    let started = Instant::now();
    publisher
        .build(model, &reference, &options, &control)
        .await?;
    let build = started.elapsed();
    let started = Instant::now();
    publisher
        .build(model, &reference, &options, &control)
        .await?;
    let rebuild = started.elapsed();
    let started = Instant::now();
    publisher
        .push(&reference, &PushOptions::default(), &control)
        .await?;
    let push = started.elapsed();
    let started = Instant::now();
    consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await?;
    let pull = started.elapsed();
    let started = Instant::now();
    consumer
        .resolve(&reference, &ResolveOptions::default(), &control)
        .await?;
    let resolve = started.elapsed();
    listener.shutdown(Duration::from_secs(5)).await;
    Ok([build, rebuild, push, pull, resolve])
}

/// Of this process, which holds client and server, as the kernel counts it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(
        || "is not known on this system".to_owned(),
        |value| value.trim().to_owned(),
    )
}
