//! The listener, over real sockets.

use std::time::Duration;

use modelpack_server::{ListenOptions, Listener, MemoryStorage, Options, Registry, listen};
use modelpack_spec::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn start(options: Options, limits: ListenOptions) -> Listener {
    let registry = Registry::new(MemoryStorage::new(), options);
    listen("127.0.0.1:0".parse().unwrap(), registry, limits)
        .await
        .unwrap()
}

/// Sends bytes and reads until the server closes.
async fn talk(listener: &Listener, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(listener.local_addr()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_blob_goes_in_and_out() {
    let listener = start(Options::default(), ListenOptions::default()).await;
    let digest = Digest::sha256(b"hello");
    let push = format!(
        "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"
    );
    assert!(
        talk(&listener, push.as_bytes())
            .await
            .starts_with("HTTP/1.1 201 ")
    );
    let pull = format!(
        "GET /v2/a/blobs/{digest} HTTP/1.1\r\nhost: localhost\r\nrange: bytes=1-3\r\nconnection: close\r\n\r\n"
    );
    let answer = talk(&listener, pull.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 206 ") && answer.ends_with("\r\n\r\nell"),
        "{answer}"
    );
    let head = pull
        .replace("GET", "HEAD")
        .replace("range: bytes=1-3\r\n", "");
    let answer = talk(&listener, head.as_bytes()).await;
    assert!(
        answer.contains("content-length: 5\r\n") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    assert!(listener.shutdown(Duration::from_secs(10)).await);
}

/// S10: The connection ends, so that no second request can hide behind the disagreement.
#[tokio::test]
async fn s10_length_and_chunked_together() {
    let listener = start(Options::default(), ListenOptions::default()).await;
    for lengths in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
    ] {
        let request = format!(
            "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nhost: localhost\r\n{lengths}\r\n\r\n0\r\n\r\nGET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n"
        );
        let answer = talk(&listener, request.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

/// S11: A head has its time.
#[tokio::test]
async fn s11_a_head_that_never_ends() {
    let mut limits = ListenOptions::default();
    limits.header_timeout = Duration::from_millis(50);
    let listener = start(Options::default(), limits).await;
    let talk = talk(&listener, b"GET /v2/ HTTP/1.1\r\nhost: loc");
    let answer = tokio::time::timeout(Duration::from_secs(60), talk).await;
    let answer = answer.expect("the server closes the connection");
    assert!(!answer.contains("200"), "{answer}");
}

/// A client that is still sending gets to read the refusal, and can go on with the connection.
#[tokio::test]
async fn an_early_answer_reaches_the_client() {
    let listener = start(Options::default(), ListenOptions::default()).await;
    let mut stream = TcpStream::connect(listener.local_addr()).await.unwrap();
    let request = "PUT /v2/a/blobs/uploads/unknown HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900000\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 1024];
    let count = stream.read(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer[..count]);
    assert!(
        text.starts_with("HTTP/1.1 400 ") && text.contains("DIGEST_INVALID"),
        "{text}"
    );
    for _ in 0..9 {
        stream.write_all(&[b'x'; 100_000]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let next = "GET /v2/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(next.as_bytes()).await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 "), "{rest}");
}

/// A client that asks first is refused without sending anything.
#[tokio::test]
async fn a_refusal_spares_the_transfer() {
    let listener = start(Options::default(), ListenOptions::default()).await;
    let request = b"PUT /v2/a/blobs/uploads/unknown HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 900000\r\n\r\n";
    let answer = talk(&listener, request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_shutdown_lets_requests_end() {
    let listener = start(Options::default(), ListenOptions::default()).await;
    let address = listener.local_addr();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let digest = Digest::sha256(b"hello");
    let head = format!(
        "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let shutdown = tokio::spawn(listener.shutdown(Duration::from_secs(10)));
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(shutdown.await.unwrap());
}

/// S11: One connection too many is answered by 429.
#[tokio::test]
async fn a_connection_beyond_the_limit_is_told_so() {
    let mut limits = ListenOptions::default();
    limits.max_connections = 1;
    let listener = start(Options::default(), limits).await;
    let ask = async |path: &str, more: &str| {
        let mut stream = TcpStream::connect(listener.local_addr()).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // Ends, since the connection is closed although nobody has asked for that.
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let mut first = TcpStream::connect(listener.local_addr()).await.unwrap();
    let request = b"GET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n";
    first.write_all(request).await.unwrap();
    first.read_exact(&mut [0; 12]).await.unwrap();
    let answer = ask("/v2/", "").await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: "), "{answer}");
    assert!(answer.contains("TOOMANYREQUESTS"), "{answer}");
    // Who watches over the registry is not told that it is ill because it is busy.
    let answer = ask("/healthz", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(first);
    // The listener learns of the end in its own time.
    let close = "connection: close\r\n";
    let mut again = ask("/v2/x/tags/list", close).await;
    while again.starts_with("HTTP/1.1 429 ") {
        again = ask("/v2/x/tags/list", close).await;
    }
    assert!(again.starts_with("HTTP/1.1 404 "), "{again}");
}

/// A client that has the only place and keeps it.
async fn occupy(listener: &Listener) -> TcpStream {
    let mut stream = TcpStream::connect(listener.local_addr()).await.unwrap();
    let request = b"GET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    stream.read_exact(&mut [0; 12]).await.unwrap();
    stream
}

/// A client that is refused and does not stop sending.
async fn linger(listener: &Listener) -> TcpStream {
    let mut stream = TcpStream::connect(listener.local_addr()).await.unwrap();
    let request =
        b"PUT /v2/a/blobs/uploads/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900000\r\n\r\nx";
    stream.write_all(request).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 429");
    stream
}

fn one_place() -> ListenOptions {
    let mut limits = ListenOptions::default();
    limits.max_connections = 1;
    limits.header_timeout = Duration::from_secs(3600);
    limits
}

/// S11: Those who are refused cannot keep others from being told so, however slowly they send.
#[tokio::test]
async fn s11_the_refused_do_not_stay() {
    // A body has time, but not that of somebody who is refused.
    let mut options = Options::default();
    options.body_timeout = Duration::from_secs(3600);
    let listener = start(options, one_place()).await;
    let _first = occupy(&listener).await;
    let mut lingering = Vec::new();
    for _ in 0..16 {
        lingering.push(linger(&listener).await);
    }
    let next = tokio::time::timeout(Duration::from_secs(60), linger(&listener));
    next.await.expect("a place for the next one becomes free");
}

/// A shutdown waits for those who are being refused as well.
#[tokio::test]
async fn a_shutdown_lets_refusals_end() {
    let listener = start(Options::default(), one_place()).await;
    let first = occupy(&listener).await;
    let mut refused = TcpStream::connect(listener.local_addr()).await.unwrap();
    refused.write_all(b"GET /v2/ HTTP/1.1\r\n").await.unwrap();
    // The listener takes one after the other, so it has taken that one.
    drop(linger(&listener).await);
    drop(first);
    assert!(listener.shutdown(Duration::from_secs(60)).await);
    // Its end is there already, so nobody has to wait for it.
    let mut refused = refused.into_std().unwrap();
    let mut rest = Vec::new();
    let read = std::io::Read::read_to_end(&mut refused, &mut rest);
    let is_open = |error: std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    assert!(!read.is_err_and(is_open), "it is still open");
}
