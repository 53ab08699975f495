//! Which blobs a manifest needs.

use std::collections::BTreeSet;

use modelpack_spec::{AnyManifest, Digest};

use crate::{Error, Store};

/// Largest manifest that is read: what the specification crate would parse at all.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 8 * 1024 * 1024;
/// A digest in a text is its algorithm, a colon and so many hexadecimal digits.
const DIGEST_PREFIXES: [(&str, usize); 2] = [("sha256:", 64), ("sha512:", 128)];
/// The longest of them.
const LONGEST_DIGEST: usize = 7 + 128;

/// Everything that can be reached from the manifests that were added.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Every blob that was met, manifests among them, whether it is here or not.
    pub(crate) digests: BTreeSet<Digest>,
    /// Those without which one of the added manifests is of no use.
    pub(crate) required: BTreeSet<Digest>,
    /// Manifests that are not here or cannot be read, with the reason.
    pub(crate) unreadable: Vec<(Digest, String)>,
    seen: BTreeSet<Digest>,
}

impl Store {
    /// Every blob that a manifest needs, itself and those of manifests that it names among them, whether they
    /// are here or not: what [`Self::prune`] keeps for it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn needed_by(&self, manifest: &Digest) -> Result<BTreeSet<Digest>, Error> {
        let mut reach = Reach::default();
        reach.add(self, *manifest)?;
        Ok(reach.digests)
    }
}

/// How a manifest was come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It was asked for.
    Root,
    /// A manifest names it.
    Name,
    /// Its digest stands in a text that cannot be trusted or understood.
    Mention,
}

impl Reach {
    /// Follows a manifest. Content that is no manifest counts for itself only.
    pub(crate) fn add(&mut self, store: &Store, root: Digest) -> Result<(), Error> {
        // A list instead of a recursion, and each manifest once: neither deep nor repeated nesting
        // costs more than reading what is there.
        self.required.insert(root);
        let mut queue = vec![(root, Way::Root)];
        while let Some((digest, way)) = queue.pop() {
            self.digests.insert(digest);
            if !self.seen.insert(digest) {
                continue;
            }
            let mut mentions = || -> Result<(), Error> {
                let found = mentioned(store, &digest)?;
                queue.extend(found.into_iter().map(|digest| (digest, Way::Mention)));
                Ok(())
            };
            let bytes = match store.read_blob(&digest, MAX_MANIFEST_BYTES) {
                Ok(bytes) => bytes,
                // An index of another tool can be larger than ours, and is good enough to keep things for it.
                Err(Error::TooLarge { .. }) => {
                    if is_object(store, &digest)? {
                        mentions()?;
                    }
                    continue;
                }
                Err(error @ Error::UnknownBlob { .. }) => {
                    // A sparse index names manifests that were never fetched.
                    if way == Way::Root {
                        self.unreadable.push((digest, error.to_string()));
                    }
                    continue;
                }
                Err(error @ Error::DigestMismatch { .. }) => {
                    if way != Way::Mention {
                        self.unreadable.push((digest, error.to_string()));
                    }
                    // What it says is not to be trusted, but is good enough to keep things for it.
                    mentions()?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match AnyManifest::parse(bytes, None) {
                Ok(AnyManifest::Manifest(document)) => {
                    let manifest = document.into_value();
                    for part in manifest.layers.iter().chain([&manifest.config]) {
                        self.digests.insert(part.digest);
                        self.required.insert(part.digest);
                    }
                    queue.extend(manifest.subject.map(|subject| (subject.digest, Way::Name)));
                }
                Ok(AnyManifest::Index(document)) => {
                    let index = document.into_value();
                    let children = index.manifests.iter().chain(&index.subject);
                    queue.extend(children.map(|child| (child.digest, Way::Name)));
                }
                // The image specification lets an index name content of any type.
                Ok(_) | Err(_) => mentions()?,
            }
        }
        Ok(())
    }

    /// Adds the manifests whose subject was reached: signatures and the like belong to it.
    pub(crate) fn add_referrers(&mut self, store: &Store, blobs: &[Digest]) -> Result<(), Error> {
        let mut referrers = Vec::new();
        for digest in blobs.iter().filter(|digest| !self.seen.contains(digest)) {
            if let Some(subject) = subject(store, digest)? {
                referrers.push((*digest, subject));
            }
        }
        // A referrer can be the subject of another one.
        loop {
            let (now, later): (Vec<_>, Vec<_>) = referrers
                .into_iter()
                .partition(|(_, subject)| self.digests.contains(subject));
            if now.is_empty() {
                return Ok(());
            }
            for (digest, _) in now {
                self.add(store, digest)?;
            }
            referrers = later;
        }
    }
}

/// What a stored blob refers to, if it is a manifest that does.
fn subject(store: &Store, digest: &Digest) -> Result<Option<Digest>, Error> {
    let subject = match manifest(store, digest)? {
        Some(AnyManifest::Manifest(document)) => document.into_value().subject,
        Some(AnyManifest::Index(document)) => document.into_value().subject,
        _ => None,
    };
    Ok(subject.map(|subject| subject.digest))
}

/// Whether a stored blob is a manifest or an index.
pub(crate) fn is_manifest(store: &Store, digest: &Digest) -> Result<bool, Error> {
    Ok(manifest(store, digest)?.is_some())
}

fn manifest(store: &Store, digest: &Digest) -> Result<Option<AnyManifest>, Error> {
    if !is_object(store, digest)? {
        return Ok(None);
    }
    let Ok(bytes) = store.read_blob(digest, MAX_MANIFEST_BYTES) else {
        return Ok(None);
    };
    Ok(AnyManifest::parse(bytes, None).ok())
}

/// Whether a blob begins as a JSON object does. Only the first byte of weights is looked at.
fn is_object(store: &Store, digest: &Digest) -> Result<bool, Error> {
    use std::os::unix::fs::FileExt;
    let mut first = [0];
    match store.open_blob_unverified(digest) {
        Ok(file) => Ok(file.read_at(&mut first, 0).is_ok_and(|read| read == 1) && first == *b"{"),
        Err(Error::UnknownBlob { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Every digest that is written somewhere in a blob of any size.
fn mentioned(store: &Store, digest: &Digest) -> Result<Vec<Digest>, Error> {
    use std::io::Read;
    let path = store.blob_path(digest);
    let mut file = store.open_blob_unverified(digest)?;
    let mut found = Vec::new();
    let mut window = Vec::new();
    loop {
        let read = file
            .by_ref()
            .take(MAX_MANIFEST_BYTES)
            .read_to_end(&mut window)
            .map_err(|error| Error::io("read", &path, error))?;
        let text = String::from_utf8_lossy(&window);
        for (prefix, length) in DIGEST_PREFIXES {
            for (at, _) in text.match_indices(prefix) {
                let digest = text.get(at..at + prefix.len() + length);
                found.extend(digest.and_then(|digest| digest.parse::<Digest>().ok()));
            }
        }
        if read == 0 {
            return Ok(found);
        }
        // A digest may lie across the border of two windows.
        let kept = window.len().saturating_sub(LONGEST_DIGEST);
        window.drain(..kept);
    }
}
