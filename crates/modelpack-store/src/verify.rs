//! Hashing every blob again, to find what a disk has lost.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;

use modelpack_spec::{Digest, Reference};

use crate::error::IoContext;
use crate::layout::{hash_prefix, is_at};
use crate::reach::Reach;
use crate::{Error, Store};

/// What [`Store::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Number of blobs that were hashed.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong.
    pub damage: Vec<Damage>,
}

/// Something that is wrong in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// A blob does not have the digest that is its name.
    Changed {
        /// Its name.
        digest: Digest,
        /// What it has.
        actual: Digest,
    },
    /// A blob cannot be read.
    Unreadable {
        /// Its name.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// A named artifact needs a blob that is not here.
    Missing {
        /// The blob.
        digest: Digest,
        /// Who needs it.
        needed_by: Reference,
    },
}

impl Store {
    /// Hashes every blob and looks whether named artifacts are complete. `progress` gets the bytes
    /// since its last call and stops the work by returning false.
    ///
    /// # Errors
    /// [`Error::Io`] when the store cannot be listed; damage is in the report.
    pub fn verify(&self, mut progress: impl FnMut(u64) -> bool) -> Result<VerifyReport, Error> {
        let mut report = VerifyReport::default();
        let mut present = BTreeSet::new();
        let mut going = true;
        for digest in self.blobs()? {
            present.insert(digest);
            let checked = self.open_blob_unverified(&digest).and_then(|file| {
                let path = self.blob_path(&digest);
                let size = file.metadata().at("read", &path)?.len();
                let hasher = hash_prefix(&file, digest.algorithm(), size, |bytes| {
                    going = progress(bytes);
                    match going {
                        true => Ok(()),
                        false => Err(io::Error::other("stopped")),
                    }
                });
                Ok((hasher.at("read", &path)?.finish(), size))
            });
            if !going {
                break;
            }
            match checked {
                Ok((actual, size)) => {
                    report.blobs += 1;
                    report.bytes += size;
                    if actual != digest {
                        report.damage.push(Damage::Changed { digest, actual });
                    }
                }
                // Another process pruned it.
                Err(Error::UnknownBlob { .. }) => {}
                Err(error) => report.damage.push(Damage::Unreadable {
                    digest,
                    reason: error.to_string(),
                }),
            }
        }
        if going {
            self.find_missing(&present, &mut report)?;
        }
        Ok(report)
    }

    /// Hashes one blob and removes it when it is damaged, so that the next pull or build brings it
    /// again. Says whether it was removed.
    ///
    /// # Errors
    /// [`Error::UnknownBlob`], [`Error::Io`].
    pub fn remove_damaged(&self, digest: &Digest) -> Result<bool, Error> {
        let path = self.blob_path(digest);
        let file = self.open_blob_unverified(digest)?;
        let size = file.metadata().at("read", &path)?.len();
        let hasher = hash_prefix(&file, digest.algorithm(), size, |_| Ok(())).at("read", &path)?;
        if hasher.finish() == *digest {
            return Ok(false);
        }
        // Nobody is told meanwhile that the blob is here, and one that came anew is left alone.
        let _sweep = self.lock_sweep(File::lock)?;
        if is_at(&file, &path)? {
            fs::remove_file(&path).at("remove", &path)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn find_missing(
        &self,
        present: &BTreeSet<Digest>,
        report: &mut VerifyReport,
    ) -> Result<(), Error> {
        for entry in self.references()? {
            let mut reach = Reach::default();
            reach.add(self, entry.descriptor.digest)?;
            for digest in reach.required {
                if present.contains(&digest) || self.blob_size(&digest)?.is_some() {
                    continue;
                }
                // Another process may have removed the name and pruned the blob by now.
                let now = self.resolve(&entry.reference);
                if now.is_ok_and(|now| now.digest == entry.descriptor.digest) {
                    report.damage.push(Damage::Missing {
                        digest,
                        needed_by: entry.reference.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}
