//! What a user says about single hosts, as plain data.
//!
//! [`Hosts`] is a table of [`HostSettings`] by host; everything in it is optional, and a client works
//! without. It can be filled by hand, by `serde`, or from a `hosts.toml` (feature `hosts-file`):
//!
//! ```toml
//! [default]
//! connections = 8                    # at the same time, per host
//!
//! [host."registry.example.com"]
//! ca_file = ["corp-ca.pem"]
//! download_limit = "50MB/s"
//!
//! [[host."docker.io".mirror]]        # asked first, for what has a digest
//! url = "https://harbor.example.com"
//! path_prefix = "hub"
//! ```

#[cfg(feature = "hosts-file")]
mod file;
mod units;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::{HeaderName, HeaderValue};
use modelpack_spec::{Host, Repository};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

#[cfg(feature = "hosts-file")]
pub use file::InvalidHostsFile;
pub use units::{ByteRate, ByteSize, InvalidSize};

use self::units::parsed;
use crate::auth::Secret;
use crate::error::Error;
use crate::policy::Origin;
use crate::proxy::{NoProxy, Proxy};
use crate::target::answering_host;

/// Settings of hosts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Hosts {
    /// Hosts that are asked without the proxy of `default`.
    pub no_proxy: Option<NoProxy>,
    /// What holds for every host that does not say otherwise. What belongs to one origin (headers, a
    /// client certificate, token hosts) has no place here.
    pub default: HostSettings,
    /// By host, as references name it: `docker.io`, `localhost:5000`.
    #[serde(rename = "host", deserialize_with = "by_host")]
    pub hosts: BTreeMap<Host, HostSettings>,
}

/// Settings of one host.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HostSettings {
    /// Places that are asked before the registry itself, in pulls.
    #[serde(rename = "mirror")]
    pub mirrors: Vec<Mirror>,
    /// The proxy on the way to the host.
    pub proxy: Option<ProxyChoice>,
    /// Files with certificate authorities (PEM) that vouch for the host, besides those of the system.
    #[serde(deserialize_with = "one_or_more")]
    pub ca_file: Vec<PathBuf>,
    /// File with the certificate (PEM, the chain after it) that we show to the host.
    pub client_cert: Option<PathBuf>,
    /// File with the key (PEM) of that certificate.
    pub client_key: Option<PathBuf>,
    /// Most connections to the host at the same time.
    pub connections: Option<NonZeroU16>,
    /// Most bytes per second of bodies from the host, all transfers together.
    pub download_limit: Option<ByteRate>,
    /// Most bytes per second of bodies to the host, all transfers together.
    pub upload_limit: Option<ByteRate>,
    /// Size of the pieces in which a blob is pushed to the host.
    pub chunk_size: Option<ByteSize>,
    /// The `User-Agent` for the host.
    #[serde(deserialize_with = "user_agent")]
    pub user_agent: Option<String>,
    /// Whether the host is spoken to without TLS.
    pub plain_http: Option<bool>,
    /// Takes any TLS certificate of the host, also that of someone in the middle.
    pub danger_accept_invalid_certs: Option<bool>,
    /// Headers of every request to the host. They go to no other place.
    pub headers: Headers,
    /// Token services of other origins that may get the credentials for the host.
    #[serde(deserialize_with = "host_list")]
    pub token_hosts: Vec<Host>,
    /// The contents of `ca_file`, or authorities from elsewhere.
    #[serde(skip)]
    pub ca_pem: Vec<Vec<u8>>,
    /// The contents of `client_cert` and `client_key`, or an identity from elsewhere.
    #[serde(skip)]
    pub identity: Option<ClientIdentity>,
}

/// A place that has what a registry has.
///
/// It is asked for documents and blobs by digest, whose bytes prove themselves; for a tag only when
/// `tags` is set, since nothing proves where a tag points. It never gets credentials, headers or the
/// client certificate of the registry that it mirrors, only those that are set for its own host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Mirror {
    /// Scheme and host: `https://harbor.example.com`, `http://127.0.0.1:65001`.
    #[serde(deserialize_with = "parsed")]
    pub url: MirrorUrl,
    /// Mirrors with a lower number are asked first; 0 by default.
    #[serde(default)]
    pub priority: i32,
    /// What stands before the repository there: the project of a proxy cache.
    #[serde(default, deserialize_with = "prefix")]
    pub path_prefix: Option<Repository>,
    /// Whether requests say which registry is meant (`ns=docker.io`); on by default.
    #[serde(default = "yes")]
    pub ns: bool,
    /// Whether it is also believed where a tag points.
    #[serde(default)]
    pub tags: bool,
}

impl Mirror {
    /// A mirror that is asked for digests only.
    #[must_use]
    pub fn new(url: MirrorUrl) -> Self {
        Self {
            url,
            priority: 0,
            path_prefix: None,
            ns: true,
            tags: false,
        }
    }
}

/// Scheme and host of a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorUrl {
    is_https: bool,
    host: Host,
}

impl MirrorUrl {
    /// Whether it is spoken to with TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The host that its settings and credentials are found by.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }
}

impl fmt::Display for MirrorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)
    }
}

/// A text that is no scheme and host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address of a mirror {reason}; write for example `https://mirror.example.com:5000`")]
pub struct InvalidMirrorUrl {
    // The text itself may hold a password.
    reason: &'static str,
}

impl FromStr for MirrorUrl {
    type Err = InvalidMirrorUrl;

    fn from_str(text: &str) -> Result<Self, InvalidMirrorUrl> {
        let invalid = |reason| InvalidMirrorUrl { reason };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| invalid("has no `https://` or `http://`"))?;
        let is_https = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(invalid("is neither https nor http")),
        };
        let host = rest.strip_suffix('/').unwrap_or(rest);
        if host.contains('/') {
            return Err(invalid("has a path; that is `path_prefix`"));
        }
        let host = host.to_ascii_lowercase();
        let host = host
            .parse()
            .map_err(|_| invalid("has a host that is none, or more than a host and a port"))?;
        Ok(Self { is_https, host })
    }
}

/// The proxy on the way to one host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyChoice {
    /// Written `none`: the host is asked directly, whatever the environment says.
    Direct,
    /// This one.
    Through(Proxy),
}

impl<'de> Deserialize<'de> for ProxyChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "none" {
            return Ok(Self::Direct);
        }
        text.parse().map(Self::Through).map_err(D::Error::custom)
    }
}

/// A certificate with its key, as PEM. The key is never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    cert_pem: Vec<u8>,
    key_pem: Vec<u8>,
}

impl ClientIdentity {
    /// A certificate (the chain after it) and its key; both can be in one file.
    #[must_use]
    pub fn new(cert_pem: impl Into<Vec<u8>>, key_pem: impl Into<Vec<u8>>) -> Self {
        Self {
            cert_pem: cert_pem.into(),
            key_pem: key_pem.into(),
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn cert_pem(&self) -> &[u8] {
        &self.cert_pem
    }

    #[cfg(feature = "tls")]
    pub(crate) fn key_pem(&self) -> &[u8] {
        &self.key_pem
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(***)")
    }
}

/// Headers for one host. Values can be secret, so they are never shown by `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// Adds a header.
    pub fn push(&mut self, name: HeaderName, mut value: HeaderValue) {
        value.set_sensitive(true);
        self.0.push((name, value));
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut headers = Self::default();
        for (name, value) in BTreeMap::<String, Secret>::deserialize(deserializer)? {
            let value = HeaderValue::try_from(value.expose()).map_err(|_| {
                D::Error::custom(format!("`{name}` has a value that no header can carry"))
            })?;
            let name = HeaderName::try_from(&name)
                .map_err(|_| D::Error::custom(format!("`{name}` is no name of a header")))?;
            headers.push(name, value);
        }
        Ok(headers)
    }
}

impl Hosts {
    /// Reads the files that the settings name: certificates and keys. `read` gets each path as it was
    /// written, and decides what it is relative to.
    ///
    /// # Errors
    /// [`Error::Setup`] that names the host and the file.
    pub fn load_files(
        &mut self,
        mut read: impl FnMut(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<(), Error> {
        let named = self.hosts.iter_mut();
        let named = named.map(|(host, settings)| (host.as_str(), settings));
        for (host, settings) in named.chain([("default", &mut self.default)]) {
            settings
                .load_files(&mut read)
                .map_err(|(path, source)| Error::Setup {
                    reason: format!("cannot read {} of {host}", path.display()),
                    source: Some(source.into()),
                })?;
        }
        Ok(())
    }

    /// The settings of a host itself, to be changed; empty ones when it has none yet.
    pub fn entry(&mut self, host: Host) -> &mut HostSettings {
        let known = self.hosts.keys().find(|key| is_same(key, &host)).cloned();
        self.hosts.entry(known.unwrap_or(host)).or_default()
    }

    /// The settings of a host: its own, and the default for what they leave out.
    #[must_use]
    pub fn of(&self, host: &Host) -> HostSettings {
        let own = self.hosts.iter().find(|(key, _)| is_same(key, host));
        self.merged(own.map(|(_, settings)| settings))
    }

    pub(crate) fn at(&self, origin: &Origin) -> HostSettings {
        let own = self
            .hosts
            .iter()
            .find(|(key, _)| origin.is_at(&answering(key)));
        self.merged(own.map(|(_, settings)| settings))
    }

    /// Whether a host has a proxy setting of its own.
    pub(crate) fn names_proxy(&self, origin: &Origin) -> bool {
        self.hosts
            .iter()
            .any(|(key, own)| own.proxy.is_some() && origin.is_at(&answering(key)))
    }

    fn merged(&self, own: Option<&HostSettings>) -> HostSettings {
        let Some(own) = own else {
            return self.default.clone();
        };
        let default = &self.default;
        let mut merged = own.clone();
        if merged.mirrors.is_empty() {
            merged.mirrors.clone_from(&default.mirrors);
        }
        merged.ca_pem.extend(default.ca_pem.iter().cloned());
        merged.proxy = merged.proxy.or_else(|| default.proxy.clone());
        merged.connections = merged.connections.or(default.connections);
        merged.download_limit = merged.download_limit.or(default.download_limit);
        merged.upload_limit = merged.upload_limit.or(default.upload_limit);
        merged.chunk_size = merged.chunk_size.or(default.chunk_size);
        merged.user_agent = merged.user_agent.or_else(|| default.user_agent.clone());
        merged.plain_http = merged.plain_http.or(default.plain_http);
        merged.danger_accept_invalid_certs = merged
            .danger_accept_invalid_certs
            .or(default.danger_accept_invalid_certs);
        merged
    }

    /// Token services that may get credentials, each with the registry that they are for.
    pub(crate) fn token_hosts(&self) -> impl Iterator<Item = (Host, Host)> + '_ {
        self.hosts.iter().flat_map(|(host, settings)| {
            let token_hosts = settings.token_hosts.iter().cloned();
            token_hosts.map(|token_host| (answering(host), token_host))
        })
    }

    /// Refuses settings that contradict themselves.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let setup = |reason: String| Error::Setup {
            reason,
            source: None,
        };
        let default = &self.default;
        let bound = [
            ("headers", !default.headers.is_empty()),
            ("client_cert", default.client_cert.is_some()),
            ("client_key", default.client_key.is_some()),
            ("client_cert", default.identity.is_some()),
            ("token_hosts", !default.token_hosts.is_empty()),
        ];
        if let Some((key, _)) = bound.iter().find(|(_, is_set)| *is_set) {
            return Err(setup(format!(
                "`{key}` in the default settings would go to every host; write it below the host that it is for"
            )));
        }
        let named = self.hosts.iter();
        let named = named.map(|(host, settings)| (host.as_str(), settings));
        for (host, settings) in named.chain([("default", default)]) {
            if settings.client_cert.is_some() != settings.client_key.is_some() {
                return Err(setup(format!(
                    "{host} has only one of `client_cert` and `client_key`"
                )));
            }
            if let Some(path) = settings.ca_file.first().or(settings.client_cert.as_ref()) {
                return Err(setup(format!(
                    "{} of {host} was named but not read",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

impl HostSettings {
    fn load_files(
        &mut self,
        read: &mut impl FnMut(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<(), (PathBuf, io::Error)> {
        let mut load = |path: &PathBuf| read(path).map_err(|error| (path.clone(), error));
        for path in &self.ca_file {
            self.ca_pem.push(load(path)?);
        }
        self.ca_file.clear();
        if let (Some(cert), Some(key)) = (&self.client_cert, &self.client_key) {
            self.identity = Some(ClientIdentity::new(load(cert)?, load(key)?));
            self.client_cert = None;
            self.client_key = None;
        }
        Ok(())
    }
}

/// The host that answers for this one, as a host.
fn answering(host: &Host) -> Host {
    answering_host(host)
        .parse()
        .expect("the name of a registry is a host")
}

/// Whether two hosts are the same registry: Docker Hub has more than one name.
fn is_same(a: &Host, b: &Host) -> bool {
    answering_host(a).eq_ignore_ascii_case(answering_host(b))
}

fn yes() -> bool {
    true
}

fn by_host<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Host, HostSettings>, D::Error> {
    let read = BTreeMap::<HostKey, HostSettings>::deserialize(deserializer)?;
    let mut hosts: BTreeMap<Host, HostSettings> = BTreeMap::new();
    for (HostKey(host), settings) in read {
        if let Some(twin) = hosts.keys().find(|key| is_same(key, &host)) {
            let message = format!("{twin} and {host} are one registry; write its settings once");
            return Err(D::Error::custom(message));
        }
        hosts.insert(host, settings);
    }
    Ok(hosts)
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct HostKey(Host);

impl<'de> Deserialize<'de> for HostKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?.to_ascii_lowercase();
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

fn host_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Host>, D::Error> {
    let hosts = Vec::<HostKey>::deserialize(deserializer)?;
    Ok(hosts.into_iter().map(|HostKey(host)| host).collect())
}

fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Repository>, D::Error> {
    parsed(deserializer).map(Some)
}

fn user_agent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match HeaderValue::try_from(&text) {
        Ok(_) => Ok(Some(text)),
        Err(_) => Err(D::Error::custom(
            "the user agent cannot be sent as a header",
        )),
    }
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a path or a list of paths")]
    enum Paths {
        One(PathBuf),
        More(Vec<PathBuf>),
    }
    Ok(match Paths::deserialize(deserializer)? {
        Paths::One(path) => vec![path],
        Paths::More(paths) => paths,
    })
}

#[cfg(test)]
mod tests;
