//! Notes on where blobs are known to be: host and repository, as plain names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use modelpack_spec::{Digest, Host, Repository};

use crate::error::IoContext;
use crate::layout::Lock;
use crate::{Error, Store, durable};

/// Longest list that is kept, about ten thousand notes; the older half of a longer one is dropped.
const MAX_BYTES: usize = 1024 * 1024;

impl Store {
    /// Notes that these blobs are in a repository on a host. Who pushes one of them to another repository
    /// there can have it linked instead of sending it. A note is a hint: nothing holds the blob there.
    ///
    /// # Errors
    /// [`Error::Io`]. A failure costs a later transfer, nothing else.
    pub fn note_origin(
        &self,
        host: &Host,
        repository: &Repository,
        blobs: &[Digest],
    ) -> Result<(), Error> {
        let place = format!("{host}/{repository}");
        let wanted: BTreeSet<String> = blobs
            .iter()
            .map(|digest| format!("{digest} {place}"))
            .collect();
        let _lock = Lock::take(&self.own("origins.lock"), File::lock)?;
        let before = self.read_origins()?;
        let recent = before
            .lines()
            .rev()
            .take(wanted.len())
            .collect::<BTreeSet<_>>();
        if wanted.iter().all(|line| recent.contains(line.as_str())) {
            return Ok(());
        }
        // The latest note of a blob stands last.
        let mut lines: Vec<&str> = before
            .lines()
            .filter(|line| !wanted.contains(*line))
            .collect();
        lines.extend(wanted.iter().map(String::as_str));
        let mut size: usize = lines.iter().map(|line| line.len() + 1).sum();
        let mut first = 0;
        if size > MAX_BYTES {
            while size > MAX_BYTES / 2 && first + wanted.len() < lines.len() {
                size -= lines[first].len() + 1;
                first += 1;
            }
        }
        let mut text = lines[first..].join("\n");
        text.push('\n');
        durable::replace(&self.origins_path(), &self.own("ingest"), text.as_bytes())
    }

    /// Repositories on a host that are known to have, or to have had, each blob; the latest note first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn origins(&self, host: &Host) -> Result<BTreeMap<Digest, Vec<Repository>>, Error> {
        let _lock = Lock::take(&self.own("origins.lock"), File::lock_shared)?;
        let text = self.read_origins()?;
        let start = format!("{host}/");
        let mut origins = BTreeMap::<Digest, Vec<Repository>>::new();
        // A line that cannot be read counts as absent.
        for line in text.lines().rev() {
            if let Some((digest, place)) = line.split_once(' ')
                && let Some(repository) = place.strip_prefix(&start)
                && let (Ok(digest), Ok(repository)) = (digest.parse(), repository.parse())
            {
                origins.entry(digest).or_default().push(repository);
            }
        }
        Ok(origins)
    }

    fn origins_path(&self) -> PathBuf {
        self.own("origins")
    }

    fn read_origins(&self) -> Result<String, Error> {
        let path = self.origins_path();
        match fs::read(&path) {
            Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error).at("read", &path),
        }
    }
}
