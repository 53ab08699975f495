//! A server that answers as a test says, right or wrong.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// An answer. It may promise more bytes than it has.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
    length: usize,
    stalls: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            status,
            headers: String::new(),
            length: body.len(),
            body,
            stalls: false,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// After the last byte nothing more happens; the connection stays open.
    pub(crate) fn stalled(mut self) -> Self {
        self.stalls = true;
        self
    }

    /// The connection ends after so many bytes of the body.
    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.body.truncate(after);
        self
    }
}

/// A listening server; its thread ends with the test.
pub(crate) struct Canned {
    pub(crate) host: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    /// Answers every request by its path.
    pub(crate) fn start(answer: impl Fn(&str) -> Answer + Send + 'static) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(any).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle is no failure of the test.
                let _ = serve(stream, &seen, &answer);
            }
        });
        Self {
            host: format!("localhost:{port}"),
            heads,
        }
    }

    /// The requests so far, without their bodies.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no thread panicked").clone()
    }
}

/// One request, one answer, and the connection ends.
fn serve(
    stream: TcpStream,
    seen: &Mutex<Vec<String>>,
    answer: &dyn Fn(&str) -> Answer,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    let mut request = Vec::new();
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        request.push(line);
    }
    let first = request.first().cloned().unwrap_or_default();
    seen.lock()
        .expect("no thread panicked")
        .push(request.join("\n"));
    let mut words = first.split(' ');
    let (method, path) = (words.next(), words.next().unwrap_or_default());
    let Answer {
        status,
        headers,
        body,
        length,
        stalls,
    } = answer(path);
    let head = format!(
        "HTTP/1.1 {status} -\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    (&stream).write_all(head.as_bytes())?;
    if method != Some("HEAD") {
        (&stream).write_all(&body)?;
    }
    if stalls {
        // Until the client has had enough.
        let _ = std::io::copy(&mut &stream, &mut std::io::sink());
    }
    Ok(())
}
