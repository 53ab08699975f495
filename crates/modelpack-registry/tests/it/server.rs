//! A tiny HTTP/1.1 server that does what a test says and writes down what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use modelpack_registry::{Client, ClientBuilder, Name, PlainHttp, RetryPolicy};
use modelpack_spec::Host;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Method and target, for comparisons.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What the server sends.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Bytes(Vec<u8>),
    /// Announces more than it sends, then hangs up.
    Cut(Vec<u8>, usize),
    /// Never ends, and announces no length.
    Endless,
    /// Hangs up without any answer.
    HangUp,
    /// Keeps the connection and never answers.
    Silence,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Bytes(Vec::new()),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(body.into());
        self
    }

    pub(crate) fn cut(mut self, body: impl Into<Vec<u8>>, announced: usize) -> Self {
        self.body = Body::Cut(body.into(), announced);
        self
    }

    pub(crate) fn endless(mut self) -> Self {
        self.body = Body::Endless;
        self
    }

    pub(crate) fn hang_up() -> Self {
        let mut reply = Self::new(0);
        reply.body = Body::HangUp;
        reply
    }
}

impl Reply {
    pub(crate) fn silence() -> Self {
        let mut reply = Self::new(0);
        reply.body = Body::Silence;
        reply
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A server on a loopback port of its own; stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_knowing(|_| handler).await
    }

    /// For handlers that have to name the server itself.
    pub(crate) async fn start_knowing<H>(make: impl FnOnce(SocketAddr) -> H) -> Self
    where
        H: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let handler: Arc<Handler> = Arc::new(make(address));
        let log = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let log = Arc::clone(&log);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    stream.set_nodelay(true).expect("a socket");
                    tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&log)));
                }
            }
        });
        Self { address, log, task }
    }

    #[cfg(feature = "tls")]
    pub(crate) async fn start_tls(
        config: Arc<rustls::ServerConfig>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let handler: Arc<Handler> = Arc::new(handler);
        let log = Arc::new(Mutex::new(Vec::new()));
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        let task = tokio::spawn({
            let log = Arc::clone(&log);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                    let accept = acceptor.accept(stream);
                    tokio::spawn(async move {
                        if let Ok(stream) = accept.await {
                            serve(stream, handler, log).await;
                        }
                    });
                }
            }
        });
        Self { address, log, task }
    }

    pub(crate) fn host(&self) -> Host {
        self.address.to_string().parse().expect("a host")
    }

    /// The repository `a` here.
    pub(crate) fn name(&self) -> Name {
        Name::new(self.host(), "a".parse().expect("a repository"))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().expect("no test panics in here").clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    handler: Arc<Handler>,
    log: Arc<Mutex<Vec<Request>>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let reply = handler(&request);
        let is_head = request.method == "HEAD";
        log.lock().expect("no test panics in here").push(request);
        if write_reply(&mut stream, reply, is_head).await.is_none() {
            return;
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_ascii_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        target,
        headers,
        body: Vec::new(),
    };
    assert_eq!(
        request.header("transfer-encoding"),
        None,
        "a body of known length is sent with its length"
    );
    let length = request
        .header("content-length")
        .map_or(0, |value| value.parse().expect("a number"));
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await.ok()?;
    Some(request)
}

/// `None` when the connection has ended.
async fn write_reply<S: AsyncWrite + Unpin>(
    stream: &mut S,
    reply: Reply,
    is_head: bool,
) -> Option<()> {
    let length = match &reply.body {
        Body::HangUp => return None,
        Body::Silence => std::future::pending().await,
        Body::Bytes(bytes) => Some(bytes.len()),
        Body::Cut(_, announced) => Some(*announced),
        Body::Endless => None,
    };
    let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let states_length = reply
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if let Some(length) = length.filter(|_| !states_length) {
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    if length.is_none() {
        head.push_str("connection: close\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    if is_head {
        return Some(());
    }
    match reply.body {
        Body::Bytes(bytes) => stream.write_all(&bytes).await.ok(),
        Body::Cut(bytes, _) => {
            stream.write_all(&bytes).await.ok()?;
            stream.flush().await.ok()?;
            None
        }
        Body::Endless => loop {
            stream.write_all(&[b' '; 16 * 1024]).await.ok()?;
        },
        Body::HangUp | Body::Silence => None,
    }
}

/// Plain HTTP on this machine, and repeats that do not wait.
pub(crate) fn options() -> ClientBuilder {
    Client::builder()
        .plain_http(PlainHttp::Loopback)
        .retry(RetryPolicy::default().with_base(std::time::Duration::from_micros(1)))
}

pub(crate) fn client() -> Client {
    options().build().expect("good options")
}
