//! Finding out by measuring how many connections a blob is worth.

use std::time::Duration;

/// How long a number of connections is tried before it is judged.
const WINDOW: Duration = Duration::from_millis(250);
/// A doubled number of connections stays when the whole becomes this much faster.
const WORTH_IT: f64 = 1.25;
/// How long a number of connections that was judged good is kept before more are tried again.
const SETTLED: Duration = Duration::from_secs(10);

/// Decides about a number of connections. Knows no clock: every call says when it is.
#[derive(Debug)]
pub(super) struct Gauge {
    max: usize,
    target: usize,
    /// Rate with the number before, in bytes per second.
    before: Option<(usize, f64)>,
    /// When the present number began to be measured, and how many bytes were there then; nothing until all
    /// connections have been answered.
    begun: Option<(Duration, u64)>,
    /// Nothing is tried before this.
    settled_until: Duration,
}

impl Gauge {
    pub(super) fn new(first: usize, max: usize) -> Self {
        Self {
            max,
            target: first.min(max),
            before: None,
            begun: None,
            settled_until: Duration::ZERO,
        }
    }

    /// How many connections there should be.
    pub(super) fn target(&self) -> usize {
        self.target
    }

    /// Is told how many bytes have come by now, how many connections bring them and how many are missing.
    pub(super) fn update(&mut self, now: Duration, bytes: u64, bringing: usize, missing: u64) {
        if now < self.settled_until || self.max == 1 {
            return;
        }
        let Some((since, at)) = self.begun else {
            if bringing >= self.target {
                self.begun = Some((now, bytes));
            }
            return;
        };
        let elapsed = now.saturating_sub(since);
        if elapsed < WINDOW {
            return;
        }
        let rate = bytes.saturating_sub(at) as f64 / elapsed.as_secs_f64();
        match self.before {
            Some((number, before)) if rate < before * WORTH_IT => {
                self.target = number;
                self.settle(now);
            }
            _ if self.target == self.max => self.settle(now),
            // What is over before it could be measured is not worth a connection.
            _ if (missing as f64) < rate * WINDOW.as_secs_f64() => self.settle(now),
            _ => {
                self.before = Some((self.target, rate));
                self.target = (self.target * 2).min(self.max);
                self.begun = None;
            }
        }
    }

    /// A connection has failed while others went on: the registry may not want so many.
    pub(super) fn shrink(&mut self, now: Duration, running: usize) {
        self.target = running.clamp(1, self.target);
        self.settle(now);
    }

    fn settle(&mut self, now: Duration) {
        self.before = None;
        self.begun = None;
        self.settled_until = now + SETTLED;
    }
}
