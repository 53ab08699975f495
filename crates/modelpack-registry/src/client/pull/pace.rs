//! How fast a connection brings its piece, compared with the others.

use std::collections::VecDeque;
use std::time::Duration;

/// What is looked back at.
const WINDOW: Duration = Duration::from_secs(3);
/// A connection is slow below this part of what is usual.
const SLOW: f64 = 0.1;
/// Time between two samples.
const STEP: Duration = Duration::from_millis(100);

/// The way of one connection through its piece.
#[derive(Debug, Default)]
pub(super) struct Pace {
    samples: VecDeque<(Duration, u64)>,
    best: f64,
}

impl Pace {
    /// Notes where the connection is.
    pub(super) fn note(&mut self, now: Duration, position: u64) {
        if let Some((last, _)) = self.samples.back()
            && now.saturating_sub(*last) < STEP
        {
            return;
        }
        self.samples.push_back((now, position));
        while let Some((second, _)) = self.samples.get(1)
            && now.saturating_sub(*second) >= WINDOW
        {
            self.samples.pop_front();
        }
        self.best = self.best.max(self.rate().unwrap_or(0.0));
    }

    /// Bytes per second over the window; nothing before it was looked at for so long.
    fn rate(&self) -> Option<f64> {
        let (first, from) = self.samples.front()?;
        let (last, to) = self.samples.back()?;
        let elapsed = last.saturating_sub(*first);
        (elapsed >= WINDOW / 2).then(|| (to - from) as f64 / elapsed.as_secs_f64())
    }

    /// Best rate over a window so far, in bytes per second, so that a connection that has slowed down is
    /// compared with itself too; 0 before there was one.
    pub(super) fn best(&self) -> f64 {
        self.best
    }

    /// The rate in the middle of those that are not 0.
    pub(super) fn median(rates: impl Iterator<Item = f64>) -> Option<f64> {
        let mut rates: Vec<f64> = rates.filter(|rate| *rate > 0.0).collect();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied()
    }

    /// Whether it has been slow for a whole window.
    pub(super) fn is_slow(&self, now: Duration, usual: f64) -> bool {
        let is_watched = self
            .samples
            .front()
            .is_some_and(|(first, _)| now.saturating_sub(*first) >= WINDOW);
        is_watched && self.rate().is_some_and(|rate| rate < usual * SLOW)
    }
}
