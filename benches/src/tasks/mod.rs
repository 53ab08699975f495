//! What a benchmark does when it is run again as the process that is measured, or as a server.
//!
//! A benchmark's `main` begins with [`asked`].

mod bounds;
mod engine;
mod serve;

use std::env;
use std::process::Command;

use crate::Outcome;

pub use bounds::hash_file;

/// Not a word that anybody looks for a row with.
const MARK: &str = "--task";

/// The command that runs a task in a process of its own.
///
/// | task | arguments |
/// | --- | --- |
/// | `hash` | files, one after the other on one core |
/// | `hash-two` | files, dealt out to two cores |
/// | `send` | file, host of a registry |
/// | `pull`, `push` | store, reference |
/// | `build`, `rebuild` | store, directory, reference; a rebuild says itself how long it took |
/// | `ingest` | `link` or `copy`, store, file |
/// | `resolve` | store, reference, directory; says itself how long it took |
/// | `convert` | store, reference, new reference; says itself how long it took, and the bytes that were read and written |
/// | `tensors` | store, reference in a registry; says itself how long it took |
/// | `serve` | a [`Synthetic`](crate::servers::Synthetic) |
///
/// # Errors
/// When this program does not know where it is.
pub fn command(task: &str) -> Outcome<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args([MARK, task]);
    Ok(command)
}

/// Does the task that this process was started for; nothing when it was started to measure.
pub fn asked() -> Option<Outcome<()>> {
    let mut arguments = env::args().skip(1);
    (arguments.next()? == MARK).then(|| {
        let arguments: Vec<String> = arguments.collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match *arguments.as_slice() {
            ["hash", ref files @ ..] => bounds::hash(files),
            ["hash-two", ref files @ ..] => bounds::hash_two(files),
            ["send", file, host] => bounds::send(file, host),
            ["pull", store, reference] => engine::pull(store, reference),
            ["push", store, reference] => engine::push(store, reference),
            ["build", store, model, reference] => engine::build(store, model, reference),
            ["rebuild", store, model, reference] => engine::rebuild(store, model, reference),
            ["ingest", "link", store, file] => engine::ingest_linked(store, file),
            ["ingest", "copy", store, file] => engine::ingest_copied(store, file),
            ["resolve", store, reference, directory] => {
                engine::resolve(store, reference, directory)
            }
            ["convert", store, reference, target] => engine::convert(store, reference, target),
            ["tensors", store, reference] => engine::tensors(store, reference),
            ["serve", contents] => serve::serve(contents),
            _ => Err(format!("no task is {arguments:?}").into()),
        }
    })
}
