//! Writes an answer to the wire, however badly it is meant to travel.

use std::borrow::Cow;
use std::io;
use std::time::{Duration, Instant};

use super::fault::Framing;
use super::reply::{Lost, Reply, Segment, Travel, Unread, Wrong, reason};
use super::wire::Connection;

/// One write call's worth.
const PIECE: u64 = 256 * 1024;

/// Told of the bytes of the body that go out.
pub(super) trait Counter {
    /// Before they do, so that nobody has bytes that are not counted; with the blob and the place in it that they
    /// are from.
    fn sent(&mut self, count: u64, from: Option<(&str, u64)>);

    /// So many of the last ones were not taken after all.
    fn unsent(&mut self, count: u64);
}

/// Whether the connection can take another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    KeepAlive,
    Close,
    /// Close by a reset.
    Reset,
    /// Close, when the client has got to read everything.
    Linger,
}

/// Sends the answer; an error says that the client has left. `unread` says that a request body was not read.
pub(super) fn send(
    connection: &mut Connection,
    reply: &Reply,
    is_head: bool,
    unread: bool,
    counter: &mut dyn Counter,
) -> io::Result<After> {
    for delay in &reply.travel.delays {
        connection.wait(*delay)?;
    }
    let (after, closes) = after(reply, unread);
    match reply.travel.lost {
        Some(Lost::All) => return Ok(after),
        Some(Lost::InHeaders) => {
            let head = head(reply, closes);
            connection.write(&head.as_bytes()[..head.len() / 2])?;
            return Ok(After::Close);
        }
        None => connection.write(head(reply, closes).as_bytes())?,
    }
    if is_head || matches!(reply.status, 204 | 304) {
        return Ok(after);
    }
    let complete = body(connection, reply, counter)?;
    Ok(match complete {
        true => after,
        false if reply.travel.resets => After::Reset,
        false => After::Close,
    })
}

fn after(reply: &Reply, unread: bool) -> (After, bool) {
    let lost = reply.travel.lost.is_some();
    let after = match reply.travel.unread {
        Unread::Afterwards if unread => After::Linger,
        Unread::Never => After::Close,
        // The client waits to be asked for its body, which now never happens.
        _ if unread => After::Linger,
        _ if lost || framing(reply) == Some(Framing::UntilClose) => After::Close,
        _ => After::KeepAlive,
    };
    (after, after != After::KeepAlive)
}

/// A body without end has no length to be told.
fn framing(reply: &Reply) -> Option<Framing> {
    let endless = reply.len().is_none().then_some(Framing::Chunked);
    reply.travel.framing.or(endless)
}

fn head(reply: &Reply, closes: bool) -> String {
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match (framing(reply), reply.len()) {
        _ if matches!(reply.status, 204 | 304) => {}
        (None, Some(len)) => head.push_str(&format!("Content-Length: {len}\r\n")),
        (Some(Framing::Chunked), _) => head.push_str("Transfer-Encoding: chunked\r\n"),
        _ => {}
    }
    if closes {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    head
}

/// Whether the body was sent to its end.
fn body(connection: &mut Connection, reply: &Reply, counter: &mut dyn Counter) -> io::Result<bool> {
    let travel = &reply.travel;
    let chunked = framing(reply) == Some(Framing::Chunked);
    let start = Instant::now();
    let mut stalls = travel.stalls.clone();
    stalls.sort_by_key(|(at, _)| *at);
    let mut stalls = stalls.into_iter().peekable();
    let mut sent = 0;
    for segment in &reply.body {
        let mut at = 0;
        while segment.len().is_none_or(|len| at < len) {
            while let Some((_, time)) = stalls.next_if(|(at, _)| *at <= sent) {
                connection.wait(time)?;
            }
            if travel.cut.is_some_and(|cut| sent >= cut) {
                return Ok(false);
            }
            let stops = [travel.cut, stalls.peek().map(|(at, _)| *at)];
            let mut most = PIECE.min(segment.len().map_or(PIECE, |len| len - at));
            for stop in stops.into_iter().flatten() {
                most = most.min(stop - sent);
            }
            if let Some((bytes, _)) = travel.trickle {
                most = most.min(bytes.max(1));
            }
            if let Some(rate) = travel.rate {
                most = most.min((rate / 50).max(1));
            }
            // Never behind the last byte: there the client may already send its next request.
            pause(connection, travel, sent, start)?;
            let piece = piece(reply, segment, at, sent, most);
            if piece.is_empty() {
                return Ok(false);
            }
            let count = piece.len() as u64;
            let from = match segment {
                Segment::Blob { digest, range, .. } => Some((digest.as_str(), range.start + at)),
                _ => None,
            };
            if chunked {
                connection.write(format!("{count:x}\r\n").as_bytes())?;
            }
            counter.sent(count, from);
            if let Err((taken, error)) = connection.write_counted(&piece) {
                counter.unsent(count - taken);
                return Err(error);
            }
            if chunked {
                connection.write(b"\r\n")?;
            }
            at += count;
            sent += count;
        }
    }
    if framing(reply).is_some() {
        for (_, time) in stalls.filter(|(at, _)| *at <= sent) {
            connection.wait(time)?;
        }
    }
    if travel.cut.is_some_and(|cut| sent >= cut) {
        return Ok(false);
    }
    if chunked {
        connection.write(b"0\r\n\r\n")?;
    }
    Ok(true)
}

fn pause(
    connection: &mut Connection,
    travel: &Travel,
    sent: u64,
    start: Instant,
) -> io::Result<()> {
    if sent == 0 {
        return Ok(());
    }
    if let Some((_, pause)) = travel.trickle {
        connection.wait(Some(pause))?;
    }
    if let Some(rate) = travel.rate {
        connection.wait(Some(due(sent, rate).saturating_sub(start.elapsed())))?;
    }
    Ok(())
}

/// When the next byte may go out, from the start of the body.
fn due(sent: u64, rate: u64) -> Duration {
    Duration::from_secs_f64(sent as f64 / rate.max(1) as f64)
}

/// The bytes of a segment from `at` on, at most so many, the wrong ones turned.
fn piece<'a>(reply: &Reply, segment: &'a Segment, at: u64, sent: u64, most: u64) -> Cow<'a, [u8]> {
    let size = most as usize;
    let (bytes, in_blob) = match segment {
        Segment::Bytes(bytes) => {
            let start = at as usize;
            let end = bytes.len().min(start + size);
            (Cow::Borrowed(&bytes[start..end]), None)
        }
        Segment::Blob { blob, range, .. } => {
            let place = range.start + at;
            (Cow::Borrowed(blob.part(place, size)), Some(place))
        }
        Segment::Fill(byte, _) => (Cow::Owned(vec![*byte; size]), None),
    };
    turn(bytes, &reply.wrong, sent, in_blob)
}

fn turn<'a>(
    mut bytes: Cow<'a, [u8]>,
    wrong: &[Wrong],
    sent: u64,
    in_blob: Option<u64>,
) -> Cow<'a, [u8]> {
    for wrong in wrong {
        let (range, place) = match (wrong, in_blob) {
            (Wrong::InBody(range), _) => (range, sent),
            (Wrong::InBlob(range), Some(place)) => (range, place),
            (Wrong::InBlob(_), None) => continue,
        };
        let len = bytes.len() as u64;
        let start = range.start.saturating_sub(place).min(len) as usize;
        let end = range.end.saturating_sub(place).min(len) as usize;
        if start < end {
            for byte in &mut bytes.to_mut()[start..end] {
                *byte ^= 0x55;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
