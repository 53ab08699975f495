//! How many requests a client may send.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Most clients that are told apart; the oldest are forgotten, which at worst gives them a new burst.
const MAX_CLIENTS: usize = 10_000;

/// A limit of requests for each client address.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RateLimit {
    /// Requests per second in the long run.
    pub per_second: f64,
    /// Requests that may come at once.
    pub burst: u32,
}

impl RateLimit {
    /// So many requests per second, and so many at once.
    #[must_use]
    pub fn new(per_second: f64, burst: u32) -> Self {
        Self { per_second, burst }
    }
}

/// What each client has left (a token bucket).
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    clients: Mutex<HashMap<Option<IpAddr>, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Buckets {
    /// Takes one request; when there is none left, the seconds to wait for the next.
    pub(crate) fn take(
        &self,
        client: Option<IpAddr>,
        limit: RateLimit,
        now: Instant,
    ) -> Result<(), u64> {
        let burst = f64::from(limit.burst.max(1));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&client) {
            // A bucket that is full again says no more than a new one.
            clients.retain(|_, bucket| bucket.refilled(limit, burst, now) < burst);
            if clients.len() >= MAX_CLIENTS {
                clients.clear();
            }
        }
        let bucket = clients.entry(client).or_insert(Bucket {
            left: burst,
            at: now,
        });
        bucket.left = bucket.refilled(limit, burst, now);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - bucket.left) / limit.per_second.max(f64::MIN_POSITIVE);
        // A wait beyond an hour means: not any more.
        Err(wait.ceil().clamp(1.0, 3600.0) as u64)
    }
}

impl Bucket {
    fn refilled(&self, limit: RateLimit, burst: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + passed * limit.per_second).min(burst)
    }
}

#[cfg(test)]
mod tests;
