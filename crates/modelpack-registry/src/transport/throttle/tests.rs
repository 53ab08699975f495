//! A limited body is the same body.

use http_body_util::{BodyExt as _, Full};

use super::*;

#[tokio::test]
async fn a_limited_body_loses_nothing() {
    let content: Bytes = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let throttle = Arc::new(Throttle::new(1 << 40));
    let body = Full::new(content.clone());
    let mut body = Throttled::new(body, Some(throttle), &Arc::default());
    assert_eq!(body.size_hint().exact(), Some(300_000));
    let mut got = Vec::new();
    while let Some(frame) = body.frame().await {
        let data = frame.expect("no error").into_data().expect("data");
        assert!(data.len() <= PIECE_BYTES);
        got.extend_from_slice(&data);
        let left = content.len() - got.len();
        assert_eq!(body.size_hint().exact(), Some(left as u64));
        assert_eq!(body.is_end_stream(), left == 0);
    }
    assert_eq!(got, content);
}

#[tokio::test(start_paused = true)]
async fn bodies_of_one_host_share_its_rate() {
    let throttle = Arc::new(Throttle::new(10_000));
    let begun = Instant::now();
    let stream = |throttle: Arc<Throttle>| async move {
        for _ in 0..100 {
            throttle.pass(500).await;
        }
    };
    tokio::join!(stream(Arc::clone(&throttle)), stream(throttle));
    // 100 000 bytes at 10 000 a second, less the burst of a tenth of a second.
    let took = begun.elapsed().as_secs_f64();
    assert!((9.8..10.1).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_limited_body_waits_and_shows_that_it_lives() {
    let throttle = Arc::new(Throttle::new(2048));
    let pulse = Arc::<Pulse>::default();
    let body = Full::new(Bytes::from(vec![0; 20_480]));
    let begun = Instant::now();
    let body = Throttled::new(body, Some(throttle), &pulse);
    body.collect().await.expect("no error");
    let took = begun.elapsed().as_secs_f64();
    assert!((9.5..10.1).contains(&took), "{took}");
    assert!(pulse.moves() > 30, "{}", pulse.moves());
}
