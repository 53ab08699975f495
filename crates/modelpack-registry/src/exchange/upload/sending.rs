//! The part of a push that sends bytes: what comes next, and what an answer to it means.

use std::time::Duration;

use http::StatusCode;
use modelpack_spec::distribution::ErrorCode;

use super::limits::Cut;
use super::session::{Part, Received, check_stored, location, query, received, send};
use super::{Action, PushBlob, SMALL_BODY, Stage, Trouble, WHOLE_BREAKS, failure};
use crate::client::Pushed;
use crate::error::Error;
use crate::exchange::Answer;
use crate::policy::Failure;

/// A resumed upload counts as getting on when the registry has at least so many bytes more than ever before.
const PROGRESS_BYTES: u64 = 1024 * 1024;

impl PushBlob<'_> {
    /// The next bytes of the open session, or a new session.
    pub(super) fn go_on(&mut self, wait: Duration) -> Result<Action, Error> {
        let Some(session) = &mut self.session else {
            return Ok(self.open(wait));
        };
        let blob = &self.order.blob;
        let mut limits = self.order.limits.clone();
        if let Some(chunk) = self.chunked {
            limits.prefers_up_to(chunk);
        }
        let cut = match (limits.next(session.received, blob.size), self.cause.take()) {
            (Some(cut), _) => cut,
            // This host refuses all that is left to try.
            (None, Some(error)) => return Err(error),
            (None, None) => Cut::Close,
        };
        let rest = blob.size - session.received;
        let part = match cut {
            Cut::Close => Part {
                start: session.received,
                length: rest,
                closes: true,
            },
            Cut::Chunk(length) => Part {
                start: session.received,
                length,
                closes: false,
            },
        };
        session.sent = session.sent.max(part.end());
        session.is_closing_sent |= part.closes;
        let request = send(&session.location, blob, part, session.is_troubled);
        self.stage = Stage::Sending(part);
        Ok(Action::Send {
            request,
            from: None,
            wait,
        })
    }

    pub(super) fn sent(
        &mut self,
        part: Part,
        outcome: Result<Answer, Error>,
        random: u64,
    ) -> Result<Action, Error> {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(error) => {
                let Some(failure) = failure(&error) else {
                    return Err(error);
                };
                let wait = self.failed(error, failure, random)?;
                return Ok(self.query(part, Trouble::Broken, wait));
            }
        };
        if answer.head.status.is_success() {
            answer.head.expect_registry()?;
            return if part.closes {
                self.closed(&answer)
            } else {
                self.taken(part, &answer, random)
            };
        }
        self.refused(part, &answer, random)
    }

    /// The upload has ended well, says the registry.
    fn closed(&mut self, answer: &Answer) -> Result<Action, Error> {
        let head = &answer.head;
        // 201 by the specification; 200, 202 and 204 are seen.
        if !matches!(head.status.as_u16(), 200..=202 | 204) {
            return Err(head.invalid(format!("unexpected status {}", head.status), None));
        }
        self.session = None;
        if let Err(error) = check_stored(head, &self.order.blob.digest) {
            return Ok(self.hash(error));
        }
        // Chunks got through where whole bodies did not, twice.
        if let Some(chunk) = self.chunked {
            self.order.limits.prefers_up_to(chunk);
        }
        Ok(self.done(Pushed::Uploaded))
    }

    /// A chunk has arrived, says the registry.
    fn taken(&mut self, part: Part, answer: &Answer, random: u64) -> Result<Action, Error> {
        let end = part.end();
        let stated = match received(&answer.head) {
            // Not every registry repeats what it has taken.
            None => end,
            Some(Received::Bytes(bytes)) => bytes,
            // After a chunk of one byte it means what it says.
            Some(Received::NoneOrOne) => u64::from(end == 1),
        };
        self.moved(answer)?;
        if stated == end {
            self.has(stated, false);
            return self.go_on(Duration::ZERO);
        }
        let error = answer.head.invalid(
            format!("it has taken {stated} bytes of the upload after {end} were sent"),
            None,
        );
        let is_getting_on = self.has(stated, stated == 0);
        if stated > end {
            self.abandon();
        }
        if is_getting_on {
            return self.go_on(Duration::ZERO);
        }
        let wait = self.failed(error, Failure::Connection, random)?;
        self.go_on(wait)
    }

    /// Notes where the session goes on and that nothing may be sent to the old place any more.
    fn moved(&mut self, answer: &Answer) -> Result<(), Error> {
        if let Some(location) = location(&answer.head, self.order.allowed)?
            && let Some(session) = &mut self.session
        {
            session.location = location;
        }
        Ok(())
    }

    /// Notes what the registry has; says whether that is noticeably more than ever.
    fn has(&mut self, received: u64, is_ambiguous: bool) -> bool {
        if let Some(session) = &mut self.session {
            session.received = received.min(session.sent);
            session.is_ambiguous = is_ambiguous && session.sent > 0;
            if received > session.sent {
                return false;
            }
        }
        let is_more = received >= self.best.saturating_add(PROGRESS_BYTES);
        if is_more {
            self.best = received;
            self.fruitless = 0;
        }
        is_more
    }

    fn refused(&mut self, part: Part, answer: &Answer, random: u64) -> Result<Action, Error> {
        let head = &answer.head;
        let error = answer.failure();
        let status = head.status;
        let code = error
            .at()
            .and_then(|at| at.errors.first())
            .map(|entry| &entry.code);
        let is_method = matches!(error, Error::Unsupported { .. })
            || status == StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let is_content = matches!(
            code,
            None | Some(
                ErrorCode::DigestInvalid | ErrorCode::SizeInvalid | ErrorCode::BlobUploadInvalid
            )
        );
        match status.as_u16() {
            401 | 403 => Err(error),
            413 if part.length > 0 => {
                self.order.limits.refused_size(part.length);
                self.cause = Some(error);
                Ok(self.query(part, Trouble::Size, Duration::ZERO))
            }
            408 | 429 | 500 | 502..=504 => {
                let failure = Failure::Status(status.as_u16(), head.retry_after());
                let wait = self.failed(error, failure, random)?;
                Ok(self.query(part, Trouble::Broken, wait))
            }
            404 | 410 | 416 => {
                let trouble = if status == StatusCode::RANGE_NOT_SATISFIABLE {
                    Trouble::Offset
                } else {
                    Trouble::Refused
                };
                let wait = self.failed(error, Failure::Connection, random)?;
                Ok(self.query(part, trouble, wait))
            }
            _ if is_method && part.length > 0 => self.refused_method(part, error),
            400 if part.closes && is_content => Ok(self.hash(error)),
            // What exactly it does not like about a chunk is told in many ways.
            400..=499 if !part.closes => {
                let wait = self.failed(error, Failure::Connection, random)?;
                Ok(self.query(part, Trouble::Refused, wait))
            }
            _ => Err(error),
        }
    }

    /// The host does not know this way to send bytes at all.
    fn refused_method(&mut self, part: Part, error: Error) -> Result<Action, Error> {
        let before = self.order.limits.clone();
        if part.closes {
            self.order.limits.refused_whole();
        } else {
            self.order.limits.refused_chunks();
        }
        if before == self.order.limits {
            return Err(error);
        }
        self.cause = Some(error);
        // What the refused request has left of the session is anybody's guess.
        self.abandon();
        if self.order.limits.next(0, self.order.blob.size).is_none()
            && let Some(error) = self.cause.take()
        {
            return Err(error);
        }
        Ok(self.open(Duration::ZERO))
    }

    fn hash(&mut self, error: Error) -> Action {
        self.stage = Stage::Hashing(error);
        Action::Hash
    }

    pub(super) fn query(&mut self, part: Part, trouble: Trouble, wait: Duration) -> Action {
        let Some(session) = &mut self.session else {
            return self.open(wait);
        };
        session.is_troubled = true;
        let request = query(&session.location);
        self.stage = Stage::Querying(part, trouble);
        Action::Send {
            request,
            from: None,
            wait,
        }
    }

    pub(super) fn queried(
        &mut self,
        part: Part,
        trouble: Trouble,
        outcome: Result<Answer, Error>,
    ) -> Result<Action, Error> {
        let is_whole = part.closes && part.start == 0;
        if is_whole && trouble == Trouble::Broken {
            self.whole_breaks += 1;
        }
        let answer = match outcome {
            Ok(answer) if answer.head.status.is_success() => answer,
            Ok(answer) => {
                let is_gone = matches!(answer.head.status.as_u16(), 404 | 410);
                return Ok(self.lost(is_gone));
            }
            Err(error) if failure(&error).is_some() => return Ok(self.lost(false)),
            Err(error) => return Err(error),
        };
        answer.head.expect_registry()?;
        let (stated, was_ambiguous) = match (received(&answer.head), &self.session) {
            (Some(Received::Bytes(bytes)), _) => (bytes, false),
            (Some(Received::NoneOrOne), Some(session)) if session.received == 1 => (1, false),
            (Some(Received::NoneOrOne), Some(session)) => (0, session.is_ambiguous),
            _ => return Ok(self.lost(false)),
        };
        let is_unsure = stated == 0 && received(&answer.head) == Some(Received::NoneOrOne);
        self.moved(&answer)?;
        let is_too_much = self
            .session
            .as_ref()
            .is_none_or(|session| stated > session.sent)
            || stated > self.order.blob.size;
        if is_too_much {
            // It has bytes that nobody sent.
            return Ok(self.lost(false));
        }
        self.has(stated, is_unsure);
        if stated == part.start && matches!(trouble, Trouble::Refused | Trouble::Offset) {
            let is_guessed = was_ambiguous && part.start == 0 && trouble == Trouble::Offset;
            if is_guessed && part.closes {
                // `0-0` was one byte, then.
                self.has(1, false);
                return self.go_on(Duration::ZERO);
            }
            // Of a chunk nobody knows whether it is its size or its offset; a new session has one less doubt.
            if is_guessed || part.closes {
                // It cannot be continued, though it is there.
                return Ok(self.lost(false));
            }
            // The offset was right, so it was the chunk that was wrong.
            self.order.limits.refused_chunk(part.length);
            if self.order.limits.chunk().is_none() {
                self.abandon();
            }
        }
        if stated == 0 && self.whole_breaks >= WHOLE_BREAKS {
            self.chunked = self.order.limits.chunk();
        }
        if stated == part.start && trouble == Trouble::Broken {
            self.brought_nothing(part);
        }
        self.go_on(Duration::ZERO)
    }

    /// A connection broke and nothing of its body is there. A registry or a proxy that refuses a size and
    /// hangs up at once looks like that, so after the second time smaller bodies are tried.
    fn brought_nothing(&mut self, part: Part) {
        self.empty_breaks += 1;
        if self.empty_breaks >= WHOLE_BREAKS && part.length > SMALL_BODY {
            self.empty_breaks = 0;
            self.order.limits.refused_size(part.length);
            // What was learnt is worth another try; it happens once for each size.
            self.fruitless = self.fruitless.saturating_sub(1);
        }
    }

    /// The session cannot be used any more. If it was to be closed, the blob may be there.
    fn lost(&mut self, is_gone: bool) -> Action {
        let is_closing_sent = self
            .session
            .as_ref()
            .is_some_and(|session| session.is_closing_sent);
        if is_gone {
            self.session = None;
        }
        self.abandon();
        if self.whole_breaks >= WHOLE_BREAKS {
            self.chunked = self.order.limits.chunk();
        }
        if is_closing_sent {
            self.ask(Stage::Looking, Duration::ZERO)
        } else {
            self.open(Duration::ZERO)
        }
    }
}
