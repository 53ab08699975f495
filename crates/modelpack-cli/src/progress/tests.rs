//! Tests of bars: one for each blob, and a total that only grows.

use std::sync::atomic::{AtomicU64, Ordering};

use modelpack::{BuildOptions, Client, ExtractOptions, Store, Toolkit};

use super::*;

/// Bars that nobody sees, asked after every event.
struct Watched {
    bars: Bars,
    position: AtomicU64,
    items: Mutex<Vec<String>>,
}

impl Progress for Watched {
    fn event(&self, event: Event<'_>) {
        // One event at a time, so that what is seen belongs to it.
        let mut items = self.items.lock().expect("no test thread panicked");
        self.bars.event(event);
        let state = self.bars.state.lock().expect("no test thread panicked");
        if let Event::Started(item) = event {
            assert!(state.items.contains_key(&key(item)), "{}", item.name);
            items.push(item.name.clone());
        }
        let total = state.total.as_ref().expect("work is planned first");
        let now = total.position();
        assert!(now >= self.position.swap(now, Ordering::Relaxed));
        assert!(now <= total.length().expect("its length is known"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_blob_has_a_bar_and_the_total_never_goes_back() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let model = scratch.path().join("model");
    modelpack_testkit::ToyModel::new()
        .weights(3, 100_000)
        .write(&model);
    let watched = Arc::new(Watched {
        bars: Bars::new(ProgressDrawTarget::hidden()),
        position: AtomicU64::new(0),
        items: Mutex::default(),
    });
    let control = Control::with_progress(watched.clone());
    let store = Store::create(scratch.path().join("store")).expect("a store");
    let toolkit = Toolkit::new(store, Client::builder().build().expect("a client"));
    let reference = "example.com/a/b:v1".parse().expect("a reference");
    // Two stages of one command, as of `pull --extract-dir`.
    toolkit
        .build(&model, &reference, &BuildOptions::default(), &control)
        .await
        .expect("it builds");
    let (options, out) = (ExtractOptions::default(), scratch.path().join("out"));
    toolkit
        .extract(&reference, &out, &options, &control)
        .await
        .expect("it is extracted");

    let state = watched.bars.state.lock().expect("no test thread panicked");
    let total = state.total.as_ref().expect("there was work");
    assert_eq!(Some(total.position()), total.length());
    assert!(total.is_finished() && total.position() >= 600_000);
    assert!(state.items.is_empty());
    // Config, README and three weights, built and extracted.
    assert_eq!(
        watched.items.lock().expect("no test thread panicked").len(),
        10
    );
}

#[test]
fn long_names_keep_their_end() {
    let check = |name: &str, expected: &str| assert_eq!(shortened(name), expected);
    check("config.json", "config.json");
    check("exactly-24-characters.md", "exactly-24-characters.md");
    check(
        "model-00001-of-00002.safetensors",
        "…01-of-00002.safetensors",
    );
    check("é".repeat(30).as_str(), &format!("…{}", "é".repeat(23)));
}
