//! Hashing the local store again.

use modelpack_store::Damage;
use serde::Serialize;

use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

/// What [`Toolkit::verify`] found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VerifyReport {
    /// Number of blobs that were hashed.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// One sentence for each thing that is wrong.
    pub damage: Vec<String>,
}

impl Toolkit {
    /// Hashes every blob of the local store and looks whether every named artifact is complete.
    ///
    /// # Errors
    /// [`Error::Store`] when the store cannot be read; damage is in the report.
    pub async fn verify(&self, control: &Control) -> Result<VerifyReport, Error> {
        let store = self.store().clone();
        let control = control.clone();
        blocking::run(move || {
            let mut bytes = 0;
            for digest in store.blobs()? {
                bytes += store.blob_size(&digest)?.unwrap_or(0);
            }
            let item = Item::new("store", bytes, None);
            control.report(Event::Planned { items: 1, bytes });
            control.report(Event::Started(&item));
            let report = store.verify(|bytes| {
                control.report(Event::Advanced { item: &item, bytes });
                !control.cancel_token().is_cancelled()
            })?;
            control.check()?;
            control.report(Event::Finished {
                item: &item,
                outcome: Outcome::Hashed,
            });
            let damage = report.damage.iter().map(sentence).collect();
            Ok(VerifyReport {
                blobs: report.blobs,
                bytes: report.bytes,
                damage,
            })
        })
        .await
    }
}

fn sentence(damage: &Damage) -> String {
    match damage {
        Damage::Changed { digest, actual } => {
            format!("blob {digest} has changed: its bytes have digest {actual}")
        }
        Damage::Unreadable { digest, reason } => format!("blob {digest} cannot be read: {reason}"),
        Damage::Missing { digest, needed_by } => {
            format!("blob {digest} is missing; {needed_by} needs it")
        }
        other => format!("{other:?}"),
    }
}
