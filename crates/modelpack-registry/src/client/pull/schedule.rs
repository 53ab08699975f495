//! Which bytes of a blob are asked for next, and over how many connections: decisions without a clock,
//! a network or a disk.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use modelpack_spec::RangeSet;

use super::gauge::Gauge;
use super::pace::Pace;
use crate::exchange::Body;
use crate::policy::{Failure, RetryPolicy, TransferPolicy};

/// A registry that answers a range wrongly this often is asked for the whole blob instead.
const MAX_LIES: u32 = 2;
/// A connection that breaks before so many bytes has brought as good as nothing: a registry that gives a
/// byte for each request would otherwise be asked a million times.
const LITTLE: u64 = 64 * 1024;
/// A connection that breaks after so many bytes is followed by the next one at once.
const REAL_PROGRESS: u64 = 1024 * 1024;
/// Pieces that say what rate is usual.
const RECENT: usize = 16;

/// The pull of one blob.
#[derive(Debug)]
pub(super) struct Schedule {
    size: u64,
    policy: TransferPolicy,
    retry: RetryPolicy,
    /// Bytes must come in order over one connection.
    is_sequential: bool,
    there: RangeSet,
    answers: Answers,
    running: BTreeMap<u64, Running>,
    next_id: u64,
    /// Attempts in a row that brought as good as nothing.
    fruitless: u32,
    /// When the last of them was counted. What began before it belongs to the same incident.
    counted: Duration,
    lies: u32,
    not_before: Duration,
    gauge: Gauge,
    /// Bytes that have come in this pull.
    brought: u64,
    /// Rates of the pieces that have come last, in bytes per second.
    recent: VecDeque<f64>,
}

/// How the registry answers to a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// Not known yet, so only one is asked for.
    Unknown,
    /// As it should.
    Ranges,
    /// With the whole blob, so one answer is used as long as it lasts.
    Whole,
    /// With something wrong, so it is not asked for ranges any more.
    Wrongly,
}

#[derive(Debug)]
struct Running {
    range: Range<u64>,
    position: u64,
    since: Duration,
    is_answered: bool,
    pace: Pace,
    /// The other connection that was asked for the same bytes.
    twin: Option<u64>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// Ask for a piece.
    Fetch {
        id: u64,
        range: Range<u64>,
        /// Ask for the whole blob and use this part of it.
        is_plain: bool,
    },
    /// End a connection.
    Stop { id: u64 },
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// All of its piece is there.
    Complete,
    /// It broke, or stood still.
    Cut,
    /// It was refused in a way that repeating does not help, but that fewer connections may.
    Refused,
    /// The answer was not the one to this request.
    Lie,
    /// It was told to.
    Stopped,
}

impl Schedule {
    pub(super) fn new(
        size: u64,
        there: RangeSet,
        policy: &TransferPolicy,
        retry: &RetryPolicy,
        is_sequential: bool,
    ) -> Self {
        let connections = if is_sequential {
            1
        } else {
            policy.connections.get()
        };
        Self {
            size,
            policy: policy.clone(),
            retry: retry.clone(),
            is_sequential,
            there,
            answers: Answers::Unknown,
            running: BTreeMap::new(),
            next_id: 0,
            fruitless: 0,
            counted: Duration::ZERO,
            lies: 0,
            not_before: Duration::ZERO,
            gauge: Gauge::new(policy.first_connections.get(), connections),
            brought: 0,
            recent: VecDeque::new(),
        }
    }

    /// Bytes that are there, counting those that are arriving.
    pub(super) fn done(&self) -> u64 {
        let mut there = self.there.clone();
        for running in self.running.values() {
            there.insert(running.range.start..running.position);
        }
        there.len()
    }

    pub(super) fn is_done(&self) -> bool {
        self.there.contains(0..self.size)
    }

    /// Until when nothing can begin; nothing when that is not what is waited for.
    pub(super) fn pause(&self, now: Duration) -> Option<Duration> {
        (self.running.is_empty() && self.not_before > now).then_some(self.not_before)
    }

    /// What is to be done now.
    pub(super) fn orders(&mut self, now: Duration) -> Vec<Order> {
        let mut orders = Vec::new();
        if now < self.not_before {
            return orders;
        }
        let limit = match self.answers {
            Answers::Ranges => self.gauge.target(),
            Answers::Unknown | Answers::Whole | Answers::Wrongly => 1,
        };
        while self.connections() < limit
            && let Some(range) = self.next_piece()
        {
            orders.push(self.fetch(range, now));
        }
        if self.answers == Answers::Ranges && !self.is_sequential {
            orders.extend(self.replace_slow(now));
        }
        orders
    }

    /// Connections, counting two that were asked for the same bytes as one.
    fn connections(&self) -> usize {
        let is_second =
            |(id, running): &(&u64, &Running)| running.twin.is_some_and(|twin| twin < **id);
        self.running.len() - self.running.iter().filter(is_second).count()
    }

    fn next_piece(&self) -> Option<Range<u64>> {
        let mut taken = self.there.clone();
        for running in self.running.values() {
            taken.insert(running.range.clone());
        }
        let gaps = taken.gaps(0..self.size);
        let gap = gaps.first()?;
        if self.answers == Answers::Wrongly {
            return Some(gap.start..self.size);
        }
        if self.is_sequential {
            return Some(gap.clone());
        }
        let missing: u64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
        // The nearer the end, the smaller, so that all connections end together.
        let share = missing / (2 * self.gauge.target() as u64);
        let piece = share.clamp(self.policy.min_piece, self.policy.max_piece);
        let end = gap.end.min(gap.start.saturating_add(piece));
        // A rest that is smaller than the smallest piece is not left for a request of its own.
        let end = if gap.end - end < self.policy.min_piece.min(piece) / 2 {
            gap.end
        } else {
            end
        };
        Some(gap.start..end)
    }

    fn fetch(&mut self, range: Range<u64>, now: Duration) -> Order {
        let id = self.next_id;
        self.next_id += 1;
        self.running.insert(
            id,
            Running {
                position: range.start,
                range: range.clone(),
                since: now,
                is_answered: false,
                pace: Pace::default(),
                twin: None,
            },
        );
        Order::Fetch {
            id,
            range,
            is_plain: self.answers == Answers::Wrongly,
        }
    }

    /// Asks again for what comes much slower than the rest.
    fn replace_slow(&mut self, now: Duration) -> Option<Order> {
        let now_best = self.running.values().map(|running| running.pace.best());
        let usual = Pace::median(now_best.chain(self.recent.iter().copied()))?;
        let (&slow, running) = self
            .running
            .iter()
            .find(|(_, running)| running.twin.is_none() && running.pace.is_slow(now, usual))?;
        let rest = running.position..running.range.end;
        if rest.is_empty() {
            return None;
        }
        let order = self.fetch(rest, now);
        let twin = self.next_id - 1;
        for (id, other) in [(slow, twin), (twin, slow)] {
            if let Some(running) = self.running.get_mut(&id) {
                running.twin = Some(other);
            }
        }
        Some(order)
    }

    /// The head of an answer has come. Gives the connection that need not go on.
    pub(super) fn answered(&mut self, id: u64, body: Body) -> Option<Order> {
        let size = self.size;
        let is_sequential = self.is_sequential;
        let has_others = self.running.len() > 1;
        let running = self.running.get_mut(&id)?;
        running.is_answered = true;
        match body {
            Body::Whole if self.answers == Answers::Ranges && has_others => {
                // The others bring what this one would bring once more.
                self.lies += 1;
                if self.lies >= MAX_LIES {
                    self.answers = Answers::Whole;
                }
                return Some(Order::Stop { id });
            }
            Body::Whole => {
                if self.answers != Answers::Wrongly {
                    self.answers = Answers::Whole;
                }
                running.range.end = size;
            }
            Body::Wanted if running.range == (0..size) || is_sequential => {}
            Body::Wanted => self.answers = Answers::Ranges,
        }
        let twin = running.twin.take()?;
        // The first answer wins.
        if let Some(twin) = self.running.get_mut(&twin) {
            twin.twin = None;
        }
        Some(Order::Stop { id: twin })
    }

    /// Is told how far the connections are.
    pub(super) fn moved(&mut self, now: Duration, positions: impl IntoIterator<Item = (u64, u64)>) {
        for (id, position) in positions {
            self.advance(id, position);
            if let Some(running) = self.running.get_mut(&id) {
                running.pace.note(now, running.position);
            }
        }
        let bringing = self
            .running
            .values()
            .filter(|running| running.is_answered)
            .count();
        let missing = self.size.saturating_sub(self.done());
        self.gauge.update(now, self.brought, bringing, missing);
    }

    fn advance(&mut self, id: u64, position: u64) {
        if let Some(running) = self.running.get_mut(&id) {
            self.brought += position.saturating_sub(running.position);
            running.position = running.position.max(position);
        }
    }

    /// A connection has ended at `position`. False when it is time to give up.
    pub(super) fn ended(
        &mut self,
        id: u64,
        position: u64,
        how: Ended,
        now: Duration,
        random: u64,
    ) -> bool {
        self.advance(id, position);
        let Some(running) = self.running.remove(&id) else {
            return true;
        };
        self.there.insert(running.range.start..running.position);
        if let Some(twin) = running.twin.and_then(|twin| self.running.get_mut(&twin)) {
            twin.twin = None;
        }
        let brought = running.position - running.range.start;
        if brought >= LITTLE || how == Ended::Complete {
            self.fruitless = 0;
        }
        if brought > 0 {
            self.remember_rate(brought, now.saturating_sub(running.since));
        }
        match how {
            Ended::Complete | Ended::Stopped => true,
            Ended::Refused => {
                self.gauge.shrink(now, self.running.len());
                !self.running.is_empty()
            }
            Ended::Cut => {
                if brought >= REAL_PROGRESS {
                    return true;
                }
                if brought < LITTLE && !self.running.is_empty() {
                    self.gauge.shrink(now, self.running.len());
                }
                self.pause_after(&running, now, random)
            }
            Ended::Lie => {
                let was_whole = running.range == (0..self.size);
                if was_whole || self.answers == Answers::Wrongly {
                    return false;
                }
                self.lies += 1;
                if self.lies >= MAX_LIES {
                    self.answers = Answers::Wrongly;
                }
                true
            }
        }
    }

    fn remember_rate(&mut self, bytes: u64, elapsed: Duration) {
        if !elapsed.is_zero() {
            self.recent.truncate(RECENT - 1);
            self.recent.push_front(bytes as f64 / elapsed.as_secs_f64());
        }
    }

    fn pause_after(&mut self, running: &Running, now: Duration, random: u64) -> bool {
        if self.fruitless == 0 || running.since >= self.counted {
            self.fruitless += 1;
            self.counted = now;
        }
        match self
            .retry
            .delay(self.fruitless, Failure::Connection, random)
        {
            Some(delay) => {
                self.not_before = self.not_before.max(now + delay);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
