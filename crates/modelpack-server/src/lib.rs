//! An OCI registry that any program can embed.
//!
//! A [`Registry`] turns a request into an answer; it needs no socket. What it serves lies behind the
//! [`Storage`] trait: [`DiskStorage`] is the store that the command line uses, so what was built there
//! is served without a copy; [`MemoryStorage`] is for tests. It never makes a request of its own.
//!
//! ```
//! use http::Request;
//! use http_body_util::BodyExt;
//! use modelpack_server::{MemoryStorage, Options, Registry};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::new(MemoryStorage::new(), Options::default());
//!
//! let digest = modelpack_spec::Digest::sha256(b"weights");
//! let push = Request::post(format!("/v2/qwen/qwen3/blobs/uploads/?digest={digest}"));
//! assert_eq!(registry.handle(push.body("weights".to_owned())?).await.status(), 201);
//!
//! let pull = Request::get(format!("/v2/qwen/qwen3/blobs/{digest}"));
//! let body = registry.handle(pull.body(String::new())?).await.into_body();
//! assert_eq!(body.collect().await?.to_bytes(), "weights");
//! # Ok(())
//! # }
//! ```
//!
//! Inside of another server: [`Registry::handle`] takes any request of the `http` crate, so a hyper
//! service calls it for paths that begin with `/v2` (`examples/beside.rs`). With feature `tower` an
//! axum router takes the registry as it is (`examples/tower.rs`):
//!
//! ```text
//! let app = axum::Router::new().route("/", get(page)).fallback_service(registry);
//! ```
//!
//! Features: `listen` adds the function `listen`, an HTTP/1.1 socket with limits, and `tls` its
//! certificates; `basic` and `token` add ways to log in ([`Access`]); `tower` makes a [`Registry`] a
//! `tower::Service`, which is what axum routers take.
#![forbid(unsafe_code)]

mod access;
mod error;
mod observe;
mod options;
mod rate;
mod registry;
mod storage;
mod upstream;

mod answer;
mod authorize;
mod blocking;
mod body;
mod document;
mod endpoints;
#[cfg(feature = "listen")]
mod listen;
mod metrics;
mod receive;
mod session;
#[cfg(feature = "tower")]
mod tower;

pub use access::{Access, Action, Caller, Grant, Rule, RuleError, Rules, Wanted, WrongCredentials};
#[cfg(feature = "basic")]
pub use access::{BasicAccess, PasswordFileError, Passwords};
#[cfg(feature = "token")]
pub use access::{TokenAccess, TokenKeyError, TokenKeys};
pub use body::Body;
pub use error::Error;
#[cfg(feature = "tls")]
pub use listen::TlsIdentity;
#[cfg(feature = "listen")]
pub use listen::{ListenOptions, Listener, listen, listen_on};
pub use observe::{Answered, Finished, NotFetched, NotRefreshed, Observer, Peer};
pub use options::{Hosts, Options};
pub use rate::RateLimit;
pub use registry::Registry;
pub use storage::{
    Content, DiskStorage, Garbage, MemoryStorage, MountSource, Storage, StoredManifest, Upload,
};
pub use upstream::{Fetched, Upstream, UpstreamSink};
