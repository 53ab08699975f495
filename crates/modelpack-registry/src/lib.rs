//! A client for OCI registries that never hands over wrong bytes and never takes a secret elsewhere.
//!
//! Start with [`Client`]. A repository is a [`Name`], content goes into a [`BlobSink`] and comes from a
//! [`BlobSource`], so the client knows neither disk nor store. Manifests and blobs are verified against
//! their digest while they stream; credentials are bound to the origin (scheme, host and port) of the
//! registry that they belong to.
//!
//! ```no_run
//! use modelpack_registry::{Client, Name};
//! use modelpack_spec::Reference;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder().build()?;
//! let reference: Reference = "registry.example.com/qwen/qwen3:0.6b".parse()?;
//! let selector = reference.selector().ok_or("no tag")?;
//! let fetched = client.fetch_manifest(&Name::from(&reference), &selector.into()).await?;
//! println!("{} has digest {}", reference, fetched.digest);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `hosts-file`: reads per-host settings ([`hosts::Hosts`]) from a `hosts.toml`.
//! - `tls`: HTTPS by rustls with the ring provider and the roots of the operating system. Without it only
//!   plain HTTP works.
#![forbid(unsafe_code)]

mod client;
mod content;
mod error;
pub mod hosts;
mod name;

mod auth;
mod exchange;
mod limit;
mod mirror;
mod policy;
mod proxy;
mod target;
mod transport;

pub use auth::{
    Anonymous, Credential, CredentialHelper, CredentialSource, DockerConfig, FirstOf, HelperAnswer,
    HelperFailed, HelperName, InvalidHelperName, LoginFile, LoginPlace, Secret, SingleHost,
    WithHelpers, login_server,
};
pub use client::{
    BlobStat, BlobToPush, Client, ClientBuilder, FetchedManifest, ManifestStat, Mount, PlainHttp,
    Pushed, Upload, UploadProbe,
};
pub use content::{BlobSink, BlobSource, Pending, Progress, Verification};
pub use error::{At, Error};
pub use name::Name;
pub use policy::{RetryPolicy, TransferPolicy};
pub use proxy::{InvalidProxy, NoProxy, Proxies, Proxy};
pub use transport::MirrorFailure;

#[cfg(test)]
mod tests;
