//! Progress: bars on a terminal, a line per blob elsewhere.

mod rate;

use std::collections::HashMap;
use std::fmt;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use modelpack::{CancelToken, Control, Event, Item, Outcome, Progress};

use self::rate::Rate;
use crate::flags::Global;
use crate::printer::note;
use crate::units;

/// Width of the names before the bars, in characters; the template says the same.
const NAME_CHARS: usize = 24;

/// A control that shows progress as the flags and the terminal say, and stops on Ctrl-C.
pub(crate) fn control(global: &Global) -> Control {
    let cancel = CancelToken::default();
    let on_interrupt = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            on_interrupt.cancel();
        }
    });
    let control = if global.quiet || global.no_progress || global.json {
        Control::default()
    } else if std::io::stderr().is_terminal() {
        Control::with_progress(Arc::new(Bars::new(ProgressDrawTarget::stderr())))
    } else {
        Control::with_progress(Arc::new(Lines))
    };
    control.cancelled_by(cancel)
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Exists => "exists",
        Outcome::Transferred => "done",
        Outcome::Resumed => "done (resumed)",
        Outcome::Mounted => "mounted",
        Outcome::Linked => "linked",
        Outcome::Hashed => "hashed",
        _ => "copied",
    }
}

/// One line for each finished blob.
struct Lines;

impl Progress for Lines {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Finished { item, outcome } => {
                note(&format!(
                    "{}  {}  {}",
                    word(outcome),
                    units::bytes(item.size),
                    item.name
                ));
            }
            Event::Resumed { item, bytes } => note(&resumed(item, bytes)),
            Event::Waiting(item) => note(&waiting(item)),
            Event::Warning(text) => note(&format!("warning: {text}")),
            _ => {}
        }
    }
}

fn resumed(item: &Item, bytes: u64) -> String {
    let percent = u128::from(bytes) * 100 / u128::from(item.size.max(1));
    format!(
        "resumed at {percent} %  {}  {}",
        units::bytes(item.size),
        item.name
    )
}

fn waiting(item: &Item) -> String {
    format!(
        "another process downloads it; waiting for that  {}  {}",
        units::bytes(item.size),
        item.name
    )
}

/// A bar for each blob and one for all of them.
struct Bars {
    all: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    total: Option<Bar>,
    items: HashMap<String, Bar>,
}

/// A bar with the rate that it shows.
struct Bar {
    bar: ProgressBar,
    rate: Arc<Mutex<Rate>>,
    /// Bytes that are there from earlier and are still to be reported.
    earlier: u64,
}

impl Bar {
    fn count(&self, bytes: u64) {
        lock(&self.rate).add(Instant::now(), bytes);
    }
}

impl Bars {
    fn new(target: ProgressDrawTarget) -> Self {
        Self {
            all: MultiProgress::with_draw_target(target),
            state: Mutex::default(),
        }
    }

    fn bar(&self, name: &str, size: u64) -> Bar {
        // At most 80 columns with a bar of six; what the terminal has more, the bar gets.
        const TEMPLATE: &str = "{prefix:24} {wide_bar} {decimal_bytes:>9} / {decimal_total_bytes:9} {rate:>11} {msg:14}";
        let rate = Arc::new(Mutex::new(Rate::default()));
        let shown = Arc::clone(&rate);
        let show = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let per_second = lock(&shown).at(Instant::now());
            // A bar that cannot be drawn is no reason to end.
            let _ = write!(out, "{}/s", units::bytes(per_second));
        };
        let style = ProgressStyle::with_template(TEMPLATE)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("rate", show);
        let bar = ProgressBar::new(size)
            .with_style(style)
            .with_prefix(shortened(name));
        Bar {
            bar,
            rate,
            earlier: 0,
        }
    }
}

/// The end of a name that is too long for its column: shards and files of one directory differ there.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME_CHARS {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - (NAME_CHARS - 1)).collect();
    format!("…{end}")
}

impl Progress for Bars {
    fn event(&self, event: Event<'_>) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        match event {
            // A command can have more than one stage: what a later one adds goes on top, so that the
            // total never goes back.
            Event::Planned { bytes, .. } => match &state.total {
                Some(total) => total.bar.inc_length(bytes),
                None => {
                    let mut total = self.bar("total", bytes);
                    total.bar = self.all.add(total.bar);
                    total.bar.tick();
                    state.total = Some(total);
                }
            },
            Event::Started(item) => {
                let mut bar = self.bar(&item.name, item.size);
                bar.bar = match &state.total {
                    Some(total) => self.all.insert_before(&total.bar, bar.bar),
                    None => self.all.add(bar.bar),
                };
                state.items.insert(key(item), bar);
            }
            Event::Advanced { item, bytes } => {
                let mut fresh = bytes;
                if let Some(bar) = state.items.get_mut(&key(item)) {
                    fresh = bytes.saturating_sub(bar.earlier);
                    bar.earlier -= bytes - fresh;
                    bar.count(fresh);
                    bar.bar.inc(bytes);
                }
                if let Some(total) = &state.total {
                    total.count(fresh);
                    total.bar.inc(bytes);
                }
            }
            Event::Finished { item, outcome } => {
                let is_work = !matches!(outcome, Outcome::Exists | Outcome::Mounted);
                if let Some(bar) = state.items.remove(&key(item)) {
                    if !is_work {
                        lock(&bar.rate).take_back(item.size);
                    }
                    bar.bar.finish_with_message(word(outcome));
                }
                if let Some(total) = &state.total {
                    if !is_work {
                        lock(&total.rate).take_back(item.size);
                    }
                    if state.items.is_empty() && Some(total.bar.position()) == total.bar.length() {
                        total.bar.finish();
                    }
                }
            }
            Event::Resumed { item, bytes } => {
                if let Some(bar) = state.items.get_mut(&key(item)) {
                    bar.earlier += bytes;
                }
                let _ = self.all.println(resumed(item, bytes));
            }
            Event::Waiting(item) => {
                let _ = self.all.println(waiting(item));
            }
            Event::Warning(text) => {
                let _ = self.all.println(format!("warning: {text}"));
            }
            _ => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(item: &Item) -> String {
    format!(
        "{}{}",
        item.name,
        item.digest
            .map(|digest| digest.to_string())
            .unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
