//! A client that hides nothing: one request, and what then stands on the wire.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use modelpack_faulty::{Contents, Fault, FaultyRegistry, Origin, Rule, When};

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether as much body came as was promised.
    pub(super) complete: bool,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of a header that is there.
    pub(super) fn told(&self, name: &str) -> &str {
        self.header(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn length(&self) -> u64 {
        self.told("content-length").parse().expect("a number")
    }
}

/// One connection.
pub(super) struct Wire(BufReader<TcpStream>);

impl Wire {
    pub(super) fn open(address: SocketAddr) -> Self {
        Self(BufReader::new(
            TcpStream::connect(address).expect("the registry listens"),
        ))
    }

    pub(super) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0
            .get_mut()
            .write_all(bytes.as_ref())
            .expect("the registry reads");
    }

    /// Sends a request; the length of the body is told when there is one.
    pub(super) fn send(&mut self, line: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{line} HTTP/1.1\r\nHost: here\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let bodies = ["POST", "PUT", "PATCH"];
        if bodies.iter().any(|method| line.starts_with(method)) {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.write(head);
        // A registry that refuses early may have closed already.
        let _ = self.0.get_mut().write_all(body);
    }

    /// The status and the headers; `None` when the connection ended first.
    pub(super) fn head(&mut self) -> Option<Answer> {
        let mut line = String::new();
        self.0.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().expect("a status");
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).ok()?;
            if !line.ends_with('\n') {
                return None;
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Some(Answer {
            status,
            headers,
            body: Vec::new(),
            complete: false,
        })
    }

    /// The body behind the headers, in whatever framing.
    pub(super) fn body(&mut self, answer: &mut Answer) {
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.complete = self.chunks(&mut answer.body).is_some();
        } else if answer.header("content-length").is_some() {
            let length = answer.length();
            let read = (&mut self.0).take(length).read_to_end(&mut answer.body);
            answer.complete = read.is_ok() && answer.body.len() as u64 == length;
        } else if answer.status != 204 {
            answer.complete = self.0.read_to_end(&mut answer.body).is_ok();
        } else {
            answer.complete = true;
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Option<()> {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).ok()?;
            let size = u64::from_str_radix(line.trim_end(), 16).ok()?;
            (&mut self.0).take(size).read_to_end(body).ok()?;
            self.0.read_line(&mut line).ok()?;
            if size == 0 {
                return Some(());
            }
        }
    }

    /// So many bytes as they come.
    pub(super) fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("so many bytes");
        bytes
    }

    /// Whether nothing more comes and the connection is at its end.
    pub(super) fn has_ended(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = self.0.read_to_end(&mut rest);
        rest.is_empty()
    }

    /// What the connection ends with, if that is not a mere end.
    pub(super) fn error(&mut self) -> Option<ErrorKind> {
        let end = self.0.read_to_end(&mut Vec::new());
        end.err().map(|error| error.kind())
    }

    pub(super) fn ask(
        &mut self,
        line: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        self.send(line, headers, body);
        let mut answer = self.head()?;
        if line.starts_with("HEAD") {
            answer.complete = true;
        } else {
            self.body(&mut answer);
        }
        Some(answer)
    }
}

/// One request on a connection of its own; `None` when there was no answer.
pub(super) fn try_ask(
    registry: &FaultyRegistry,
    line: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    Wire::open(registry.address(Origin::Registry)).ask(line, headers, body)
}

pub(super) fn ask(
    registry: &FaultyRegistry,
    line: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    try_ask(registry, line, headers, body).unwrap_or_else(|| panic!("no answer to {line}"))
}

/// One request without anything.
pub(super) fn get(registry: &FaultyRegistry, target: &str) -> Answer {
    ask(registry, &format!("GET {target}"), &[], &[])
}

pub(super) fn get_range(registry: &FaultyRegistry, target: &str, range: &str) -> Answer {
    ask(registry, &format!("GET {target}"), &[("Range", range)], &[])
}

/// Follows an absolute URL, wherever it leads.
pub(super) fn follow(url: &str, headers: &[(&str, &str)]) -> Answer {
    let rest = url.strip_prefix("http://").expect("plain http");
    let (host, path) = rest.split_once('/').expect("a path");
    Wire::open(host.parse().expect("an address"))
        .ask(&format!("GET /{path}"), headers, &[])
        .expect("an answer")
}

/// A thousand bytes that all differ from their neighbours.
pub(super) fn sample() -> Vec<u8> {
    modelpack_faulty::random_bytes(1000, 1)
}

/// A registry with the sample in `a/b`, where one thing goes wrong; and the path of the sample.
pub(super) fn with_fault(when: When, fault: Fault) -> (FaultyRegistry, String) {
    with_rule(Rule::new(when, fault))
}

pub(super) fn with_rule(rule: Rule) -> (FaultyRegistry, String) {
    let (contents, path) = contents();
    let registry = FaultyRegistry::builder().contents(&contents).rule(rule);
    (registry.start(), path)
}

pub(super) fn contents() -> (Contents, String) {
    let contents = Contents::new();
    let digest = contents.add_blob("a/b", sample());
    (contents, format!("/v2/a/b/blobs/{digest}"))
}
