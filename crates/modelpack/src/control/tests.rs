//! What is stopped by what.

use super::{CancelToken, Control};

#[tokio::test]
async fn a_part_ends_alone_and_with_the_whole() {
    let cancel = CancelToken::default();
    let control = Control::default().cancelled_by(cancel.clone());
    let part = control.part();
    let of_part = part.0.cancel_token().clone();
    drop(part);
    assert!(of_part.is_cancelled() && !control.cancel_token().is_cancelled());

    let part = control.part();
    let waiting = tokio::spawn({
        let of_part = part.0.cancel_token().clone();
        async move { of_part.cancelled().await }
    });
    tokio::task::yield_now().await;
    assert!(part.0.check().is_ok());
    cancel.cancel();
    waiting.await.expect("it is told");
    assert!(part.0.check().is_err());
}
