//! Bytes per second of the last seconds, of those that were really moved.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back a rate looks: long enough to be calm, short enough to show a stall.
const WINDOW: Duration = Duration::from_secs(8);
/// Moments that are kept at most; one for each tenth of a second of the window.
const GRAIN: Duration = Duration::from_millis(100);

/// What less time counts as, so that the first bytes make no wild guess.
const SHORTEST: Duration = Duration::from_millis(250);

/// Bytes and when they came.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// When counting began.
    began: Option<Instant>,
    moments: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// So many bytes came.
    pub(super) fn add(&mut self, now: Instant, bytes: u64) {
        self.began.get_or_insert(now);
        self.forget(now);
        match self.moments.back_mut() {
            Some((then, sum)) if now.duration_since(*then) < GRAIN => *sum += bytes,
            _ => self.moments.push_back((now, bytes)),
        }
    }

    /// So many of the last bytes were there already.
    pub(super) fn take_back(&mut self, mut bytes: u64) {
        for (_, sum) in self.moments.iter_mut().rev() {
            let taken = bytes.min(*sum);
            *sum -= taken;
            bytes -= taken;
        }
    }

    /// Bytes per second now.
    pub(super) fn at(&mut self, now: Instant) -> u64 {
        self.forget(now);
        let Some(began) = self.began else {
            return 0;
        };
        let sum: u64 = self.moments.iter().map(|(_, bytes)| bytes).sum();
        let seconds = now.duration_since(began).min(WINDOW).as_secs_f64();
        (sum as f64 / seconds.max(SHORTEST.as_secs_f64())) as u64
    }

    fn forget(&mut self, now: Instant) {
        while let Some((then, _)) = self.moments.front()
            && now.duration_since(*then) > WINDOW
        {
            self.moments.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
