//! A socket with limits in front of a registry.

mod guarded;
#[cfg(feature = "tls")]
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::guarded::Guarded;
#[cfg(feature = "tls")]
pub use self::tls::TlsIdentity;
use crate::observe::{Crowded, Peer};
use crate::{Error, Registry};

/// Pause after the system had no resources for another connection, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections beyond the limit that are told so at once; still further ones wait to be accepted. Few, since
/// each holds a socket, and none for long.
const MAX_REFUSED: usize = 16;
/// Longest time that such a connection lasts, from its handshake to the last byte: enough to say what is wanted and
/// to read the answer, little enough that none of the few places is held by somebody slow.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(5);
/// How often upload sessions are looked through for those that are over.
const SWEEP_PAUSE: Duration = Duration::from_secs(60);

/// Limits of a listener.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ListenOptions {
    /// Most connections at once. One more is answered by 429 and closed, but for `/healthz` and `/metrics`.
    /// Default 256.
    pub max_connections: u32,
    /// Longest time from the opening of a connection, or from the last answer, to the end of the next
    /// request head. Default 30 s.
    pub header_timeout: Duration,
    /// Longest time in which a client takes not one byte of an answer that is being sent. Default 60 s.
    pub write_timeout: Duration,
    /// Certificate and key; without them the socket speaks plain HTTP. The handshake has to be done
    /// within [`header_timeout`](Self::header_timeout).
    #[cfg(feature = "tls")]
    pub tls: Option<TlsIdentity>,
    /// Most bytes of a request head. Default 64 KiB. At least 8 KiB.
    pub max_head_bytes: usize,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            max_connections: 256,
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            #[cfg(feature = "tls")]
            tls: None,
            max_head_bytes: 64 * 1024,
        }
    }
}

/// A registry that is being served. Dropping it stops accepting connections and lets the open ones
/// end after the request that they are in.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: watch::Sender<()>,
    places: Places,
    max_connections: u32,
}

/// Places for connections.
#[derive(Debug, Clone)]
struct Places {
    /// Those that are served.
    connections: Arc<Semaphore>,
    /// Those that are only told that there are too many.
    refusals: Arc<Semaphore>,
}

/// Serves a registry over HTTP/1.1. With port 0 the system chooses one, see
/// [`Listener::local_addr`]. Needs to be called within a tokio runtime that has I/O and time.
///
/// # Errors
/// [`Error::Listen`].
pub async fn listen(
    address: SocketAddr,
    registry: Registry,
    options: ListenOptions,
) -> Result<Listener, Error> {
    let failed = |source: io::Error| Error::Listen { address, source };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let socket = socket.into_std().map_err(failed)?;
    listen_on(socket, registry, options)
}

/// Serves a registry on a socket that listens already, such as one whose port has to be known before the
/// registry is made, or one that a supervisor has opened. As [`listen`] otherwise.
///
/// # Errors
/// [`Error::Listen`].
pub fn listen_on(
    socket: std::net::TcpListener,
    registry: Registry,
    options: ListenOptions,
) -> Result<Listener, Error> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let address = socket.local_addr().unwrap_or(unknown);
    let failed = |source: io::Error| Error::Listen { address, source };
    socket.set_nonblocking(true).map_err(failed)?;
    let socket = TcpListener::from_std(socket).map_err(failed)?;
    let (stop, stopped) = watch::channel(());
    let listener = Listener {
        address: socket.local_addr().map_err(failed)?,
        stop,
        places: Places {
            connections: Arc::new(Semaphore::new(
                usize::try_from(options.max_connections).unwrap_or(Semaphore::MAX_PERMITS),
            )),
            refusals: Arc::new(Semaphore::new(MAX_REFUSED)),
        },
        max_connections: options.max_connections,
    };
    let places = listener.places.clone();
    tokio::spawn(sweep(registry.clone(), stopped.clone()));
    tokio::spawn(accept(socket, registry, options, places, stopped));
    Ok(listener)
}

impl Listener {
    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting connections and waits until the requests that are being answered are done, at
    /// most for `grace`. `true` when all were.
    pub async fn shutdown(self, grace: Duration) -> bool {
        let Self {
            stop,
            places,
            max_connections,
            ..
        } = self;
        drop(stop);
        let all = async {
            let served = places.connections.acquire_many(max_connections).await;
            let refused = places.refusals.acquire_many(MAX_REFUSED as u32).await;
            drop((served, refused));
        };
        tokio::time::timeout(grace, all).await.is_ok()
    }
}

async fn accept(
    socket: TcpListener,
    registry: Registry,
    options: ListenOptions,
    places: Places,
    mut stopped: watch::Receiver<()>,
) {
    loop {
        let next = async {
            let accepted = socket.accept().await;
            (accepted, places.take().await)
        };
        let (accepted, place) = tokio::select! {
            biased;
            // Nothing is ever sent: the channel only tells that the other end is gone.
            _ = stopped.changed() => return,
            next = next => next,
        };
        let Some((permit, is_crowded)) = place else {
            return;
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = Connection {
                    registry: registry.clone(),
                    options: options.clone(),
                    peer,
                    is_crowded,
                    stopped: stopped.clone(),
                };
                tokio::spawn(async move {
                    connection.open(stream).await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

impl Places {
    /// A place for a connection, and whether it is one of those that are only told that there are too many. Nothing
    /// when the listener is gone.
    async fn take(&self) -> Option<(OwnedSemaphorePermit, bool)> {
        if let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() {
            return Some((permit, false));
        }
        tokio::select! {
            biased;
            permit = Arc::clone(&self.refusals).acquire_owned() => Some((permit.ok()?, true)),
            permit = Arc::clone(&self.connections).acquire_owned() => Some((permit.ok()?, false)),
        }
    }
}

/// Forgets old upload sessions as long as the registry is being served.
async fn sweep(registry: Registry, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            () = tokio::time::sleep(SWEEP_PAUSE) => registry.forget_old_uploads(),
        }
    }
}

/// An accepted connection. One that breaks is the client's affair; nobody is told of it.
struct Connection {
    registry: Registry,
    options: ListenOptions,
    peer: SocketAddr,
    /// There are too many already.
    is_crowded: bool,
    stopped: watch::Receiver<()>,
}

impl Connection {
    async fn open(self, stream: TcpStream) {
        // Answers are written as a whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let registry = self.registry.clone();
        registry.metrics().connection_opened();
        if self.is_crowded {
            let _ = tokio::time::timeout(REFUSED_TIMEOUT, self.speak(stream)).await;
        } else {
            self.speak(stream).await;
        }
        registry.metrics().connection_closed();
    }

    #[cfg(feature = "tls")]
    async fn speak(self, stream: TcpStream) {
        let Some(identity) = &self.options.tls else {
            return self.serve(stream).await;
        };
        let handshake = identity.acceptor().accept(stream);
        let handshake = tokio::time::timeout(self.options.header_timeout, handshake);
        let mut stopped = self.stopped.clone();
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            // Nothing was asked for yet.
            _ = stopped.changed() => return,
        };
        if let Ok(Ok(stream)) = shaken {
            self.serve(stream).await;
        }
    }

    #[cfg(not(feature = "tls"))]
    async fn speak(self, stream: TcpStream) {
        self.serve(stream).await;
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Self {
            registry,
            options,
            peer,
            is_crowded,
            mut stopped,
        } = self;
        let service = service_fn(move |mut request: http::Request<_>| {
            request.extensions_mut().insert(Peer(peer));
            if is_crowded {
                request.extensions_mut().insert(Crowded);
            }
            let registry = registry.clone();
            async move { Ok::<_, Infallible>(registry.handle(request).await) }
        });
        let stream = Guarded::new(stream, options.write_timeout);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(options.header_timeout)
            .keep_alive(!is_crowded)
            .max_buf_size(options.max_head_bytes.max(8 * 1024))
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}
