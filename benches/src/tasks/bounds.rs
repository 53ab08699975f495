//! What nobody can be faster than: reading and hashing, reading and sending.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use modelpack::spec::{Algorithm, Hasher};

use crate::Outcome;

/// The fastest size for reading and hashing: such a buffer stays in the cache of a core.
const HASH_BUFFER: usize = 128 * 1024;
/// The fastest size for reading and sending.
const SEND_BUFFER: usize = 1024 * 1024;

/// Reads a file and hashes it on one core.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(path: &Path) -> Outcome<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; HASH_BUFFER];
    let mut hasher = Hasher::new(Algorithm::Sha256);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    black_box(hasher.finish());
    Ok(())
}

pub(super) fn hash(files: &[&str]) -> Outcome<()> {
    files.iter().try_for_each(|file| hash_file(Path::new(file)))
}

pub(super) fn hash_two(files: &[&str]) -> Outcome<()> {
    let (first, second) = files.split_at(files.len() / 2);
    thread::scope(|scope| {
        let other = scope.spawn(|| hash(second).map_err(|error| error.to_string()));
        hash(first)?;
        other
            .join()
            .map_err(|_| "the other thread has panicked")?
            .map_err(Into::into)
    })
}

/// Uploads a file as plainly as it can be done: read, write, and the two requests around it.
pub(super) fn send(file: &str, host: &str) -> Outcome<()> {
    let mut file = File::open(file)?;
    let size = file.metadata()?.len();
    let socket = TcpStream::connect(host)?;
    let mut answers = BufReader::new(socket.try_clone()?);
    let mut socket = &socket;
    let head = format!(
        "POST /v2/bench/raw/blobs/uploads/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
    );
    socket.write_all(head.as_bytes())?;
    let location = answer(&mut answers, "202")?.ok_or("the registry names no upload")?;
    let path = location
        .strip_prefix(&format!("http://{host}"))
        .unwrap_or(&location);
    // What is dropped is not hashed, so any digest will do.
    let (mark, digest) = (if path.contains('?') { '&' } else { '?' }, "0".repeat(64));
    let head = format!(
        "PUT {path}{mark}digest=sha256:{digest} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {size}\r\n\r\n"
    );
    socket.write_all(head.as_bytes())?;
    let mut buffer = vec![0; SEND_BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => socket.write_all(&buffer[..read])?,
        }
    }
    answer(&mut answers, "201")?;
    Ok(())
}

/// The `Location` of an answer, which must have this status and no body.
fn answer(answers: &mut impl BufRead, status: &str) -> Outcome<Option<String>> {
    let mut location = None;
    let mut is_first = true;
    loop {
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let line = line.trim_end();
        if is_first && line.split(' ').nth(1) != Some(status) {
            return Err(format!("the registry says `{line}` instead of {status}").into());
        }
        is_first = false;
        if line.is_empty() {
            return Ok(location);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("location")
        {
            location = Some(value.trim().to_owned());
        }
    }
}
