//! Tests of the schedule: single decisions, and whole pulls from a simulated registry.

use proptest::prelude::*;

use super::*;

const MIB: u64 = 1024 * 1024;

fn schedule(size: u64) -> Schedule {
    let (policy, retry) = (TransferPolicy::default(), RetryPolicy::default());
    Schedule::new(size, RangeSet::default(), &policy, &retry, false)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn fetched(orders: &[Order]) -> Vec<(u64, Range<u64>)> {
    let fetch = |order: &Order| match order {
        Order::Fetch { id, range, .. } => (*id, range.clone()),
        Order::Stop { .. } => panic!("nothing is to be stopped: {orders:?}"),
    };
    orders.iter().map(fetch).collect()
}

#[test]
fn a_small_blob_is_one_request() {
    let mut schedule = schedule(5 * MIB);
    assert_eq!(fetched(&schedule.orders(ms(0))), [(0, 0..5 * MIB)]);
    assert_eq!(schedule.answered(0, Body::Wanted), None);
    assert!(schedule.ended(0, 5 * MIB, Ended::Complete, ms(1), 0));
    assert!(schedule.is_done());
}

/// MD5: One connection until the first answer and more while that is faster.
#[test]
fn one_connection_until_the_first_answer_and_more_while_that_is_faster() {
    let mut schedule = schedule(4096 * MIB);
    let mut now = ms(0);
    let mut running: Vec<(u64, Range<u64>, u64)> = Vec::new();
    let mut most = 0;
    // Every connection brings 5 MiB in 100 ms, as long as there are at most four of them.
    while now < ms(3000) {
        for (id, range) in fetched(&schedule.orders(now)) {
            schedule.answered(id, Body::Wanted);
            running.push((id, range.clone(), range.start));
        }
        if now == ms(0) {
            assert_eq!(running.len(), 1, "nothing is known before the first answer");
        }
        most = most.max(running.len());
        now += ms(100);
        let rate = 20 * MIB / running.len().max(4) as u64;
        for (id, range, position) in std::mem::take(&mut running) {
            let position = (position + rate).min(range.end);
            if position == range.end {
                assert!(schedule.ended(id, position, Ended::Complete, now, 0));
            } else {
                running.push((id, range, position));
            }
        }
        let positions: Vec<_> = running.iter().map(|(id, _, at)| (*id, *at)).collect();
        schedule.moved(now, positions);
    }
    assert_eq!(most, 8, "eight were tried");
    assert_eq!(schedule.gauge.target(), 4, "and four were enough");
}

#[test]
fn a_whole_blob_for_a_range_is_one_stream() {
    let mut schedule = schedule(100 * MIB);
    let [(0, first)] = &fetched(&schedule.orders(ms(0)))[..] else {
        panic!("one piece");
    };
    assert!(first.end < 100 * MIB);
    assert_eq!(schedule.answered(0, Body::Whole), None);
    assert_eq!(schedule.orders(ms(10)), []);
    assert!(schedule.ended(0, 60 * MIB, Ended::Cut, ms(20), 0));
    let [(1, second)] = &fetched(&schedule.orders(ms(1000)))[..] else {
        panic!("one piece");
    };
    assert_eq!(second.start, 60 * MIB);
    assert_eq!(schedule.answered(1, Body::Whole), None);
    assert!(schedule.ended(1, 100 * MIB, Ended::Complete, ms(2000), 0));
    assert!(schedule.is_done());
}

/// D9: The decision, without a socket.
#[test]
fn who_answers_ranges_wrongly_is_asked_for_the_whole() {
    let mut schedule = schedule(100 * MIB);
    for id in 0..2 {
        let orders = schedule.orders(ms(0));
        assert!(
            matches!(
                orders[..],
                [Order::Fetch {
                    is_plain: false,
                    ..
                }]
            ),
            "{orders:?}"
        );
        assert!(schedule.ended(id, 0, Ended::Lie, ms(0), 0));
    }
    let orders = schedule.orders(ms(0));
    assert_eq!(
        orders,
        [Order::Fetch {
            id: 2,
            range: 0..100 * MIB,
            is_plain: true
        }]
    );
    assert!(
        !schedule.ended(2, 0, Ended::Lie, ms(0), 0),
        "nothing is left to try"
    );
}

#[test]
fn failures_of_one_incident_count_once() {
    let mut schedule = schedule(4096 * MIB);
    schedule.answers = Answers::Ranges;
    // Twice as fast with twice as many.
    let mut bytes = 0;
    for step in 0..3_u64 {
        schedule.gauge.update(ms(step * 300), bytes, 8, u64::MAX);
        bytes += 1000 << step;
        schedule
            .gauge
            .update(ms(step * 300 + 299), bytes, 8, u64::MAX);
    }
    let orders = fetched(&schedule.orders(ms(1000)));
    assert_eq!(orders.len(), 8);
    for (id, range) in &orders {
        assert!(schedule.ended(*id, range.start, Ended::Cut, ms(1001), 0));
    }
    assert_eq!(schedule.fruitless, 1);
}

#[test]
fn patience_ends_when_nothing_comes() {
    let mut schedule = schedule(100);
    let mut tries = 0;
    let mut now = ms(0);
    loop {
        now = schedule.pause(now).unwrap_or(now);
        let orders = fetched(&schedule.orders(now));
        tries += 1;
        now += ms(1);
        if !schedule.ended(orders[0].0, 0, Ended::Cut, now, u64::MAX) {
            break;
        }
    }
    assert_eq!(tries, RetryPolicy::default().attempts);
}

#[test]
fn a_slow_connection_is_replaced_and_the_first_answer_wins() {
    let mut schedule = schedule(128 * MIB);
    schedule.orders(ms(0));
    schedule.answered(0, Body::Wanted);
    // Fast for three seconds, then hardly anything.
    let mut position = 0;
    for tick in 0..80_u64 {
        position += if tick < 35 { MIB } else { 1000 };
        schedule.moved(ms(tick * 100), [(0, position)]);
        for order in schedule.orders(ms(tick * 100)) {
            let Order::Fetch { id, range, .. } = order else {
                panic!("nothing is stopped yet");
            };
            if range.start == position {
                assert!(tick > 60, "too early: {tick}");
                assert_eq!(schedule.connections(), 1);
                let stop = schedule.answered(id, Body::Wanted);
                assert_eq!(stop, Some(Order::Stop { id: 0 }));
                assert!(schedule.ended(0, position + 5, Ended::Stopped, ms(tick * 100), 0));
                assert!(schedule.ended(id, range.end, Ended::Complete, ms(tick * 100), 0));
                assert!(schedule.there.contains(0..range.end));
                return;
            }
            // Connections beyond the first bring nothing in this test.
            assert!(schedule.ended(id, range.start, Ended::Stopped, ms(tick * 100), 0));
        }
    }
    panic!("it was never replaced");
}

/// What a simulated registry does to a piece.
#[derive(Debug, Clone)]
enum Deed {
    Complete,
    CutAfter(u64),
    Whole,
    WholeCutAfter(u64),
    Lie,
    Refuse,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::Complete),
        2 => (0_u64..300).prop_map(Deed::CutAfter),
        1 => Just(Deed::Whole),
        1 => (0_u64..1000).prop_map(Deed::WholeCutAfter),
        1 => Just(Deed::Lie),
        1 => Just(Deed::Refuse),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// However a registry answers, and in whatever order: a pull ends, it never asks for what is there, and
    /// when it ends well everything is there.
    #[test]
    fn every_pull_ends(
        size in 1_u64..1000,
        there in prop::collection::vec((0_u64..1000, 0_u64..400), 0..4),
        deeds in prop::collection::vec((deed(), any::<usize>()), 0..60),
        is_sequential in any::<bool>(),
        connections in 1_usize..5,
    ) {
        let policy = TransferPolicy::default()
            .with_pieces(50, 100)
            .with_connections(connections.try_into().unwrap());
        let retry = RetryPolicy::default();
        let mut written: RangeSet = there
            .into_iter()
            .map(|(start, length)| start.min(size)..(start + length).min(size))
            .filter(|_| !is_sequential)
            .collect();
        let mut schedule = Schedule::new(size, written.clone(), &policy, &retry, is_sequential);
        let mut running: Vec<(u64, Range<u64>, bool)> = Vec::new();
        let mut deeds = deeds.into_iter();
        let mut now = ms(0);
        let mut steps = 0;
        while !schedule.is_done() {
            steps += 1;
            prop_assert!(steps < 1000, "it does not end");
            now += ms(50);
            now = schedule.pause(now).unwrap_or(now);
            for order in schedule.orders(now) {
                let Order::Fetch { id, range, is_plain } = order else {
                    panic!("nothing was answered twice");
                };
                prop_assert!(range.start < range.end && range.end <= size);
                prop_assert!(!written.contains(range.start..range.start + 1));
                let is_apart = running.iter().all(|(_, other, _)| {
                    other.end <= range.start || range.end <= other.start
                });
                prop_assert!(is_plain || is_apart);
                running.push((id, range, is_plain));
            }
            if running.is_empty() {
                continue;
            }
            let (deed, index) = deeds.next().unwrap_or((Deed::Complete, 0));
            let (id, range, is_plain) = running.swap_remove(index % running.len());
            let (body, end) = match deed {
                Deed::Whole | Deed::WholeCutAfter(_) => (Some(Body::Whole), size),
                _ if is_plain => (Some(Body::Whole), size),
                Deed::Lie | Deed::Refuse => (None, range.end),
                _ => (Some(Body::Wanted), range.end),
            };
            let position = match deed {
                Deed::Complete | Deed::Whole => end,
                // Of a whole blob the beginning comes first, though it is not wanted.
                Deed::CutAfter(bytes) if is_plain => bytes.clamp(range.start, end),
                Deed::WholeCutAfter(bytes) => bytes.clamp(range.start, end),
                Deed::CutAfter(bytes) => (range.start + bytes).min(end),
                Deed::Lie | Deed::Refuse => range.start,
            };
            let how = match deed {
                Deed::Lie => Ended::Lie,
                Deed::Refuse => Ended::Refused,
                _ if position == end => Ended::Complete,
                _ => Ended::Cut,
            };
            let stopped = body.and_then(|body| schedule.answered(id, body)) == Some(Order::Stop { id });
            let (position, how) = if stopped {
                (range.start, Ended::Stopped)
            } else {
                (position, how)
            };
            written.insert(range.start..position);
            if !schedule.ended(id, position, how, now, u64::MAX) {
                prop_assert!(how != Ended::Complete && how != Ended::Stopped);
                return Ok(());
            }
            schedule.moved(now, []);
        }
        prop_assert!(written.contains(0..size));
        prop_assert_eq!(schedule.done(), size);
    }
}

#[test]
fn a_byte_for_each_request_is_no_progress() {
    let mut schedule = schedule(100 * MIB);
    let mut now = ms(0);
    for byte in 0..1000 {
        now = schedule.pause(now).unwrap_or(now);
        let orders = fetched(&schedule.orders(now));
        assert_eq!(schedule.answered(orders[0].0, Body::Wanted), None);
        now += ms(1);
        if !schedule.ended(orders[0].0, byte + 1, Ended::Cut, now, 0) {
            assert_eq!(byte + 1, u64::from(RetryPolicy::default().attempts));
            return;
        }
    }
    panic!("it goes on for ever");
}
