//! The registry beside nginx (reading) and Debian's docker-registry (writing), in the same run.
//!
//! `cargo bench -p modelpack-benches --bench server`; `MODELPACK_BENCH_MIB` sets the size of a blob (1024),
//! `MODELPACK_BENCH_RUNS` the number of runs (3), `MODELPACK_BENCH_SECONDS` how long manifests are asked for
//! (3), `MODELPACK_BENCH_MIXED_MIB` the size of a blob when memory is looked at (4096; needs five times that on
//! the disk, and 0 leaves it out). nginx serves the same files with `sendfile off`, since no verified or encrypted path can use it. What
//! is not installed is left out and said to be. The registry is a process of its own, whose peak memory is
//! printed: over all speeds, and of another one while eight clients push and pull mixed.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "server/client.rs"]
mod client;
#[path = "server/peers.rs"]
mod peers;

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use client::{Blob, get, put, requests};
use modelpack_server::{DiskStorage, ListenOptions, Options, Registry, listen};
use modelpack_store::Store;
use peers::Peer;

/// Connections that ask for manifests.
const CONNECTIONS: usize = 64;
/// Blobs that are read or written at the same time.
const PARALLEL: usize = 8;
/// Most memory that a registry may need for so many, whatever they send and read.
const MIXED_MIB: u32 = 64;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, directory] = arguments.as_slice()
        && word == "serve"
    {
        return runtime.block_on(serve(Path::new(directory)));
    }
    let number = |name: &str, default: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let size = number("MODELPACK_BENCH_MIB", 1024) << 20;
    let runs = number("MODELPACK_BENCH_RUNS", 3).max(1);
    let asking = Duration::from_secs(number("MODELPACK_BENCH_SECONDS", 3).max(1));
    let mixed = number("MODELPACK_BENCH_MIXED_MIB", 4096) << 20;
    let mut table = Table::default();
    let mut peak = 0;
    for run in 0..runs {
        let scratch = tempfile::tempdir()?;
        peak =
            peak.max(runtime.block_on(one_run(scratch.path(), run, size, asking, &mut table))?);
    }
    println!("{} MiB blobs, {runs} runs, medians", size >> 20);
    table.print();
    println!("peak resident memory of the registry {} MiB", peak >> 20);
    if mixed > 0 {
        let scratch = tempfile::tempdir()?;
        let peak = runtime.block_on(memory_of_mixed(scratch.path(), mixed))?;
        println!(
            "peak resident memory while {PARALLEL} clients push and pull {} MiB blobs mixed: {:.1} MiB (target <= {MIXED_MIB})",
            mixed >> 20,
            peak as f64 / f64::from(1 << 20),
        );
    }
    Ok(())
}

/// The registry that is measured; ends when its standard input does.
async fn serve(directory: &Path) -> Result<()> {
    let storage = DiskStorage::new(Store::create(directory)?, "localhost:5000".parse()?)?;
    let registry = Registry::new(storage, Options::default());
    let listener = listen("127.0.0.1:0".parse()?, registry, ListenOptions::default()).await?;
    println!("{}", listener.local_addr());
    tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??;
    Ok(())
}

/// Measures everything once; the peak memory of the registry in bytes.
async fn one_run(
    scratch: &Path,
    run: u64,
    size: u64,
    asking: Duration,
    table: &mut Table,
) -> Result<u64> {
    let ours = Peer::registry(&scratch.join("ours"))?;
    let blobs: Vec<Blob> = (0..PARALLEL as u64)
        .map(|number| Blob::new(run * 100 + number, size))
        .collect();
    let others: Vec<Blob> = (0..PARALLEL as u64)
        .map(|number| Blob::new(run * 100 + 50 + number, size))
        .collect();

    let docker = Peer::docker_registry(&scratch.join("docker"))?;
    for (name, blobs) in [
        ("PUT, one at a time", &blobs[..1]),
        ("PUT, eight at once", &others[..]),
    ] {
        let mine = speed(blobs, |blob| put(&ours, blob)).await?;
        let theirs = match &docker {
            Some(docker) => Some(speed(blobs, |blob| put(docker, blob)).await?),
            None => None,
        };
        table.add(name, "GB/s", mine, theirs, "docker-registry");
    }
    drop(docker);
    for blob in &blobs[1..] {
        put(&ours, blob).await?;
    }

    let manifest = client::push_manifest(&ours).await?;
    let nginx = Peer::nginx(
        &scratch.join("nginx"),
        &scratch.join("ours"),
        &blobs,
        &manifest,
    )?;
    for (name, blobs) in [
        ("GET, one at a time", &blobs[..1]),
        ("GET, eight at once", &blobs[..]),
    ] {
        let mine = speed(blobs, |blob| get(&ours, blob)).await?;
        let theirs = match &nginx {
            Some(nginx) => Some(speed(blobs, |blob| get(nginx, blob)).await?),
            None => None,
        };
        table.add(name, "GB/s", mine, theirs, "nginx");
    }
    for method in ["HEAD", "GET"] {
        let path = "/v2/bench/manifests/v1";
        let mine = requests(&ours, method, path, CONNECTIONS, asking).await?;
        let theirs = match &nginx {
            Some(nginx) => Some(requests(nginx, method, path, CONNECTIONS, asking).await?),
            None => None,
        };
        let name = format!("manifest {method}, {CONNECTIONS} connections");
        table.add(&name, "requests/s", mine, theirs, "nginx");
    }
    ours.peak_memory()
}

/// The peak memory in bytes of a registry from which half of the clients pull one blob, while each of the
/// others pushes one of its own.
async fn memory_of_mixed(scratch: &Path, size: u64) -> Result<u64> {
    let ours = Peer::registry(&scratch.join("ours"))?;
    let pulled = Blob::new(0, size);
    put(&ours, &pulled).await?;
    let pushed: Vec<Blob> = (1..=PARALLEL as u64 / 2)
        .map(|number| Blob::new(number, size))
        .collect();
    let pulls = (0..PARALLEL / 2).map(|_| Transfer::Pull(&pulled));
    let transfers = pushed.iter().map(Transfer::Push).chain(pulls);
    for result in client::all(transfers.map(|transfer| transfer.run(&ours))).await {
        result?;
    }
    ours.peak_memory()
}

/// What one of several clients does.
enum Transfer<'b> {
    Push(&'b Blob),
    Pull(&'b Blob),
}

impl Transfer<'_> {
    async fn run(self, peer: &Peer) -> Result<()> {
        match self {
            Self::Push(blob) => put(peer, blob).await,
            Self::Pull(blob) => get(peer, blob).await,
        }
    }
}

/// Bytes per nanosecond, which are gigabytes per second, of transfers that run at the same time.
async fn speed<'b, F>(blobs: &'b [Blob], transfer: impl Fn(&'b Blob) -> F) -> Result<f64>
where
    F: Future<Output = Result<()>> + Send,
{
    let bytes: u64 = blobs.iter().map(|blob| blob.size).sum();
    let started = Instant::now();
    for result in client::all(blobs.iter().map(transfer)).await {
        result?;
    }
    Ok(bytes as f64 / started.elapsed().as_nanos() as f64)
}

/// Figures of all runs, by what was measured.
#[derive(Default)]
struct Table {
    rows: Vec<Row>,
}

struct Row {
    name: String,
    unit: &'static str,
    peer: &'static str,
    mine: Vec<f64>,
    ratios: Vec<f64>,
}

impl Table {
    fn add(
        &mut self,
        name: &str,
        unit: &'static str,
        mine: f64,
        theirs: Option<f64>,
        peer: &'static str,
    ) {
        let at = self.rows.iter().position(|row| row.name == name);
        let at = at.unwrap_or_else(|| {
            self.rows.push(Row {
                name: name.to_owned(),
                unit,
                peer,
                mine: Vec::new(),
                ratios: Vec::new(),
            });
            self.rows.len() - 1
        });
        self.rows[at].mine.push(mine);
        self.rows[at]
            .ratios
            .extend(theirs.map(|theirs| mine / theirs));
    }

    fn print(&mut self) {
        println!("| what | figure | ratio to | median | lowest | highest |");
        println!("| --- | --- | --- | --- | --- | --- |");
        for row in &mut self.rows {
            row.mine.sort_by(f64::total_cmp);
            row.ratios.sort_by(f64::total_cmp);
            let mine = row.mine[row.mine.len() / 2];
            let figure = if row.unit == "GB/s" {
                format!("{mine:.2} {}", row.unit)
            } else {
                format!("{mine:.0} {}", row.unit)
            };
            match row.ratios.as_slice() {
                [] => println!(
                    "| {} | {figure} | {} is not installed | | | |",
                    row.name, row.peer
                ),
                [lowest, .., highest] | [lowest @ highest] => println!(
                    "| {} | {figure} | {} | {:.2} | {lowest:.2} | {highest:.2} |",
                    row.name,
                    row.peer,
                    row.ratios[row.ratios.len() / 2],
                ),
            }
        }
    }
}
