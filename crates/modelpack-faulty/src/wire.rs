//! One connection: requests are read from it, answers are written to it, byte by byte if need be.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Longer heads are the end of the connection.
const MAX_HEAD: u64 = 256 * 1024;

/// What the bytes travel on.
pub(super) trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// A connection with its socket, which can be asked whether the client is still there.
pub(super) struct Connection {
    reader: BufReader<Box<dyn Wire>>,
    socket: TcpStream,
}

/// A request up to its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    /// As it was sent.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Without the query, as it was sent. A client that takes this for a proxy sends a whole URL.
    pub(super) fn path(&self) -> &str {
        let target = self.target.as_str();
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        match path.strip_prefix("http://") {
            Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => path,
        }
    }

    /// The parameters of the query, decoded.
    pub(super) fn query(&self) -> Vec<(String, String)> {
        form(self.target.split_once('?').map_or("", |(_, query)| query))
    }

    /// The first parameter of that name.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut query = self.query().into_iter();
        query.find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// `a=b&c=d`, decoded.
pub(super) fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let plus = |text: &str| decode(&text.replace('+', " "));
            (plus(key), plus(value))
        })
        .collect()
}

/// Percent-decoded; what is no good encoding stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = text
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match pair {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Connection {
    pub(super) fn new(wire: Box<dyn Wire>, socket: TcpStream) -> Self {
        Self {
            reader: BufReader::with_capacity(256 * 1024, wire),
            socket,
        }
    }

    /// `None` when the client has left or sends what is no request.
    pub(super) fn read_head(&mut self) -> Option<Head> {
        let mut limited = (&mut self.reader).take(MAX_HEAD);
        let mut lines = || -> Option<String> {
            let mut line = Vec::new();
            limited.read_until(b'\n', &mut line).ok()?;
            let text = String::from_utf8_lossy(&line);
            text.strip_suffix('\n')
                .map(|text| text.trim_end_matches('\r').to_owned())
        };
        let first = lines()?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let line = lines()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':')?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Some(Head {
            method,
            target,
            headers,
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let wire = self.reader.get_mut();
        wire.write_all(bytes)?;
        wire.flush()
    }

    /// Writes all; an error comes with how many bytes were taken before it.
    pub(super) fn write_counted(&mut self, bytes: &[u8]) -> Result<(), (u64, io::Error)> {
        let wire = self.reader.get_mut();
        let mut taken = 0;
        while taken < bytes.len() {
            match wire.write(&bytes[taken..]) {
                Ok(0) => return Err((taken as u64, io::ErrorKind::WriteZero.into())),
                Ok(count) => taken += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((taken as u64, error)),
            }
        }
        wire.flush().map_err(|error| (taken as u64, error))
    }

    /// Waits until the client leaves or the time is over; what it sends meanwhile is thrown away. An error says that
    /// it has left.
    pub(super) fn wait(&mut self, time: Option<Duration>) -> io::Result<()> {
        let start = std::time::Instant::now();
        let mut dump = [0; 8192];
        loop {
            let left = match time {
                Some(time) => match time.checked_sub(start.elapsed()) {
                    Some(left) if !left.is_zero() => Some(left),
                    _ => break,
                },
                None => None,
            };
            self.socket.set_read_timeout(left)?;
            // What lies there must be taken away, or the next look would find it again.
            let looked = match self.socket.peek(&mut dump) {
                Ok(0) => Ok(0),
                Ok(_) => self.reader.get_mut().read(&mut dump),
                Err(error) => Err(error),
            };
            match looked {
                Ok(0) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Ok(_) => {}
                Err(error) if is_patient(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.socket.set_read_timeout(None)
    }

    /// Says that no more comes, then takes what the client still sends, so that it gets to read the answer.
    pub(super) fn linger(&mut self) {
        // The client may have left already; then there is nothing to wait for.
        if self.socket.shutdown(Shutdown::Write).is_ok() {
            let _ = self.wait(None);
        }
    }

    /// Whoever drops the last handle of the socket resets the connection.
    pub(super) fn reset_when_dropped(&self) {
        // A socket that is gone cannot be reset any more.
        let _ = rustix::net::sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }

    /// Ends the connection in both directions.
    pub(super) fn close(&self) {
        // It may be closed already.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Whether nothing has come yet, but still may.
fn is_patient(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};

    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

/// The body of a request, while it comes.
pub(super) struct Incoming<'a> {
    connection: &'a mut Connection,
    left: Left,
    /// The client waits for `100 Continue` before it sends anything.
    waits: bool,
    /// So many bytes more, then the connection is to end.
    pub(super) fuse: Option<u64>,
    /// So many bytes have come.
    pub(super) taken: u64,
    /// The first of them, for the log.
    pub(super) copy: Vec<u8>,
    /// How many of them.
    pub(super) copied: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Length(u64),
    Chunked { in_chunk: u64, first: bool },
    Nothing,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(connection: &'a mut Connection, head: &Head) -> Self {
        let chunked = head
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let length = head
            .header("content-length")
            .and_then(|value| value.parse().ok());
        let left = match (chunked, length) {
            (true, _) => Left::Chunked {
                in_chunk: 0,
                first: true,
            },
            (false, None | Some(0)) => Left::Nothing,
            (false, Some(length)) => Left::Length(length),
        };
        Self {
            connection,
            left,
            waits: head
                .header("expect")
                .is_some_and(|value| value.eq_ignore_ascii_case("100-continue")),
            fuse: None,
            taken: 0,
            copy: Vec::new(),
            copied: 0,
        }
    }

    /// What the client says that it sends; `None` when it comes in chunks.
    pub(super) fn announced(&self) -> Option<u64> {
        match self.left {
            Left::Nothing => Some(self.taken),
            Left::Length(left) => Some(self.taken + left),
            Left::Chunked { .. } => None,
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.left == Left::Nothing
    }

    /// Takes the rest and throws it away; nothing when the client still waits to be asked for it.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        if !self.waits && !self.is_finished() {
            io::copy(self, &mut io::sink())?;
        }
        Ok(())
    }

    /// The rest in memory, up to a limit; `None` above it.
    pub(super) fn collect(&mut self, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        self.by_ref().take(limit + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }

    fn chunk_size(&mut self, first: bool) -> io::Result<u64> {
        let mut line = String::new();
        if !first {
            self.connection.reader.read_line(&mut line)?;
            line.clear();
        }
        self.connection.reader.read_line(&mut line)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        u64::from_str_radix(digits, 16).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

impl Read for Incoming<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.waits && self.left != Left::Nothing {
            self.waits = false;
            self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if let Left::Chunked { in_chunk: 0, first } = self.left {
            let size = self.chunk_size(first)?;
            if size == 0 {
                // Trailers, if any, up to the empty line.
                let mut line = String::new();
                while self.connection.reader.read_line(&mut line)? > 2 {
                    line.clear();
                }
                self.left = Left::Nothing;
            } else {
                self.left = Left::Chunked {
                    in_chunk: size,
                    first: false,
                };
            }
        }
        let left = match self.left {
            Left::Nothing => return Ok(0),
            Left::Length(left) => left,
            Left::Chunked { in_chunk, .. } => in_chunk,
        };
        let allowed = match self.fuse {
            Some(0) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(fuse) => left.min(fuse),
            None => left,
        };
        let want = usize::try_from(allowed).map_or(buf.len(), |allowed| allowed.min(buf.len()));
        let got = self.connection.reader.read(&mut buf[..want])?;
        if got == 0 && want > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.taken += got as u64;
        let room = self.copied.saturating_sub(self.copy.len()).min(got);
        self.copy.extend_from_slice(&buf[..room]);
        self.fuse = self.fuse.map(|fuse| fuse - got as u64);
        let left = left - got as u64;
        self.left = match self.left {
            Left::Chunked { .. } => Left::Chunked {
                in_chunk: left,
                first: false,
            },
            _ if left == 0 => Left::Nothing,
            _ => Left::Length(left),
        };
        Ok(got)
    }
}

#[cfg(test)]
mod tests;
