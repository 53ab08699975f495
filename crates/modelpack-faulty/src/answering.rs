//! From a request to its answer: rules first, then what a correct registry says, then what faults make of it.

use std::io;

use serde_json::json;

use super::auth::{Verdict, challenge, needs};
use super::behaviour::Auth;
use super::effects::{instead, spoil, too_long};
use super::fault::{Fault, HangUp};
use super::matching::Asked;
use super::reply::{Reply, Unread};
use super::route::Route;
use super::rules::{Class, Origin};
use super::state::State;
use super::wire::{Head, Incoming};
use super::{lists, pull, push};

/// A request that has been looked at.
pub(super) struct Request {
    pub(super) head: Head,
    pub(super) route: Route,
    pub(super) origin: Origin,
    pub(super) reference: Option<String>,
    verdict: Verdict,
    pub(super) faults: Vec<(usize, Fault)>,
}

impl Request {
    /// Looks at a request: whether it is let in, and which rules strike it.
    pub(super) fn new(state: &State, origin: Origin, head: Head) -> Self {
        let route = Route::of(&head);
        let needs = needs(&route, &head.method);
        let guarded = origin == Origin::Registry && route != Route::Token;
        let verdict = if guarded {
            state.tokens.judge(&state.behaviour.auth, &head, &needs)
        } else {
            Verdict::LetIn
        };
        let reference = match &route {
            Route::Upload { .. } | Route::Session { .. } => {
                head.parameter("digest").or_else(|| head.parameter("mount"))
            }
            Route::Signed { ticket } => state.signed_for(ticket),
            route => route.reference().map(str::to_owned),
        };
        let asked = Asked {
            origin,
            method: &head.method,
            class: route.class(),
            repository: route.repository(),
            reference: reference.as_deref(),
            ranged: head.header("range").is_some(),
            authorized: verdict == Verdict::LetIn,
        };
        let faults = state.rules().strike(&asked);
        Self {
            head,
            route,
            origin,
            reference,
            verdict,
            faults,
        }
    }

    pub(super) fn is_authorized(&self) -> bool {
        self.verdict == Verdict::LetIn
    }

    pub(super) fn class(&self) -> Class {
        self.route.class()
    }

    /// The answer. An error says that the client has left or is to be left.
    pub(super) fn answer(&mut self, state: &State, body: &mut Incoming<'_>) -> io::Result<Reply> {
        let faults: Vec<Fault> = self.faults.iter().map(|(_, fault)| fault.clone()).collect();
        self.prepare(state, body, &faults);
        let needs = needs(&self.route, &self.head.method);
        let about = (&self.head, &self.route);
        let mut early = faults.iter();
        let early = early.find_map(|fault| instead(state, fault, about, &needs, body.announced()));
        let mut reply = match early {
            Some(reply) => reply,
            None => match self.right(state, body, &faults) {
                Err(_) if body.fuse == Some(0) && !hangs_up(&faults) => {
                    too_long(state, &faults, &self.head).ok_or(io::ErrorKind::ConnectionAborted)?
                }
                right => right?,
            },
        };
        for fault in &faults {
            spoil(state, fault, &self.head, &self.route, &mut reply);
        }
        if reply.travel.unread == Unread::First {
            body.drain()?;
        }
        Ok(reply)
    }

    /// What faults change before the request is looked at any closer.
    fn prepare(&mut self, state: &State, body: &mut Incoming<'_>, faults: &[Fault]) {
        for fault in faults {
            match fault {
                Fault::IgnoreRange => {
                    let headers = &mut self.head.headers;
                    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("range"));
                }
                Fault::ForgetTokens => {
                    state.tokens.forget();
                    let bearer = matches!(state.behaviour.auth, Auth::Bearer(_));
                    if bearer && self.origin == Origin::Registry && self.route != Route::Token {
                        self.verdict = Verdict::Refused(Some("invalid_token"));
                    }
                }
                Fault::HangUp {
                    at: HangUp::InRequest(after),
                } => body.fuse = Some(*after),
                Fault::RefuseOver { bytes, .. } if body.announced().is_none() => {
                    body.fuse = Some(*bytes);
                }
                _ => {}
            }
        }
    }

    /// What a correct registry says.
    fn right(&self, state: &State, body: &mut Incoming<'_>, faults: &[Fault]) -> io::Result<Reply> {
        if let Verdict::Refused(error) = self.verdict {
            let needs = needs(&self.route, &self.head.method);
            let value = challenge(&state.behaviour.auth, &state.realm(), &needs, error);
            return Ok(
                Reply::error(401, "UNAUTHORIZED", "log in first").with("WWW-Authenticate", value)
            );
        }
        let head = &self.head;
        let contents = &state.contents;
        let reads = matches!(head.method.as_str(), "GET" | "HEAD");
        match (&self.route, head.method.as_str()) {
            (Route::Ping, _) if reads => Ok(Reply::json(200, &json!({}))
                .with("Docker-Distribution-API-Version", "registry/2.0")),
            (Route::Token, _) => self.token(state, body),
            (Route::Blob { repository, digest }, _) if reads => {
                Ok(pull::blob(contents, repository, digest, head))
            }
            (Route::Signed { ticket }, _) if reads => Ok(signed(state, ticket, head)),
            (
                Route::Manifest {
                    repository,
                    reference,
                },
                _,
            ) if reads => Ok(pull::manifest(contents, repository, reference)),
            (Route::Tags { repository }, _) if reads => Ok(lists::tags(
                contents,
                repository,
                head,
                state.behaviour.page,
            )),
            (Route::Referrers { repository, digest }, _) if reads && state.behaviour.referrers => {
                Ok(lists::referrers(contents, repository, digest, head))
            }
            (Route::Upload { repository }, "POST") => {
                push::start(state, repository, head, body, faults)
            }
            (Route::Session { repository, id }, _) => {
                push::session(state, (repository, id), head, body, faults)
            }
            (
                Route::Manifest {
                    repository,
                    reference,
                },
                "PUT",
            ) => push::manifest(state, (repository, reference), head, body),
            (route @ (Route::Blob { .. } | Route::Manifest { .. }), "DELETE") => {
                Ok(push::delete(state, route))
            }
            (Route::Unknown | Route::Referrers { .. }, _) => {
                Ok(Reply::error(404, "NAME_UNKNOWN", "there is nothing"))
            }
            _ => Ok(Reply::error(405, "UNSUPPORTED", "not with this method")),
        }
    }

    /// A token service that is elsewhere takes whatever it gets, as a thief would.
    fn token(&self, state: &State, body: &mut Incoming<'_>) -> io::Result<Reply> {
        match &state.behaviour.auth {
            Auth::Bearer(bearer) if self.origin != Origin::Elsewhere => {
                state.tokens.answer(bearer, &self.head, body)
            }
            _ if self.origin == Origin::Elsewhere => {
                body.drain()?;
                Ok(Reply::json(200, &json!({"token": "from-elsewhere"})))
            }
            _ => Ok(Reply::error(404, "UNSUPPORTED", "no tokens here")),
        }
    }
}

/// Whether a body is left in the middle without a word.
fn hangs_up(faults: &[Fault]) -> bool {
    let mut faults = faults.iter();
    faults.any(|fault| matches!(fault, Fault::HangUp { .. }))
}

fn signed(state: &State, ticket: &str, head: &Head) -> Reply {
    let refused = |message: &str| {
        let xml = format!("<?xml version=\"1.0\"?><Error><Message>{message}</Message></Error>");
        Reply::new(403)
            .with("Content-Type", "application/xml")
            .bytes(xml)
    };
    let Some(ticket) = state.redeem(ticket) else {
        return refused("Request has expired");
    };
    if ticket.get_only && head.method == "HEAD" {
        return refused("Signed for GET");
    }
    // A store behind a registry knows nothing of its headers.
    let mut reply = pull::blob(&state.contents, &ticket.repository, &ticket.digest, head);
    reply.remove("Docker-Content-Digest");
    reply
}
