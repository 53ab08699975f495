//! Buckets run empty, fill again and do not meet.

use std::time::{Duration, Instant};

use super::{Buckets, MAX_CLIENTS, RateLimit};

#[test]
fn a_burst_then_a_steady_rate() {
    let buckets = Buckets::default();
    let limit = RateLimit::new(0.5, 2);
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(buckets.take(None, limit, start), Ok(()));
    assert_eq!(buckets.take(None, limit, start), Ok(()));
    assert_eq!(buckets.take(None, limit, start), Err(2));
    assert_eq!(buckets.take(None, limit, at(1)), Err(1));
    assert_eq!(buckets.take(None, limit, at(2)), Ok(()));
    assert_eq!(buckets.take(None, limit, at(2)), Err(2));
    // However long nobody came, no more than a burst was saved.
    assert_eq!(buckets.take(None, limit, at(1000)), Ok(()));
    assert_eq!(buckets.take(None, limit, at(1000)), Ok(()));
    assert_eq!(buckets.take(None, limit, at(1000)), Err(2));
}

#[test]
fn clients_have_buckets_of_their_own_up_to_a_limit() {
    let buckets = Buckets::default();
    let limit = RateLimit::new(0.000_001, 1);
    let now = Instant::now();
    let client = |number: u32| Some(std::net::Ipv4Addr::from(number).into());
    assert_eq!(buckets.take(client(1), limit, now), Ok(()));
    assert_eq!(buckets.take(client(1), limit, now), Err(3600));
    assert_eq!(buckets.take(client(2), limit, now), Ok(()));
    for number in 0..3 * MAX_CLIENTS as u32 {
        let _ = buckets.take(client(number), limit, now);
    }
    assert!(buckets.clients.lock().unwrap().len() <= MAX_CLIENTS);
}
