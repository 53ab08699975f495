//! An OCI registry that misbehaves on purpose, on a real socket.
//!
//! Without rules it is a small and correct registry in memory: blobs with ranges, manifests, tags, uploads in every
//! way, mounts, deletions, referrers, Basic and Bearer. With [`Rule`]s it does what registries, proxies and networks
//! do on bad days. Rules are data, can be read from JSON, and count the requests they match, so every run with the
//! same requests goes the same way.
//!
//! It writes down every request at each of its origins, and keeps a ledger of the bytes of every blob that went out.
//!
//! ```
//! use modelpack_faulty::{Class, Contents, Fault, FaultyRegistry, Rule, When};
//!
//! let contents = Contents::new();
//! let digest = contents.add_blob("models/tiny", vec![7; 1000]);
//! let registry = FaultyRegistry::builder()
//!     .contents(&contents)
//!     .rule(Rule::new(When::new("GET", Class::Blob), Fault::Cut { after: 100 }).once())
//!     .start();
//!
//! // … let a client pull from `registry.host()` …
//! assert!(registry.leaks().is_empty());
//! assert!(registry.served(&digest).total() <= 1100);
//! ```
//!
//! With the feature `tls` it also speaks HTTPS.
//!
//! Threads and blocking sockets do the work: every byte on the wire is under control, and no runtime is needed. What
//! cannot be as a test needs it, such as a port that cannot be bound, panics with a sentence.

#![forbid(unsafe_code)]

mod answering;
mod auth;
mod behaviour;
mod blob;
mod contents;
mod digest;
mod effects;
mod fault;
mod generate;
mod journal;
mod lists;
mod matching;
mod pull;
mod push;
mod random;
mod registry;
mod reply;
mod route;
mod rules;
mod send;
mod server;
mod sessions;
mod state;
#[cfg(feature = "tls")]
mod tls;
mod wire;

pub use behaviour::{Auth, Bearer, Behaviour, Mount, Uploads};
pub use blob::SyntheticBlob;
pub use contents::Contents;
pub use digest::sha256_digest;
pub use fault::{Fault, Filler, Framing, HangUp, Link, Location, RetryAfter, Target, Timing};
pub use generate::Scene;
pub use journal::{Connections, Exchange, Served};
pub use random::{random_bytes, write_random};
#[cfg(feature = "tls")]
pub use registry::Tls;
pub use registry::{FaultyBuilder, FaultyRegistry, Leak};
pub use rules::{Class, Origin, Rule, Times, When};
