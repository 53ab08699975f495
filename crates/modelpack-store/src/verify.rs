//! Hashing every blob again, to find what a disk has lost.

use std::collections::BTreeSet;

use modelpack_spec::{Digest, Reference};

use crate::error::IoContext;
use crate::layout::hash_prefix;
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
            if !going {
                break;
            }
            present.insert(digest);
            let checked = self.open_blob_unverified(&digest).and_then(|file| {
                let path = self.blob_path(&digest);
                let size = file.metadata().at("read", &path)?.len();
                let hasher = hash_prefix(&file, digest.algorithm(), size, |bytes| {
                    going &= progress(bytes)
                });
                Ok((hasher.at("read", &path)?.finish(), size))
            });
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

    fn find_missing(
        &self,
        present: &BTreeSet<Digest>,
        report: &mut VerifyReport,
    ) -> Result<(), Error> {
        for entry in self.references()? {
            let mut reach = Reach::default();
            reach.add(self, entry.descriptor.digest)?;
            for digest in reach.required {
                if !present.contains(&digest) && self.blob_size(&digest)?.is_none() {
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
