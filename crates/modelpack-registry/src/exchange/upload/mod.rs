//! Pushing a blob as a state machine: is it there, can it be mounted, and else every byte of it once.
//!
//! A registry that loses a connection, a session or an answer is asked what it has, and the upload goes on
//! there. What a host refuses (size, chunks, whole bodies) is learnt and not tried again.

mod limits;
mod sending;
mod session;

use std::collections::VecDeque;
use std::time::Duration;

use http::header::SERVER;
use modelpack_spec::distribution::OCI_CHUNK_MIN_LENGTH;
use modelpack_spec::{Digest, Host, Repository};
use url::Url;

pub(crate) use self::limits::Limits;
use self::session::Part;
pub(crate) use self::session::{CancelUpload, MountFrom, StartUpload};
use super::{Answer, BlobPayload, Exchange, HeadBlob, Request, Step};
use crate::client::{Mount, Pushed};
use crate::error::Error;
use crate::policy::{Failure, RetryPolicy};
use crate::target::Target;

/// Whole bodies that break before chunks are tried instead.
const WHOLE_BREAKS: u32 = 2;
/// A body of at most so many bytes is not made smaller because connections break.
const SMALL_BODY: u64 = 64 * 1024;
/// How often content that is right here is sent again after the registry found it wrong.
const CONTENT_REFUSALS: u32 = 2;

/// What is pushed, and what is known about where it goes.
pub(crate) struct Order<'a> {
    pub(crate) target: &'a Target,
    pub(crate) blob: BlobPayload,
    pub(crate) begin: Begin,
    /// Other hosts on which an upload may go on.
    pub(crate) allowed: &'a [Host],
    pub(crate) limits: Limits,
    pub(crate) retry: &'a RetryPolicy,
}

/// Where a push begins.
pub(crate) enum Begin {
    /// With the question whether the blob is there, then these mounts in turn.
    Ask(Vec<MountFrom>),
    /// With an upload.
    Upload,
    /// In an upload that is open.
    Opened(Url),
}

/// What is to be done next.
pub(crate) enum Action {
    /// Send this after the wait, and hand in what came of it.
    Send {
        request: Request,
        /// A mount needs the right to pull there.
        from: Option<Repository>,
        wait: Duration,
    },
    /// Hash the source, and hand in its digest.
    Hash,
    Done(Pushed),
}

/// A push of a blob.
pub(crate) struct PushBlob<'a> {
    order: Order<'a>,
    mounts: VecDeque<MountFrom>,
    stage: Stage,
    session: Option<Session>,
    abandoned: Vec<Url>,
    /// Most bytes that the registry has ever said it has.
    best: u64,
    fruitless: u32,
    whole_breaks: u32,
    empty_breaks: u32,
    content_refusals: u32,
    /// Chunk size that is tried because whole bodies break.
    chunked: Option<u64>,
    /// What went wrong last.
    cause: Option<Error>,
}

/// What the next answer is about.
enum Stage {
    Asking,
    Mounting(MountFrom),
    Opening,
    Sending(Part),
    /// Where is the session, after this went wrong?
    Querying(Part, Trouble),
    /// The session is gone; is the blob there all the same?
    Looking,
    /// Is the content wrong here?
    Hashing(Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The connection or the registry failed.
    Broken,
    /// The body was too large.
    Size,
    /// The registry does not take such a request, or no longer.
    Refused,
    /// Nor at this offset (416).
    Offset,
}

struct Session {
    location: Url,
    /// Bytes that the registry has, as it says.
    received: u64,
    /// End of the bytes that were ever sent; it cannot have more.
    sent: u64,
    /// Whether `received` could be one more, since it was said as `0-0`.
    is_ambiguous: bool,
    /// Whether anything went wrong in it.
    is_troubled: bool,
    is_closing_sent: bool,
}

impl Session {
    fn new(location: Url) -> Self {
        Self {
            location,
            received: 0,
            sent: 0,
            is_ambiguous: false,
            is_troubled: false,
            is_closing_sent: false,
        }
    }
}

impl<'a> PushBlob<'a> {
    /// The push, and how it begins.
    pub(crate) fn new(mut order: Order<'a>) -> (Self, Action) {
        let begin = std::mem::replace(&mut order.begin, Begin::Upload);
        let mut push = Self {
            order,
            mounts: VecDeque::new(),
            stage: Stage::Asking,
            session: None,
            abandoned: Vec::new(),
            best: 0,
            fruitless: 0,
            whole_breaks: 0,
            empty_breaks: 0,
            content_refusals: 0,
            chunked: None,
            cause: None,
        };
        let action = match begin {
            Begin::Ask(mounts) => {
                push.mounts = mounts.into();
                push.ask(Stage::Asking, Duration::ZERO)
            }
            Begin::Upload => push.open(Duration::ZERO),
            Begin::Opened(location) => {
                push.session = Some(Session::new(location));
                push.go_on(Duration::ZERO)
                    .unwrap_or_else(|_| push.open(Duration::ZERO))
            }
        };
        (push, action)
    }

    /// The session that is open.
    pub(crate) fn session(&self) -> Option<&Url> {
        self.session.as_ref().map(|session| &session.location)
    }

    /// Sessions that are not needed any more and may still be open.
    pub(crate) fn take_abandoned(&mut self) -> Vec<Url> {
        std::mem::take(&mut self.abandoned)
    }

    /// What is known about the host by now.
    pub(crate) fn limits(&self) -> &Limits {
        &self.order.limits
    }

    /// Takes what became of the last request. `random` is any number, all of its values equally likely.
    pub(crate) fn answer(
        &mut self,
        outcome: Result<Answer, Error>,
        random: u64,
    ) -> Result<Action, Error> {
        match std::mem::replace(&mut self.stage, Stage::Asking) {
            Stage::Asking => self.asked(outcome),
            Stage::Mounting(from) => self.mounted(from, outcome),
            Stage::Opening => self.opened(outcome?),
            Stage::Sending(part) => self.sent(part, outcome, random),
            Stage::Querying(part, trouble) => self.queried(part, trouble, outcome),
            Stage::Looking => self.looked(outcome),
            Stage::Hashing(error) => Err(error),
        }
    }

    /// Takes the digest that the source has now.
    pub(crate) fn hashed(&mut self, actual: Digest, random: u64) -> Result<Action, Error> {
        let Stage::Hashing(error) = std::mem::replace(&mut self.stage, Stage::Asking) else {
            return Ok(Action::Hash);
        };
        let digest = self.order.blob.digest;
        if actual != digest {
            return Err(Error::DamagedSource { digest, actual });
        }
        // The content is right, so it was damaged on its way or put together wrongly there.
        self.content_refusals += 1;
        if self.content_refusals >= CONTENT_REFUSALS {
            return Err(error);
        }
        let wait = self.failed(error, Failure::Connection, random)?;
        self.abandon();
        Ok(self.open(wait))
    }

    fn ask(&mut self, stage: Stage, wait: Duration) -> Action {
        self.stage = stage;
        let question = HeadBlob {
            target: self.order.target,
            digest: self.order.blob.digest,
        };
        Action::Send {
            request: question.start(),
            from: None,
            wait,
        }
    }

    fn is_there(&self, outcome: Result<Answer, Error>) -> Result<bool, Error> {
        let mut question = HeadBlob {
            target: self.order.target,
            digest: self.order.blob.digest,
        };
        match question.answer(outcome?)? {
            // Another size is another blob, or no answer at all; sending it is never wrong.
            Step::Done(Some(found)) => {
                let size = found.size.unwrap_or(self.order.blob.size);
                Ok(size == self.order.blob.size)
            }
            Step::Done(None) | Step::Send(_) => Ok(false),
        }
    }

    fn asked(&mut self, outcome: Result<Answer, Error>) -> Result<Action, Error> {
        match self.is_there(outcome) {
            Ok(true) => return Ok(self.done(Pushed::Exists)),
            Ok(false) => {}
            Err(error) if is_over(&error) => return Err(error),
            // Who may not look may still be allowed to push; the next request shows it.
            Err(_) => {}
        }
        Ok(self.mount_or_open())
    }

    fn mount_or_open(&mut self) -> Action {
        let Some(from) = self.mounts.pop_front() else {
            return self.open(Duration::ZERO);
        };
        let exchange = self.start_upload(Some(from.clone()));
        let request = exchange.start();
        let action = Action::Send {
            request,
            from: match &from {
                MountFrom::Repository(repository) => Some(repository.clone()),
                MountFrom::Anywhere => None,
            },
            wait: Duration::ZERO,
        };
        self.stage = Stage::Mounting(from);
        action
    }

    fn start_upload(&self, mount: Option<MountFrom>) -> StartUpload<'a> {
        StartUpload {
            target: self.order.target,
            digest: self.order.blob.digest,
            mount,
            allowed: self.order.allowed,
        }
    }

    fn open(&mut self, wait: Duration) -> Action {
        self.stage = Stage::Opening;
        Action::Send {
            request: self.start_upload(None).start(),
            from: None,
            wait,
        }
    }

    fn mounted(
        &mut self,
        from: MountFrom,
        outcome: Result<Answer, Error>,
    ) -> Result<Action, Error> {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(error) if is_over(&error) => return Err(error),
            // No token for the other repository, for instance.
            Err(_) => return Ok(self.mount_or_open()),
        };
        self.notice(&answer);
        match self.start_upload(Some(from)).answer(answer) {
            Ok(Step::Done(Mount::Mounted)) => Ok(self.done(Pushed::Mounted)),
            Ok(Step::Done(Mount::Upload(upload))) => {
                self.session = Some(Session::new(upload.location));
                if self.mounts.is_empty() {
                    return self.go_on(Duration::ZERO);
                }
                self.abandon();
                Ok(self.mount_or_open())
            }
            Err(error) if is_over(&error) || matches!(error, Error::Policy { .. }) => Err(error),
            _ => Ok(self.mount_or_open()),
        }
    }

    fn opened(&mut self, answer: Answer) -> Result<Action, Error> {
        self.notice(&answer);
        match self.start_upload(None).answer(answer)? {
            Step::Done(Mount::Upload(upload)) => {
                self.session = Some(Session::new(upload.location));
                self.go_on(Duration::ZERO)
            }
            Step::Done(Mount::Mounted) => Ok(self.done(Pushed::Mounted)),
            Step::Send(request) => {
                self.stage = Stage::Opening;
                Ok(Action::Send {
                    request,
                    from: None,
                    wait: Duration::ZERO,
                })
            }
        }
    }

    /// What an answer tells about its host besides.
    fn notice(&mut self, answer: &Answer) {
        let limits = &mut self.order.limits;
        if let Some(bytes) = answer.head.text(OCI_CHUNK_MIN_LENGTH)
            && let Ok(bytes) = bytes.trim().parse()
        {
            limits.wants_at_least(bytes);
        }
        if let Some(server) = answer.head.text(SERVER) {
            limits.is_served_by(server);
        }
    }

    fn looked(&mut self, outcome: Result<Answer, Error>) -> Result<Action, Error> {
        match self.is_there(outcome) {
            Ok(true) => Ok(self.done(Pushed::Uploaded)),
            Err(error) if is_over(&error) => Err(error),
            Ok(false) | Err(_) => Ok(self.open(Duration::ZERO)),
        }
    }

    fn abandon(&mut self) {
        self.abandoned
            .extend(self.session.take().map(|session| session.location));
    }

    /// How long to wait after a failure; the failure itself when patience is at its end.
    fn failed(&mut self, error: Error, failure: Failure, random: u64) -> Result<Duration, Error> {
        self.fruitless += 1;
        match self.order.retry.delay(self.fruitless, failure, random) {
            Some(wait) => {
                self.cause = Some(error);
                Ok(wait)
            }
            None => Err(error),
        }
    }

    fn done(&mut self, pushed: Pushed) -> Action {
        if pushed == Pushed::Uploaded {
            self.order.blob.progress.report(self.order.blob.size);
        }
        Action::Done(pushed)
    }
}

/// Whether sending again can end better.
fn failure(error: &Error) -> Option<Failure> {
    match error {
        Error::Network { .. } | Error::Timeout { .. } | Error::Truncated { .. } => {
            Some(Failure::Connection)
        }
        Error::RateLimited { retry_after, .. } => Some(Failure::Status(429, *retry_after)),
        Error::Server { at } => Some(Failure::Status(at.status?, None)),
        _ => None,
    }
}

/// Whether no other request to this registry makes sense now. A failure of the registry at one request says
/// little about the next.
fn is_over(error: &Error) -> bool {
    let is_network = error.is_network() && !matches!(error, Error::Server { .. });
    is_network || matches!(error, Error::Credentials { .. } | Error::Setup { .. })
}

#[cfg(test)]
mod tests;
