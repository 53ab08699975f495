//! A token bucket: how long to wait so that a rate is kept.

use std::time::{Duration, Instant};

/// A rate over time. Taking is never refused but put into debt, and the wait pays it back, so that the
/// mean holds for pieces of any size.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    /// Bytes per second.
    rate: f64,
    /// Bytes that may be taken at once after a pause.
    burst: f64,
    level: f64,
    filled: Instant,
}

impl TokenBucket {
    /// A bucket with a tenth of a second's worth in it: enough not to wait for every piece, too little
    /// to be seen as a burst.
    pub(crate) fn new(bytes_per_second: u64, now: Instant) -> Self {
        let rate = bytes_per_second.max(1) as f64;
        let burst = rate / 10.0;
        Self {
            rate,
            burst,
            level: burst,
            filled: now,
        }
    }

    /// Takes `bytes` and says how long to wait before going on. A time before the last one is taken as
    /// the last one.
    pub(crate) fn take(&mut self, bytes: u64, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.level = (self.level + passed * self.rate).min(self.burst) - bytes as f64;
        if self.level >= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(-self.level / self.rate).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests;
