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
        let total = &total.bar;
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
    let total = &state.total.as_ref().expect("there was work").bar;
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
fn bytes_of_an_earlier_process_are_no_rate() {
    let paper = Paper::default();
    let target = ProgressDrawTarget::term_like(Box::new(paper.clone()));
    let bars = Bars::new(target);
    let name = "weights-00001-of-00002.safetensors";
    let item = Item::new(name, 999_990_000_000, None);
    let bytes = 999_989_999_999;
    bars.event(Event::Planned {
        items: 1,
        bytes: item.size,
    });
    bars.event(Event::Started(&item));
    bars.event(Event::Resumed { item: &item, bytes });
    bars.event(Event::Advanced { item: &item, bytes });
    bars.event(Event::Advanced {
        item: &item,
        bytes: 1,
    });
    bars.event(Event::Finished {
        item: &item,
        outcome: Outcome::Resumed,
    });
    let text = lock(&paper.0).clone();
    let lines: Vec<&str> = text.lines().collect();
    let last = |start: &str| {
        let line = lines.iter().rfind(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} in {text}"))
            .trim_end()
    };
    for line in [last("total"), last("…01-of-00002.safetensors")] {
        assert!(line.contains("999.99 GB / 999.99 GB"), "{line}");
        assert!(
            line.contains(" 4 B/s"),
            "one byte in a quarter of a second: {line}"
        );
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(last("…01").ends_with("done (resumed)"), "{text}");
    assert!(text.contains("resumed at 99 %"), "{text}");
}

/// A terminal of 80 columns that only notes what is written.
#[derive(Debug, Clone, Default)]
struct Paper(Arc<Mutex<String>>);

impl indicatif::TermLike for Paper {
    fn width(&self) -> u16 {
        80
    }

    fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
        self.write_line("")
    }

    fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
        self.write_line("")
    }

    fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        let mut paper = lock(&self.0);
        paper.push_str(text);
        paper.push('\n');
        Ok(())
    }

    fn clear_line(&self) -> std::io::Result<()> {
        self.write_line("")
    }

    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
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
