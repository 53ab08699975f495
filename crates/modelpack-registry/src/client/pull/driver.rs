//! Carries out what the schedule decides: starts and ends connections, and tells it what they bring.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use super::piece::{Failure, Piece, Source};
use super::schedule::{Ended, Order, Schedule};
use crate::content::Progress;
use crate::error::Error;
use crate::exchange::Body;
use crate::transport::random;

/// How often the connections are looked at.
const TICK: Duration = Duration::from_millis(100);

/// The connections of one blob.
pub(super) struct Driver {
    source: Source,
    schedule: Schedule,
    started: Instant,
    tasks: JoinSet<Result<(), Failure>>,
    connections: HashMap<Id, Connection>,
    answers: mpsc::UnboundedSender<(u64, Body)>,
}

struct Connection {
    id: u64,
    position: Arc<AtomicU64>,
    handle: AbortHandle,
}

impl Driver {
    /// Fetches everything that is missing. Ends all connections when it ends, however that is.
    pub(super) async fn run(
        source: Source,
        schedule: Schedule,
        progress: &Progress,
    ) -> Result<(), Error> {
        let (answers, mut answered) = mpsc::unbounded_channel();
        let mut driver = Self {
            source,
            schedule,
            started: Instant::now(),
            tasks: JoinSet::new(),
            connections: HashMap::new(),
            answers,
        };
        let mut reported = None;
        loop {
            let now = driver.started.elapsed();
            for order in driver.schedule.orders(now) {
                driver.obey(order);
            }
            let rest = driver
                .schedule
                .pause(now)
                .map_or(TICK, |until| until.saturating_sub(now));
            tokio::select! {
                Some((id, body)) = answered.recv() => {
                    if let Some(order) = driver.schedule.answered(id, body) {
                        driver.obey(order);
                    }
                }
                Some(ended) = driver.tasks.join_next_with_id() => driver.end(ended)?,
                () = sleep(rest) => {}
            }
            driver.look();
            let done = driver.schedule.done();
            if reported.replace(done) != Some(done) {
                progress.report(done);
            }
            if driver.schedule.is_done() {
                return Ok(());
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Fetch {
                id,
                range,
                is_plain,
            } => {
                let position = Arc::new(AtomicU64::new(range.start));
                let piece = Piece {
                    id,
                    range,
                    is_plain,
                    position: Arc::clone(&position),
                    answers: self.answers.clone(),
                };
                let handle = self.tasks.spawn(self.source.clone().fetch(piece));
                let connection = Connection {
                    id,
                    position,
                    handle: handle.clone(),
                };
                self.connections.insert(handle.id(), connection);
            }
            Order::Stop { id } => {
                if let Some(connection) = self.connections.values().find(|known| known.id == id) {
                    connection.handle.abort();
                }
            }
        }
    }

    fn look(&mut self) {
        let positions = self
            .connections
            .values()
            .map(|connection| (connection.id, connection.position.load(Ordering::Relaxed)));
        self.schedule.moved(self.started.elapsed(), positions);
    }

    fn end(&mut self, ended: Result<(Id, Result<(), Failure>), JoinError>) -> Result<(), Error> {
        let (task, outcome) = match ended {
            Ok((task, Ok(()))) => (task, Ok(Ended::Complete)),
            Ok((task, Err(failure))) => (task, Err(failure)),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => (error.id(), Ok(Ended::Stopped)),
        };
        let (how, error) = match outcome {
            Ok(how) => (how, None),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Cut(error)) => (Ended::Cut, Some(error)),
            Err(Failure::Refused(error)) => (Ended::Refused, Some(error)),
            Err(Failure::Lie(error)) => (Ended::Lie, Some(error)),
        };
        let Some(connection) = self.connections.remove(&task) else {
            return Ok(());
        };
        let position = connection.position.load(Ordering::Relaxed);
        let now = self.started.elapsed();
        let goes_on = self
            .schedule
            .ended(connection.id, position, how, now, random());
        match error {
            Some(error) if !goes_on => Err(error),
            _ => Ok(()),
        }
    }
}
