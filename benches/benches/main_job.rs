//! Build, push, pull and resolve of one artifact, each as a ratio to one SHA-256 pass over its bytes.
//!
//! `cargo bench -p modelpack-benches`; `MODELPACK_BENCH_MIB` sets the size (1024), `MODELPACK_BENCH_RUNS`
//! the number of runs (3). Every run measures all of them, one after the other, and the medians of the
//! ratios are printed, so that a slow moment of the machine touches both sides.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use modelpack::registry::PlainHttp;
use modelpack::spec::{Algorithm, Hasher};
use modelpack::{
    BuildOptions, Client, Control, PullOptions, PushOptions, Reference, ResolveOptions, Store,
    Toolkit,
};
use modelpack_server::{DiskStorage, ListenOptions, Options, Registry, listen};

const STEPS: [&str; 5] = ["build", "rebuild", "push", "pull", "resolve"];

fn main() -> Result<(), Box<dyn Error>> {
    let number = |name: &str, default: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let bytes = number("MODELPACK_BENCH_MIB", 1024) * 1024 * 1024;
    let runs = number("MODELPACK_BENCH_RUNS", 3).max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;

    let scratch = tempfile::tempdir()?;
    let model = scratch.path().join("model");
    std::fs::create_dir(&model)?;
    modelpack_testkit::write_random(&model.join("model.safetensors"), bytes, 1)?;
    std::fs::write(
        model.join("Modelfile"),
        "NAME bench\nMODEL model.safetensors\n",
    )?;

    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); STEPS.len()];
    let mut passes = Vec::new();
    for run in 0..runs {
        let pass = hash_pass(&model.join("model.safetensors"))?;
        let directory = scratch.path().join(format!("run-{run}"));
        let times = runtime.block_on(main_job(&model, &directory))?;
        std::fs::remove_dir_all(&directory)?;
        for (step, time) in times.iter().enumerate() {
            ratios[step].push(time.as_secs_f64() / pass.as_secs_f64());
        }
        passes.push(pass.as_secs_f64());
    }
    println!(
        "{} MiB, {runs} runs; one SHA-256 pass takes {:.2} s (median)",
        bytes >> 20,
        median(&mut passes)
    );
    println!("| step | ratio to the pass, median | lowest | highest |\n| --- | --- | --- | --- |");
    for (step, ratios) in STEPS.iter().zip(&mut ratios) {
        let middle = median(ratios);
        println!(
            "| {step} | {middle:.3} | {:.3} | {:.3} |",
            ratios[0],
            ratios[ratios.len() - 1]
        );
    }
    println!("peak resident memory {}", peak_memory());
    Ok(())
}

/// The bound of everything that is verified: reading warm bytes and hashing them on one core.
fn hash_pass(path: &Path) -> Result<Duration, Box<dyn Error>> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 128 * 1024];
    let started = Instant::now();
    let mut hasher = Hasher::new(Algorithm::Sha256);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    std::hint::black_box(hasher.finish());
    Ok(started.elapsed())
}

async fn main_job(model: &Path, directory: &Path) -> Result<[Duration; 5], Box<dyn Error>> {
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
    let mut options = BuildOptions::default();
    options.modelfile = Some(model.join("Modelfile"));

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

/// Sorts the figures and gives the one in the middle.
fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
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
