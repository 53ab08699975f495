//! References: the grammar of distribution/reference, fully qualified.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Digest, Error};

/// Longest host plus repository, in bytes; what most clients and registries take
/// (OCI distribution specification, [pulling manifests]).
///
/// [pulling manifests]: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
const MAX_NAME_BYTES: usize = 255;
/// Longest tag, in bytes (same section).
const MAX_TAG_BYTES: usize = 128;

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(reason) => Err(Error::InvalidReference { text: text.to_owned(), reason: reason.to_owned() }),
                }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

checked_text!(
    /// The host of a registry, with its port if it has one: `ghcr.io`, `localhost:5000`, `[::1]:5000`.
    Host,
    check_host
);
checked_text!(
    /// The path of a repository below its host: `library/qwen3`.
    Repository,
    check_repository
);
checked_text!(
    /// A tag: 1 to 128 of `[A-Za-z0-9_.-]`, not beginning with `.` or `-`.
    Tag,
    check_tag
);

impl Host {
    /// Name or address without port and without the brackets of an IPv6 address.
    #[must_use]
    pub fn name(&self) -> &str {
        let (name, _) = split_port(&self.0);
        name.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, when one is given.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        split_port(&self.0).1.and_then(|port| port.parse().ok())
    }

    /// Whether it names this machine: `localhost`, `*.localhost`, `127.0.0.0/8` or `::1`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let name = self.name();
        name == "localhost"
            || name.ends_with(".localhost")
            || name
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.starts_with('[') || name.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn check_host(text: &str) -> Result<(), &'static str> {
    let (name, port) = split_port(text);
    if let Some(port) = port
        && (port.is_empty()
            || !port.bytes().all(|byte| byte.is_ascii_digit())
            || port.parse::<u16>().is_err())
    {
        return Err("the port is no number from 0 to 65535");
    }
    if let Some(address) = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return match address.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err("the text in brackets is no IPv6 address"),
        };
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.split('.').all(is_label) {
        Ok(())
    } else {
        Err("the host name has a character or shape that host names do not have")
    }
}

fn check_repository(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("the repository is empty");
    }
    if text.len() > MAX_NAME_BYTES {
        return Err("the repository is longer than 255 bytes");
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("the repository has upper-case letters; only lower case is allowed");
    }
    if text.split('/').all(is_path_component) {
        Ok(())
    } else {
        Err(
            "a component of the repository is not made of a-z, 0-9 and the separators `.`, `_`, `__`, `-`",
        )
    }
}

/// `[a-z0-9]+` joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let word = rest.iter().take_while(|byte| is_word(**byte)).count();
        if word == 0 {
            return false;
        }
        rest = &rest[word..];
        if rest.is_empty() {
            return true;
        }
        let separator = rest.iter().take_while(|byte| !is_word(**byte)).count();
        let allowed = match &rest[..separator] {
            b"." | b"_" | b"__" => true,
            dashes => dashes.iter().all(|byte| *byte == b'-'),
        };
        if !allowed {
            return false;
        }
        rest = &rest[separator..];
    }
}

fn check_tag(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("the tag is empty");
    }
    if text.len() > MAX_TAG_BYTES {
        return Err("the tag is longer than 128 characters");
    }
    if text.starts_with(['.', '-']) {
        return Err("the tag begins with `.` or `-`");
    }
    if text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    {
        Ok(())
    } else {
        Err("the tag has a character other than letters, digits, `_`, `.` and `-`")
    }
}

/// A fully qualified name of an artifact: `host[:port]/repository[:tag][@digest]`.
///
/// There is no default host, no default tag and no `library/`: what is written is what is meant. A
/// leading `oci://` is accepted and not kept. When both a tag and a digest are given, the digest
/// decides and the tag is a name for people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Reference {
    /// The registry.
    pub host: Host,
    /// The repository there.
    pub repository: Repository,
    /// The tag, when one is given.
    pub tag: Option<Tag>,
    /// The digest of the manifest, when one is given.
    pub digest: Option<Digest>,
}

/// What picks one manifest out of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector<'a> {
    /// A tag, which can move.
    Tag(&'a Tag),
    /// A digest, which cannot.
    Digest(&'a Digest),
}

impl fmt::Display for Selector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl Reference {
    /// A reference to a repository as a whole, without tag or digest.
    #[must_use]
    pub fn new(host: Host, repository: Repository) -> Self {
        Self {
            host,
            repository,
            tag: None,
            digest: None,
        }
    }

    /// `host/repository`, without tag and digest.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// What decides which manifest is meant: the digest before the tag; nothing when neither is given.
    #[must_use]
    pub fn selector(&self) -> Option<Selector<'_>> {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Some(Selector::Digest(digest)),
            (None, Some(tag)) => Some(Selector::Tag(tag)),
            (None, None) => None,
        }
    }

    /// The same name with another tag and no digest.
    #[must_use]
    pub fn with_tag(&self, tag: Tag) -> Self {
        Self {
            tag: Some(tag),
            digest: None,
            ..self.clone()
        }
    }

    /// The same name and tag, pinned to a digest.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// The same repository without tag and digest.
    #[must_use]
    pub fn without_selector(&self) -> Self {
        Self {
            tag: None,
            digest: None,
            ..self.clone()
        }
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|reason| Error::InvalidReference {
            text: text.to_owned(),
            reason,
        })
    }
}

fn parse(text: &str) -> Result<Reference, String> {
    let rest = text.strip_prefix("oci://").unwrap_or(text);
    if let Some((scheme, _)) = rest.split_once("://") {
        return Err(format!(
            "`{scheme}://` is no prefix of a reference; write `host/repository:tag` or `oci://host/repository:tag`"
        ));
    }
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (
            rest,
            Some(
                digest
                    .parse::<Digest>()
                    .map_err(|error| error.to_string())?,
            ),
        ),
        None => (rest, None),
    };
    let Some((host, path)) = rest
        .split_once('/')
        .filter(|(first, _)| looks_like_host(first))
    else {
        return Err(missing_host(rest));
    };
    let (repository, tag) = match path.rsplit_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (path, None),
    };
    let part = |error: Error| match error {
        Error::InvalidReference { reason, .. } => reason,
        other => other.to_string(),
    };
    let host: Host = host.parse().map_err(part)?;
    let repository: Repository = repository.parse().map_err(part)?;
    let tag = tag.map(str::parse::<Tag>).transpose().map_err(part)?;
    if host.as_str().len() + 1 + repository.as_str().len() > MAX_NAME_BYTES {
        return Err("host and repository together are longer than 255 bytes".to_owned());
    }
    Ok(Reference {
        host,
        repository,
        tag,
        digest,
    })
}

/// The rule of distribution/reference that tells a host from the first component of a repository.
fn looks_like_host(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':', '['])
        || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn missing_host(rest: &str) -> String {
    let path = if rest.contains('/') {
        rest.to_owned()
    } else {
        format!("library/{rest}")
    };
    let guess = format!("docker.io/{path}");
    if parse(&guess).is_ok() {
        format!("the registry host is missing; did you mean `{guess}`?")
    } else {
        "expected host[:port]/repository[:tag][@digest]".to_owned()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.name();
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag.as_str());
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({self})")
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
