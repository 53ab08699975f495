//! The wait that an origin has asked for, shared by everything that is sent there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::policy::Origin;

/// Closed for an origin after it has said `Retry-After`: what would be sent meanwhile would only be
/// refused too, and make the wait longer.
#[derive(Default)]
pub(super) struct Gate {
    closed_until: Mutex<HashMap<Origin, Instant>>,
}

impl Gate {
    /// Nothing goes to the origin for so long.
    pub(super) fn close(&self, origin: &Origin, wait: Duration) {
        let until = Instant::now() + wait;
        let mut closed = self.closed();
        let known = closed.entry(origin.clone()).or_insert(until);
        *known = until.max(*known);
    }

    /// Waits until something may be sent there.
    pub(super) async fn pass(&self, origin: &Origin) {
        loop {
            let until = self.closed().get(origin).copied();
            match until {
                Some(until) if until > Instant::now() => sleep_until(until).await,
                Some(_) => {
                    self.closed().retain(|_, until| *until > Instant::now());
                    return;
                }
                None => return,
            }
        }
    }

    fn closed(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, Instant>> {
        self.closed_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
