//! The operations of the engine, with a runtime like that of the command line.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use modelpack::registry::PlainHttp;
use modelpack::spec::convert::Target;
use modelpack::store::Adopt;
use modelpack::{
    BuildOptions, Client, Control, ConvertOptions, Fetch, Place, PullOptions, PushOptions,
    Reference, ResolveOptions, Store, Toolkit,
};
use tokio::runtime::{Builder, Runtime};

use crate::Outcome;
use crate::measure::TOOK;

/// How often something of milliseconds is done.
const TIMES: u32 = 20;

fn runtime() -> Outcome<Runtime> {
    let mut builder = Builder::new_multi_thread();
    Ok(builder.worker_threads(2).enable_all().build()?)
}

fn toolkit(store: &str) -> Outcome<Toolkit> {
    let client = Client::builder().plain_http(PlainHttp::Loopback).build()?;
    Ok(Toolkit::new(Store::create(store)?, client))
}

pub(super) fn pull(store: &str, reference: &str) -> Outcome<()> {
    let (toolkit, reference): (_, Reference) = (toolkit(store)?, reference.parse()?);
    let (options, control) = (PullOptions::default(), Control::default());
    runtime()?.block_on(toolkit.pull(&reference, &options, &control))?;
    Ok(())
}

pub(super) fn push(store: &str, reference: &str) -> Outcome<()> {
    let (toolkit, reference): (_, Reference) = (toolkit(store)?, reference.parse()?);
    let (options, control) = (PushOptions::default(), Control::default());
    runtime()?.block_on(toolkit.push(&reference, &options, &control))?;
    Ok(())
}

pub(super) fn build(store: &str, model: &str, reference: &str) -> Outcome<()> {
    let (toolkit, reference): (_, Reference) = (toolkit(store)?, reference.parse()?);
    let (options, control) = (BuildOptions::default(), Control::default());
    let model = Path::new(model);
    runtime()?.block_on(toolkit.build(model, &reference, &options, &control))?;
    Ok(())
}

pub(super) fn rebuild(store: &str, model: &str, reference: &str) -> Outcome<()> {
    let (toolkit, reference): (_, Reference) = (toolkit(store)?, reference.parse()?);
    let (options, control) = (BuildOptions::default(), Control::default());
    let (model, runtime) = (Path::new(model), runtime()?);
    let started = Instant::now();
    for _ in 0..TIMES {
        let built = runtime.block_on(toolkit.build(model, &reference, &options, &control))?;
        if !built.unchanged {
            return Err("the model has changed between two builds".into());
        }
    }
    say(started.elapsed())
}

pub(super) fn ingest_linked(store: &str, file: &str) -> Outcome<()> {
    ingest(store, file, Adopt::DangerHardLink)
}

pub(super) fn ingest_copied(store: &str, file: &str) -> Outcome<()> {
    ingest(store, file, Adopt::Copy)
}

fn ingest(store: &str, file: &str, adopt: Adopt) -> Outcome<()> {
    let lease = Store::create(store)?.lease()?;
    lease.ingest_file(Path::new(file), adopt, &mut |_| Ok(()))?;
    Ok(())
}

pub(super) fn resolve(store: &str, reference: &str, directory: &str) -> Outcome<()> {
    let (toolkit, reference): (_, Reference) = (toolkit(store)?, reference.parse()?);
    let (mut options, control) = (ResolveOptions::default(), Control::default());
    options.fetch = Fetch::Never;
    let runtime = runtime()?;
    let started = Instant::now();
    for time in 0..TIMES {
        // A new directory each time: what is there already would only be looked at.
        options.directory = Some(PathBuf::from(directory).join(time.to_string()));
        runtime.block_on(toolkit.resolve(&reference, &options, &control))?;
    }
    say(started.elapsed())
}

pub(super) fn convert(store: &str, reference: &str, target: &str) -> Outcome<()> {
    let (toolkit, reference): (_, Reference) = (toolkit(store)?, reference.parse()?);
    let (mut options, control) = (ConvertOptions::new(Target::Docker), Control::default());
    options.target = Some(target.parse()?);
    let runtime = runtime()?;
    let (before, started) = (read_and_written()?, Instant::now());
    runtime.block_on(toolkit.convert(&reference, &options, &control))?;
    let (took, after) = (started.elapsed(), read_and_written()?);
    say_once(took, after - before)
}

pub(super) fn tensors(store: &str, reference: &str) -> Outcome<()> {
    let (toolkit, reference): (_, Reference) = (toolkit(store)?, reference.parse()?);
    let (runtime, control) = (runtime()?, Control::default());
    let (before, started) = (read_and_written()?, Instant::now());
    let report = runtime.block_on(toolkit.tensors(&reference, Place::Registry, &control))?;
    let (took, after) = (started.elapsed(), read_and_written()?);
    match report.files.first() {
        Some(file) if !file.tensors.is_empty() => say_once(took, after - before),
        _ => Err(format!("the header was not read: {report:?}").into()),
    }
}

/// Bytes that this process has read from files and written to them until now, from the page cache too.
fn read_and_written() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let figure = |name: &str| -> Outcome<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.ok_or("the kernel does not count")?.trim().parse()?)
    };
    Ok(figure("rchar:")? + figure("wchar:")?)
}

fn say_once(took: Duration, bytes: u64) -> Outcome<()> {
    use std::io::Write;
    let nanoseconds = took.as_nanos();
    writeln!(std::io::stdout(), "{TOOK}{nanoseconds}\nio-bytes {bytes}")?;
    Ok(())
}

fn say(took: Duration) -> Outcome<()> {
    use std::io::Write;
    let nanoseconds = (took / TIMES).as_nanos();
    writeln!(std::io::stdout(), "{TOOK}{nanoseconds}")?;
    Ok(())
}
