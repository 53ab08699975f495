//! What faults make of an answer.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::auth::{Scope, challenge};
use super::digest::digest_like;
use super::fault::{Fault, Filler, HangUp, Link, RetryAfter, Target, Timing};
use super::pull::{content_range, unsatisfiable};
use super::reply::{Lost, Reply, Segment, Unread, Wrong, code};
use super::route::Route;
use super::state::{State, Ticket};
use super::wire::Head;

/// A century: a date with more than four digits in its year cannot be written.
const MAX_DATE: u64 = 100 * 365 * 24 * 60 * 60;

/// No test compresses more than this.
const MAX_COMPRESSED: u64 = 256 * 1024 * 1024;

/// The answer that a fault gives in place of the right one, with nothing done.
pub(super) fn instead(
    state: &State,
    fault: &Fault,
    (head, route): (&Head, &Route),
    needs: &[Scope],
    announced: Option<u64>,
) -> Option<Reply> {
    let refuse = |error| {
        let realm = state.realm();
        let value = challenge(&state.behaviour.auth, &realm, needs, error);
        Reply::error(401, "UNAUTHORIZED", "on purpose").with("WWW-Authenticate", value)
    };
    let mut reply = match fault {
        Fault::HangUp { at } => match at {
            HangUp::AtOnce => return Some(Reply::lost(Unread::Never)),
            HangUp::BeforeDoing => return Some(Reply::lost(Unread::First)),
            HangUp::InRequest(_) | HangUp::AfterDoing | HangUp::InHeaders => return None,
        },
        Fault::Status {
            status,
            body,
            retry_after,
            timing,
        } => {
            let mut reply = filled(state, *status, body, &head.target);
            reply.travel.unread = unread(*timing);
            if let Some(retry_after) = retry_after {
                let now = SystemTime::now();
                reply.set("Retry-After", in_header(retry_after, now));
                // A server with a clock says what time it is (RFC 9110 section 6.6.1); clients whose
                // own clock is wrong measure the other date by it.
                if let RetryAfter::DateIn(_) = retry_after {
                    reply.set("Date", httpdate::fmt_http_date(now));
                }
            }
            reply
        }
        Fault::RefuseOver {
            bytes,
            status,
            timing,
        } if announced.is_some_and(|announced| announced > *bytes) => {
            let mut reply = filled(state, *status, &Filler::Error, &head.target);
            reply.travel.unread = unread(*timing);
            reply
        }
        Fault::Unauthorized => refuse(None),
        Fault::InsufficientScope => refuse(Some("insufficient_scope")),
        Fault::Challenge { value } => Reply::error(401, "UNAUTHORIZED", "on purpose")
            .with("WWW-Authenticate", state.expand(value, &head.target)),
        Fault::Redirect { to, status } => {
            let place = match (to, route) {
                (Target::Signed { uses, get_only }, Route::Blob { repository, digest }) => state
                    .sign(Ticket {
                        repository: repository.clone(),
                        digest: digest.clone(),
                        uses: *uses,
                        get_only: *get_only,
                    }),
                // Only blobs can be signed for; anything else is simply asked for over there.
                (Target::Signed { .. }, _) => state.expand("{elsewhere}{target}", &head.target),
                (Target::Itself, _) => head.target.clone(),
                (Target::Url(url), _) => state.expand(url, &head.target),
            };
            Reply::new(*status).with("Location", place)
        }
        _ => return None,
    };
    if head.method == "HEAD" {
        reply.travel.unread = Unread::First;
    }
    Some(reply)
}

fn unread(timing: Timing) -> Unread {
    match timing {
        Timing::Late => Unread::First,
        Timing::Early => Unread::Afterwards,
        Timing::Rude => Unread::Never,
    }
}

fn in_header(retry_after: &RetryAfter, now: SystemTime) -> String {
    match retry_after {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::DateIn(seconds) => {
            let seconds = Duration::from_secs((*seconds).min(MAX_DATE));
            httpdate::fmt_http_date(now + seconds)
        }
        RetryAfter::Text(text) => text.clone(),
    }
}

/// An answer with a body that nobody asked for.
fn filled(state: &State, status: u16, body: &Filler, target: &str) -> Reply {
    let html = "<!DOCTYPE html><html><head><title>Error</title></head>\
        <body><h1>Something went wrong</h1><p>Please try again.</p></body></html>\n";
    let reply = Reply::new(status);
    let json = |reply: Reply| reply.with("Content-Type", "application/json");
    match body {
        Filler::Error => Reply::error(status, code(status), "on purpose"),
        Filler::Empty => reply,
        Filler::Html => reply.with("Content-Type", "text/html").bytes(html),
        Filler::Text(text) => reply
            .with("Content-Type", "text/plain")
            .bytes(state.expand(text, target)),
        Filler::Deep(depth) => {
            let depth = usize::try_from(*depth).unwrap_or(usize::MAX);
            json(reply).bytes("[".repeat(depth) + &"]".repeat(depth))
        }
        Filler::Spaces(count) => {
            let mut reply = json(reply);
            reply.body = vec![Segment::Fill(b' ', Some(*count))];
            reply
        }
        Filler::Endless => {
            let mut reply = json(reply);
            reply.body = vec![Segment::Fill(b' ', None)];
            reply
        }
    }
}

/// The answer to a body without a length that turned out to be too long.
pub(super) fn too_long(state: &State, faults: &[Fault], head: &Head) -> Option<Reply> {
    let (status, timing) = faults.iter().find_map(|fault| match fault {
        Fault::RefuseOver { status, timing, .. } => Some((*status, *timing)),
        _ => None,
    })?;
    let mut reply = filled(state, status, &Filler::Error, &head.target);
    reply.travel.unread = match timing {
        Timing::Rude => Unread::Never,
        Timing::Early | Timing::Late => Unread::Afterwards,
    };
    Some(reply)
}

/// What a fault changes in the right answer.
pub(super) fn spoil(state: &State, fault: &Fault, head: &Head, route: &Route, reply: &mut Reply) {
    let time = |millis: &Option<u64>| millis.map(Duration::from_millis);
    let travel = &mut reply.travel;
    match fault {
        Fault::Cut { after } | Fault::Reset { after } => {
            travel.cut = Some(travel.cut.map_or(*after, |cut| cut.min(*after)));
            travel.resets |= matches!(fault, Fault::Reset { .. });
        }
        Fault::Stall { after, millis } => travel.stalls.push((*after, time(millis))),
        Fault::Delay { millis } => travel.delays.push(time(millis)),
        Fault::Trickle { bytes, millis } => {
            travel.trickle = Some((*bytes, Duration::from_millis(*millis)));
        }
        Fault::Rate { bytes_per_second } => travel.rate = Some(*bytes_per_second),
        Fault::Framing { framing } => travel.framing = Some(*framing),
        Fault::HangUp {
            at: HangUp::AfterDoing,
        } => travel.lost = Some(Lost::All),
        Fault::HangUp {
            at: HangUp::InHeaders,
        } => travel.lost = Some(Lost::InHeaders),
        Fault::RangeStart { by, told } => range(reply, *by, 0, 0, *told),
        Fault::RangeEnd { by } => range(reply, 0, *by, 0, true),
        Fault::RangeTotal { by } => range(reply, 0, 0, *by, true),
        Fault::RefuseRange => refuse_range(reply),
        Fault::Multipart => multipart(reply),
        Fault::ShortBody { by } => reply.shorten(*by),
        Fault::LongBody { by } => reply.body.push(Segment::Fill(0xaa, Some(*by))),
        Fault::WrongBytes { at, count } => {
            reply
                .wrong
                .push(Wrong::InBlob(*at..at.saturating_add(*count)));
        }
        Fault::WrongBodyBytes { at, count } => {
            reply
                .wrong
                .push(Wrong::InBody(*at..at.saturating_add(*count)));
        }
        Fault::Body { body } => replace(reply, filled(state, reply.status, body, &head.target)),
        Fault::Padding { bytes } => reply.body.insert(0, Segment::Fill(b' ', *bytes)),
        Fault::DigestHeader { value: Some(value) } => reply.set("Docker-Content-Digest", value),
        Fault::DigestHeader { value: None } => reply.remove("Docker-Content-Digest"),
        Fault::MediaType { value } => reply.set("Content-Type", value),
        Fault::Gzip { real } => gzip(reply, *real),
        Fault::SetHeader { name, value } => reply.set(name, state.expand(value, &head.target)),
        Fault::RemoveHeader { name } => reply.remove(name),
        Fault::Link { to } => reply.set("Link", link(state, *to, head)),
        Fault::MoveTag { to } => {
            if let Route::Manifest {
                repository,
                reference,
            } = route
            {
                state.contents.tag(repository, reference, to);
            }
        }
        // These were looked at before, or by the uploads.
        _ => {}
    }
}

/// Moves the ends of the part of a blob, and what is told about it.
fn range(reply: &mut Reply, start_by: i64, end_by: i64, total_by: i64, told: bool) {
    let Some(Segment::Blob { blob, range, .. }) = reply.body.first_mut() else {
        return;
    };
    let total = blob.len();
    let len = range.end - range.start;
    if start_by != 0 {
        // As many bytes as were asked for, from another place, as far as the blob goes.
        let start = range.start.saturating_add_signed(start_by).min(total);
        *range = start..(start + len).min(total);
    }
    let end = range.end.saturating_add_signed(end_by);
    range.end = end.clamp(range.start, total);
    let value = content_range(range, total.saturating_add_signed(total_by));
    if told && reply.status == 206 {
        reply.set("Content-Range", value);
    }
}

fn refuse_range(reply: &mut Reply) {
    if let (206, Some(Segment::Blob { blob, .. })) = (reply.status, reply.body.first()) {
        *reply = Reply {
            travel: reply.travel.clone(),
            ..unsatisfiable(blob.len())
        };
    }
}

fn multipart(reply: &mut Reply) {
    if reply.status != 206 {
        return;
    }
    let part = format!(
        "--faulty\r\nContent-Type: application/octet-stream\r\nContent-Range: {}\r\n\r\n",
        reply.header("content-range").unwrap_or_default()
    );
    reply.remove("Content-Range");
    reply.set("Content-Type", "multipart/byteranges; boundary=faulty");
    let bytes = |text: String| Segment::Bytes(text.into_bytes().into());
    reply.body.insert(0, bytes(part));
    reply.body.push(bytes("\r\n--faulty--\r\n".to_owned()));
}

fn replace(reply: &mut Reply, with: Reply) {
    if let Some(digest) = reply.header("docker-content-digest") {
        // A body in memory gets the digest that it has, so that only its content is wrong.
        let right = with
            .collect(64 * 1024 * 1024)
            .and_then(|bytes| digest_like(digest, &bytes));
        if let Some(right) = right {
            reply.set("Docker-Content-Digest", right);
        }
    }
    if let (Some(value), None) = (with.header("content-type"), reply.header("content-type")) {
        reply.set("Content-Type", value);
    }
    reply.body = with.body;
}

fn gzip(reply: &mut Reply, real: bool) {
    let body = reply.collect(MAX_COMPRESSED).filter(|_| real);
    if let Some(body) = body {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let written = encoder.write_all(&body).and_then(|()| encoder.finish());
        let bytes = written.expect("a vector takes every write");
        reply.body = vec![Segment::Bytes(bytes.into())];
    }
    reply.set("Content-Encoding", "gzip");
}

fn link(state: &State, to: Link, head: &Head) -> String {
    let path = head.path();
    let place = match to {
        Link::Itself => head.target.clone(),
        Link::Elsewhere => state.expand("{elsewhere}{target}", &head.target),
        Link::Endless => {
            let turn = head
                .parameter("turn")
                .and_then(|turn| turn.parse::<u64>().ok());
            format!("{path}?turn={}", turn.unwrap_or(0) + 1)
        }
    };
    format!("<{place}>; rel=\"next\"")
}
