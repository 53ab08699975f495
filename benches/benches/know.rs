//! What is known of a model without its weights: conversion, and the header of a remote file, in bytes.
//!
//! `cargo bench -p modelpack-benches --bench know`. See `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use modelpack::Store;
use modelpack_benches::artifacts::build;
use modelpack_benches::statistics::Spread;
use modelpack_benches::table::{head, row};
use modelpack_benches::{Outcome, Settings, tasks};
use modelpack_server::{DiskStorage, ListenOptions, Options, Registry, listen};

/// Layers of the artifact that is converted.
const LAYERS: u64 = 10;
/// A header that is followed by as many zeros as it takes.
const HEADER: &str = "weights/valid/everything-Q4_K_M.gguf";

fn main() -> Outcome<()> {
    if let Some(done) = tasks::asked() {
        return done;
    }
    let settings = Settings::read()?;
    let scratch = tempfile::tempdir()?;
    println!("{} MiB, {} rounds\n", settings.bytes >> 20, settings.runs);
    print!(
        "{}",
        head(&["what", "ms, median", "bytes, highest", "target"])
    );
    convert(&settings, scratch.path())?;
    header(&settings, scratch.path())
}

/// One operation: how long it took, and the bytes that passed.
struct Took {
    milliseconds: f64,
    bytes: u64,
}

fn convert(settings: &Settings, scratch: &Path) -> Outcome<()> {
    let (model, store) = (scratch.join("layers"), scratch.join("layers-store"));
    fs::create_dir_all(&model)?;
    let mut modelfile = String::from("NAME layers\n");
    for number in 0..LAYERS {
        // A hole of another size each, since equal files would be one layer.
        let name = format!("weights-{number}.bin");
        File::create(model.join(&name))?.set_len(settings.bytes / LAYERS + number)?;
        modelfile.push_str(&format!("MODEL {name}\n"));
    }
    fs::write(model.join("Modelfile"), modelfile)?;
    let name = "registry.example.com/bench/layers:v1";
    build(&store, &model, name)?;
    let mut rounds = Vec::new();
    for round in 0..settings.runs {
        let target = format!("registry.example.com/bench/layers:docker-{round}");
        let mut command = tasks::command("convert")?;
        rounds.push(took(command.arg(&store).arg(name).arg(target))?);
    }
    say(
        "convert: 10 layers to Docker's dialect",
        "50 ms, no byte of a layer",
        &rounds,
    );
    fs::remove_dir_all(&store)?;
    Ok(())
}

fn header(settings: &Settings, scratch: &Path) -> Outcome<()> {
    let model = scratch.join("gguf");
    fs::create_dir_all(&model)?;
    let file = model.join("model.gguf");
    fs::copy(modelpack_testkit::fixtures().join(HEADER), &file)?;
    let size = settings.bytes.max(fs::metadata(&file)?.len());
    File::options().write(true).open(&file)?.set_len(size)?;
    fs::write(model.join("Modelfile"), "NAME header\nMODEL model.gguf\n")?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = TcpListener::bind(loopback)?.local_addr()?;
    let wire = Wire::before(address)?;
    let host = format!("localhost:{}", wire.port);
    let store = scratch.join("header-store");
    let name = format!("{host}/bench/header:v1");
    build(&store, &model, &name)?;
    let storage = DiskStorage::new(Store::open(&store)?, host.parse()?)?;
    let served = Registry::new(storage, Options::default());
    let _listener = runtime.block_on(listen(address, served, ListenOptions::default()))?;
    let mut rounds = Vec::new();
    for _ in 0..settings.runs {
        let before = wire.received.load(Ordering::SeqCst);
        let mut command = tasks::command("tensors")?;
        let mut round = took(command.arg(scratch.join("empty-store")).arg(&name))?;
        round.bytes = wire.received.load(Ordering::SeqCst) - before;
        rounds.push(round);
    }
    say("header of a GGUF file over HTTP", "1 MiB", &rounds);
    Ok(())
}

/// Runs a task that says itself what one operation took.
fn took(command: &mut Command) -> Outcome<Took> {
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        return Err(format!(
            "{command:?} has failed: {}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    let figure = |name: &str| -> Outcome<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        Ok(line
            .ok_or_else(|| format!("the task did not say {name}"))?
            .parse()?)
    };
    Ok(Took {
        milliseconds: figure("took-ns ")? as f64 / 1e6,
        bytes: figure("io-bytes ").unwrap_or(0),
    })
}

fn say(what: &str, target: &str, rounds: &[Took]) {
    let median = Spread::of(rounds.iter().map(|round| round.milliseconds));
    let bytes = rounds.iter().map(|round| round.bytes).max().unwrap_or(0);
    print!(
        "{}",
        row([
            what.to_owned(),
            format!("{:.1}", median.map_or(0.0, |spread| spread.median)),
            bytes.to_string(),
            format!("< {target}"),
        ])
    );
}

/// A port that passes everything on to a server, and counts what comes back.
struct Wire {
    port: u16,
    received: Arc<AtomicU64>,
}

impl Wire {
    fn before(server: SocketAddr) -> Outcome<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        // It ends with the benchmark.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else {
                    continue;
                };
                let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone())
                else {
                    continue;
                };
                let count = Arc::clone(&count);
                thread::spawn(move || pass(client, server, &AtomicU64::new(0)));
                thread::spawn(move || pass(server_too, client_too, &count));
            }
        });
        Ok(Self { port, received })
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return to.shutdown(Shutdown::Write);
        }
        count.fetch_add(read as u64, Ordering::SeqCst);
        to.write_all(&piece[..read])?;
    }
}
