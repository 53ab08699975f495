//! What is worth another try, and when.

use std::time::{Duration, SystemTime};

/// When a failed request is repeated: full jitter between nothing and a bound that doubles, unless the
/// registry names a time itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often one request is sent at most, the first time included; 5 by default.
    pub attempts: u32,
    /// Bound of the first wait, 200 ms by default.
    pub base: Duration,
    /// Bound of any wait, 30 s by default.
    pub cap: Duration,
    /// Longest `Retry-After` that is obeyed, 5 min by default; a longer one ends the request.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(300),
        }
    }
}

/// Why a request has failed, as far as repeating it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection was not made, broke, or stood still.
    Connection,
    /// The registry answered with this status, and may have named a time to wait.
    Status(u16, Option<Duration>),
}

impl RetryPolicy {
    /// No repeats at all.
    #[must_use]
    pub fn never() -> Self {
        Self {
            attempts: 1,
            ..Self::default()
        }
    }

    /// The same policy with another number of attempts; the first one counts, so 0 is taken as 1.
    #[must_use]
    pub fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// The same policy with another bound of the first wait.
    #[must_use]
    pub fn with_base(self, base: Duration) -> Self {
        Self { base, ..self }
    }

    /// How long to wait before the next attempt after `made` attempts; `None` to give up. `random` is any
    /// number, all of its values equally likely.
    pub(crate) fn delay(&self, made: u32, failure: Failure, random: u64) -> Option<Duration> {
        if made >= self.attempts {
            return None;
        }
        if let Failure::Status(status, _) = failure
            && !matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
        {
            return None;
        }
        if let Failure::Status(_, Some(wanted)) = failure {
            return (wanted <= self.max_retry_after).then_some(wanted);
        }
        let bound = self
            .base
            .saturating_mul(
                1_u32
                    .checked_shl(made.saturating_sub(1))
                    .unwrap_or(u32::MAX),
            )
            .min(self.cap);
        // 53 bits are what a float holds; more precision is of no use for a wait.
        let fraction = (random >> 11) as f64 / (1_u64 << 53) as f64;
        Some(bound.mul_f64(fraction))
    }
}

/// The time that a `Retry-After` header names (RFC 9110 section 10.2.3). A date is measured against the
/// `Date` of the same answer, so that no two clocks have to agree.
pub(crate) fn retry_after(header: &str, date: Option<&str>) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let until: SystemTime = httpdate::parse_http_date(header).ok()?;
    let now = httpdate::parse_http_date(date?.trim()).ok()?;
    Some(until.duration_since(now).unwrap_or(Duration::ZERO))
}
