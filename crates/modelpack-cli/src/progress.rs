//! Progress: bars on a terminal, a line per blob elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use modelpack::{CancelToken, Control, Event, Item, Outcome, Progress};

use crate::cli::Global;
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
    total: Option<ProgressBar>,
    items: HashMap<String, ProgressBar>,
}

impl Bars {
    fn new(target: ProgressDrawTarget) -> Self {
        Self {
            all: MultiProgress::with_draw_target(target),
            state: Mutex::default(),
        }
    }

    fn bar(&self, name: &str, size: u64) -> ProgressBar {
        const TEMPLATE: &str = "{prefix:24} {bar:24} {decimal_bytes:>10} / {decimal_total_bytes:10} {decimal_bytes_per_sec:>12} {msg}";
        let style =
            ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(size)
            .with_style(style)
            .with_prefix(shortened(name))
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
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            // A command can have more than one stage: what a later one adds goes on top, so that the
            // total never goes back.
            Event::Planned { bytes, .. } => match &state.total {
                Some(total) => total.inc_length(bytes),
                None => {
                    let total = self.all.add(self.bar("total", bytes));
                    total.tick();
                    state.total = Some(total);
                }
            },
            Event::Started(item) => {
                let bar = self.bar(&item.name, item.size);
                let bar = match &state.total {
                    Some(total) => self.all.insert_before(total, bar),
                    None => self.all.add(bar),
                };
                state.items.insert(key(item), bar);
            }
            Event::Advanced { item, bytes } => {
                if let Some(bar) = state.items.get(&key(item)) {
                    bar.inc(bytes);
                }
                if let Some(total) = &state.total {
                    total.inc(bytes);
                }
            }
            Event::Finished { item, outcome } => {
                if let Some(bar) = state.items.remove(&key(item)) {
                    bar.finish_with_message(word(outcome));
                }
                if let Some(total) = &state.total
                    && state.items.is_empty()
                    && Some(total.position()) == total.length()
                {
                    total.finish();
                }
            }
            Event::Resumed { item, bytes } => {
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
