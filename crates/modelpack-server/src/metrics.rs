//! Counts of what a registry did, in the text form that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};

/// The media type of the page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper ends of the buckets of answer times, in microseconds.
const BUCKETS: [u64; 7] = [
    1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000,
];

/// Counters; the page is written from them.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By method and status. Few of each exist, since other methods share one name.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    times: [AtomicU64; BUCKETS.len() + 1],
    time_sum: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    connections: AtomicU64,
    upstream: AtomicU64,
}

impl Metrics {
    /// An answer is ready.
    pub(crate) fn answered(&self, method: &Method, status: StatusCode, after: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            // Whatever a client invents must not grow the page.
            _ => "other",
        };
        *self
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((method, status.as_u16()))
            .or_default() += 1;
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.partition_point(|end| *end < micros);
        self.times[bucket].fetch_add(1, Ordering::Relaxed);
        self.time_sum.fetch_add(micros, Ordering::Relaxed);
    }

    /// An answer was sent, or its client is gone.
    pub(crate) fn finished(&self, received: u64, sent: u64) {
        self.received.fetch_add(received, Ordering::Relaxed);
        self.sent.fetch_add(sent, Ordering::Relaxed);
    }

    /// Something was fetched from the upstream registry.
    pub(crate) fn fetched(&self) {
        self.upstream.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "listen")]
    pub(crate) fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "listen")]
    pub(crate) fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// The page.
    pub(crate) fn page(&self, open_uploads: usize) -> String {
        let mut page = String::new();
        self.write(&mut page, open_uploads)
            .expect("a string takes every text");
        page
    }

    fn write(&self, page: &mut String, open_uploads: usize) -> std::fmt::Result {
        let head = |page: &mut String, name: &str, kind: &str, help: &str| {
            writeln!(
                page,
                "# HELP modelpack_registry_{name} {help}\n# TYPE modelpack_registry_{name} {kind}"
            )
        };
        head(
            page,
            "requests_total",
            "counter",
            "Answers by method and status.",
        )?;
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((method, status), count) in &*requests {
            writeln!(
                page,
                "modelpack_registry_requests_total{{method=\"{method}\",status=\"{status}\"}} {count}"
            )?;
        }
        drop(requests);
        head(
            page,
            "answer_seconds",
            "histogram",
            "Time from a request head to the head of its answer.",
        )?;
        let mut total = 0;
        for (count, end) in self
            .times
            .iter()
            .zip(BUCKETS.iter().map(Some).chain([None]))
        {
            total += count.load(Ordering::Relaxed);
            let end = end.map_or("+Inf".to_owned(), |end| seconds(*end));
            writeln!(
                page,
                "modelpack_registry_answer_seconds_bucket{{le=\"{end}\"}} {total}"
            )?;
        }
        let sum = seconds(self.time_sum.load(Ordering::Relaxed));
        writeln!(page, "modelpack_registry_answer_seconds_sum {sum}")?;
        writeln!(page, "modelpack_registry_answer_seconds_count {total}")?;
        let singles = [
            (
                "received_bytes_total",
                "counter",
                "Bytes of request bodies.",
                self.received.load(Ordering::Relaxed),
            ),
            (
                "sent_bytes_total",
                "counter",
                "Bytes of answer bodies.",
                self.sent.load(Ordering::Relaxed),
            ),
            (
                "upstream_fetches_total",
                "counter",
                "Blobs and manifests fetched from the upstream registry.",
                self.upstream.load(Ordering::Relaxed),
            ),
            (
                "open_connections",
                "gauge",
                "Connections that are open.",
                self.connections.load(Ordering::Relaxed),
            ),
            (
                "open_uploads",
                "gauge",
                "Upload sessions that are open.",
                open_uploads as u64,
            ),
        ];
        for (name, kind, help, value) in singles {
            head(page, name, kind, help)?;
            writeln!(page, "modelpack_registry_{name} {value}")?;
        }
        Ok(())
    }
}

fn seconds(micros: u64) -> String {
    format!("{}", micros as f64 / 1_000_000.0)
}
