//! A client that does as little as it can, so that the servers are measured.

use std::future::Future;
use std::time::{Duration, Instant};

use modelpack::spec::{Algorithm, Digest, Hasher};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Result;
use crate::peers::Peer;

/// Bytes that are sent or read at once.
const PIECE: usize = 256 * 1024;

/// A blob made of one block, repeated, after a number.
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    block: Vec<u8>,
}

impl Blob {
    /// `size` is a multiple of a mebibyte.
    pub(crate) fn new(number: u64, size: u64) -> Self {
        let mut block: Vec<u8> = (0..PIECE as u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        block[..8].copy_from_slice(&number.to_le_bytes());
        let mut hasher = Hasher::new(Algorithm::Sha256);
        for _ in 0..size / PIECE as u64 {
            hasher.update(&block);
        }
        Self {
            digest: hasher.finish(),
            size,
            block,
        }
    }
}

/// The results of futures that run at the same time, in no order.
pub(crate) async fn all<T: Send + 'static>(
    futures: impl Iterator<Item = impl Future<Output = T> + Send>,
) -> Vec<T> {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    let mut results = Vec::new();
    std::future::poll_fn(|context| {
        pinned.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(result) => {
                results.push(result);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pinned.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    results
}

/// The head of an answer.
struct Head {
    status: u16,
    length: u64,
    location: Option<String>,
}

/// A connection, with what was read beyond the last head.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    async fn open(peer: &Peer) -> Result<Self> {
        let stream = TcpStream::connect(peer.address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; PIECE],
            filled: 0,
        })
    }

    async fn ask(&mut self, method: &str, path: &str, length: Option<u64>) -> Result<()> {
        let length = length.map_or(String::new(), |length| {
            format!("content-length: {length}\r\n")
        });
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{length}\r\n");
        Ok(self.stream.write_all(head.as_bytes()).await?)
    }

    async fn head(&mut self) -> Result<Head> {
        let end = loop {
            let seen = &self.buffer[..self.filled];
            if let Some(at) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            let count = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if count == 0 {
                return Err("the connection ended".into());
            }
            self.filled += count;
        };
        let text = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.copy_within(end..self.filled, 0);
        self.filled -= end;
        let header = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
        };
        Ok(Head {
            status: text.split(' ').nth(1).unwrap_or_default().parse()?,
            length: header("content-length").map_or(Ok(0), |text| text.parse())?,
            location: header("location"),
        })
    }

    /// Reads a body and looks at none of it.
    async fn skip(&mut self, length: u64) -> Result<()> {
        let mut left = length - (self.filled as u64).min(length);
        self.filled = 0;
        while left > 0 {
            let wanted = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
            match self.stream.read(&mut self.buffer[..wanted]).await? {
                0 => return Err("the connection ended".into()),
                count => left -= count as u64,
            }
        }
        Ok(())
    }
}

/// Reads a blob.
pub(crate) async fn get(peer: &Peer, blob: &Blob) -> Result<()> {
    let mut connection = Connection::open(peer).await?;
    connection
        .ask("GET", &format!("/v2/bench/blobs/{}", blob.digest), None)
        .await?;
    let head = connection.head().await?;
    if (head.status, head.length) != (200, blob.size) {
        return Err(format!("GET was answered by {}", head.status).into());
    }
    connection.skip(head.length).await
}

/// Uploads a blob: POST, then one PUT.
pub(crate) async fn put(peer: &Peer, blob: &Blob) -> Result<()> {
    let mut connection = Connection::open(peer).await?;
    let location = start(&mut connection).await?;
    let mark = if location.contains('?') { '&' } else { '?' };
    let path = format!("{location}{mark}digest={}", blob.digest);
    connection.ask("PUT", &path, Some(blob.size)).await?;
    for _ in 0..blob.size / PIECE as u64 {
        connection.stream.write_all(&blob.block).await?;
    }
    let head = connection.head().await?;
    if head.status != 201 {
        return Err(format!("PUT was answered by {}", head.status).into());
    }
    Ok(())
}

async fn start(connection: &mut Connection) -> Result<String> {
    connection
        .ask("POST", "/v2/bench/blobs/uploads/", Some(0))
        .await?;
    let head = connection.head().await?;
    connection.skip(head.length).await?;
    let location = head.location.ok_or("there is no location")?;
    // Some servers write the whole address.
    let at = location.find("/v2/").ok_or("the location is elsewhere")?;
    Ok(location[at..].to_owned())
}

/// Pushes a small manifest under the tag `v1`, and gives its bytes.
pub(crate) async fn push_manifest(peer: &Peer) -> Result<Vec<u8>> {
    let mut connection = Connection::open(peer).await?;
    let digest = Digest::sha256(b"{}");
    let location = start(&mut connection).await?;
    let path = format!("{location}?digest={digest}");
    connection.ask("PUT", &path, Some(2)).await?;
    connection.stream.write_all(b"{}").await?;
    let head = connection.head().await?;
    connection.skip(head.length).await?;
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{media_type}\",\"config\":{{\"mediaType\":\
         \"application/vnd.oci.empty.v1+json\",\"digest\":\"{digest}\",\"size\":2}},\"layers\":[]}}"
    );
    let length = manifest.len();
    let head = format!(
        "PUT /v2/bench/manifests/v1 HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{manifest}"
    );
    connection.stream.write_all(head.as_bytes()).await?;
    let head = connection.head().await?;
    if head.status != 201 {
        return Err(format!("the manifest was answered by {}", head.status).into());
    }
    Ok(manifest.into_bytes())
}

/// Requests per second over so many connections, each of which waits for its answer.
pub(crate) async fn requests(
    peer: &Peer,
    method: &'static str,
    path: &'static str,
    connections: usize,
    during: Duration,
) -> Result<f64> {
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for _ in 0..connections {
        let mut connection = Connection::open(peer).await?;
        tasks.spawn(async move {
            let mut count = 0_u64;
            while started.elapsed() < during {
                connection.ask(method, path, None).await?;
                let head = connection.head().await?;
                if head.status != 200 {
                    return Err(format!("{method} was answered by {}", head.status).into());
                }
                let length = if method == "HEAD" { 0 } else { head.length };
                connection.skip(length).await?;
                count += 1;
            }
            Result::Ok(count)
        });
    }
    let mut total = 0;
    while let Some(count) = tasks.join_next().await {
        total += count??;
    }
    Ok(total as f64 / started.elapsed().as_secs_f64())
}
