//! What was asked, what was answered, which bytes went out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::rules::{Class, Origin, When};

/// A request with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// Where it came in.
    pub origin: Origin,
    /// By which connection of that origin, counted from 0.
    pub connection: u64,
    /// When, from the start of the registry.
    pub at: Duration,
    /// The method.
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// The headers as they were sent, in their order.
    pub headers: Vec<(String, String)>,
    /// What it was about.
    pub class: Class,
    /// In which repository.
    pub repository: Option<String>,
    /// The tag or digest.
    pub reference: Option<String>,
    /// Whether it had the credentials it needed.
    pub authorized: bool,
    /// How many bytes of its body came.
    pub received: u64,
    /// The first 64 KiB of its body, but for blobs.
    pub body: Vec<u8>,
    /// The numbers of the rules that struck it, in the order in which they were given.
    pub rules: Vec<usize>,
    /// The status of the answer; `None` as long as there is none.
    pub status: Option<u16>,
    /// The headers of the answer.
    pub answer: Vec<(String, String)>,
    /// How many bytes of the body of the answer went out.
    pub sent: u64,
    /// Whether the answer is over, one way or the other.
    pub finished: bool,
}

impl Exchange {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Method and target, for comparisons.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    fn is(&self, when: &When) -> bool {
        let asked = super::matching::Asked {
            origin: self.origin,
            method: &self.method,
            class: self.class,
            repository: self.repository.as_deref(),
            reference: self.reference.as_deref(),
            ranged: self.header("range").is_some(),
            authorized: when.authorized.is_none_or(|_| self.authorized),
        };
        when.matches(&asked)
    }
}

/// The bytes of one blob that went out, over all requests at all origins.
///
/// Bytes count when they are given to the socket, so whoever has read a byte finds it counted; a client that leaves
/// early may not have read the last of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Served {
    /// One span for each answer that had bytes of the blob, in the order of the answers.
    pub spans: Vec<Range<u64>>,
}

impl Served {
    /// All bytes, those that went out twice counted twice.
    pub fn total(&self) -> u64 {
        self.spans.iter().map(|span| span.end - span.start).sum()
    }

    /// The bytes that went out at least once.
    pub fn distinct(&self) -> u64 {
        let mut spans = self.spans.clone();
        spans.sort_by_key(|span| span.start);
        let (mut count, mut end) = (0, 0);
        for span in spans {
            count += span.end.saturating_sub(span.start.max(end));
            end = end.max(span.end);
        }
        count
    }

    /// The bytes of a range that went out, those that went out twice counted twice.
    pub fn within(&self, range: Range<u64>) -> u64 {
        let parts = self.spans.iter().map(|span| {
            let end = span.end.min(range.end);
            end.saturating_sub(span.start.max(range.start))
        });
        parts.sum()
    }
}

/// How many connections an origin has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Connections {
    /// Now.
    pub open: u64,
    /// The most at the same time.
    pub most: u64,
    /// In all.
    pub total: u64,
    /// Requests that are being answered now.
    pub busy: u64,
    /// The most requests at the same time.
    pub most_busy: u64,
}

/// A place in the ledger.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) digest: String,
    index: usize,
    /// What had been forgotten when it was opened; a span from before that is nowhere any more.
    forgotten: usize,
}

/// Everything that is written down.
#[derive(Debug)]
pub(super) struct Journal {
    start: Instant,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    exchanges: Vec<Exchange>,
    /// What was forgotten by [`Journal::clear`], so that numbers stay valid.
    forgotten: usize,
    ledger: BTreeMap<String, Served>,
    connections: BTreeMap<Origin, Connections>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            inner: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn age(&self) -> Duration {
        self.start.elapsed()
    }

    /// Writes a request down and gives its number.
    pub(super) fn begin(&self, exchange: Exchange) -> usize {
        let mut inner = self.lock();
        let counts = inner.connections.entry(exchange.origin).or_default();
        counts.busy += 1;
        counts.most_busy = counts.most_busy.max(counts.busy);
        inner.exchanges.push(exchange);
        self.changed.notify_all();
        inner.forgotten + inner.exchanges.len() - 1
    }

    /// Changes what is written about a request, unless that was forgotten.
    pub(super) fn change(&self, number: usize, change: impl FnOnce(&mut Exchange)) {
        let mut inner = self.lock();
        let forgotten = inner.forgotten;
        if let Some(exchange) = number
            .checked_sub(forgotten)
            .and_then(|index| inner.exchanges.get_mut(index))
        {
            change(exchange);
        }
        self.changed.notify_all();
    }

    pub(super) fn end(&self, number: usize, origin: Origin) {
        let mut inner = self.lock();
        let counts = inner.connections.entry(origin).or_default();
        counts.busy -= 1;
        drop(inner);
        self.change(number, |exchange| exchange.finished = true);
    }

    /// A span of the ledger that grows with the answer.
    pub(super) fn open_span(&self, digest: &str, at: u64) -> Span {
        let mut inner = self.lock();
        let forgotten = inner.forgotten;
        let served = inner.ledger.entry(digest.to_owned()).or_default();
        served.spans.push(at..at);
        Span {
            digest: digest.to_owned(),
            index: served.spans.len() - 1,
            forgotten,
        }
    }

    pub(super) fn grow_span(&self, span: &Span, count: u64) {
        self.change_span(span, |range| range.end += count);
    }

    pub(super) fn shrink_span(&self, span: &Span, count: u64) {
        self.change_span(span, |range| range.end -= count);
    }

    fn change_span(&self, span: &Span, change: impl FnOnce(&mut Range<u64>)) {
        let mut inner = self.lock();
        if inner.forgotten != span.forgotten {
            return;
        }
        if let Some(span) = inner
            .ledger
            .get_mut(&span.digest)
            .and_then(|served| served.spans.get_mut(span.index))
        {
            change(span);
        }
    }

    /// Counts a connection and gives its number.
    pub(super) fn connect(&self, origin: Origin) -> u64 {
        let mut inner = self.lock();
        let counts = inner.connections.entry(origin).or_default();
        counts.open += 1;
        counts.most = counts.most.max(counts.open);
        counts.total += 1;
        counts.total - 1
    }

    pub(super) fn disconnect(&self, origin: Origin) {
        self.lock().connections.entry(origin).or_default().open -= 1;
        self.changed.notify_all();
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.lock().exchanges.clone()
    }

    pub(super) fn count(&self, when: &When) -> usize {
        let inner = self.lock();
        inner.exchanges.iter().filter(|one| one.is(when)).count()
    }

    pub(super) fn ledger(&self) -> BTreeMap<String, Served> {
        self.lock().ledger.clone()
    }

    pub(super) fn connections(&self, origin: Origin) -> Connections {
        let inner = self.lock();
        inner.connections.get(&origin).copied().unwrap_or_default()
    }

    /// Forgets requests and bytes; connections stay counted.
    pub(super) fn clear(&self) {
        let mut inner = self.lock();
        inner.forgotten += inner.exchanges.len();
        inner.exchanges.clear();
        inner.ledger.clear();
    }

    /// Whether so many requests matched in time, and were over if that is wanted.
    pub(super) fn wait_until(
        &self,
        limit: Duration,
        when: &When,
        count: usize,
        over: bool,
    ) -> bool {
        let lacking = |inner: &mut Inner| {
            let matching = inner.exchanges.iter().filter(|one| one.is(when));
            matching.filter(|one| one.finished || !over).count() < count
        };
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), limit, lacking)
            .expect("nothing panics while it holds the journal");
        !waited.1.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("nothing panics while it holds the journal")
    }
}
