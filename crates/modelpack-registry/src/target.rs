//! Which server answers for a repository, and under which URLs.

use modelpack_spec::distribution::Endpoint;
use modelpack_spec::{Host, Repository};
use url::Url;

use crate::client::PlainHttp;
use crate::error::Error;
use crate::name::Name;
use crate::policy::Origin;

/// The host that answers for `docker.io`.
pub(crate) const DOCKER_HUB_REGISTRY: &str = "registry-1.docker.io";
/// Other names of it, as people and old files write them.
const DOCKER_HUB: [&str; 2] = ["docker.io", "index.docker.io"];

/// A repository with the server that answers for it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// As the caller wrote it; what credentials are looked up by.
    pub(crate) name: Name,
    pub(crate) origin: Origin,
    base: Url,
    repository: Repository,
    /// For a mirror: whether it is one, and the registry that its requests name.
    mirror: Option<Option<Host>>,
}

impl Target {
    pub(crate) fn new(name: &Name, plain_http: PlainHttp) -> Result<Self, Error> {
        let scheme = match plain_http {
            PlainHttp::Always => "http",
            PlainHttp::Loopback if name.host.is_loopback() => "http",
            PlainHttp::Never | PlainHttp::Loopback => "https",
        };
        let repository = answering_repository(&name.host, &name.repository);
        Self::at(name, scheme, answering_host(&name.host), repository)
    }

    /// A repository of a mirror, called as it is. `ns` is the registry that its requests name.
    pub(crate) fn mirror(name: &Name, is_https: bool, ns: Option<Host>) -> Result<Self, Error> {
        let scheme = if is_https { "https" } else { "http" };
        let repository = name.repository.clone();
        let target = Self::at(name, scheme, name.host.as_str(), repository)?;
        Ok(Self {
            mirror: Some(ns),
            ..target
        })
    }

    fn at(name: &Name, scheme: &str, host: &str, repository: Repository) -> Result<Self, Error> {
        let setup = || Error::Setup {
            reason: format!("`{host}` is no host that can be connected to"),
            source: None,
        };
        let base = Url::parse(&format!("{scheme}://{host}/")).map_err(|_| setup())?;
        let origin = Origin::of(&base).ok_or_else(setup)?;
        Ok(Self {
            repository,
            name: name.clone(),
            origin,
            base,
            mirror: None,
        })
    }

    pub(crate) fn is_mirror(&self) -> bool {
        self.mirror.is_some()
    }

    /// The repository as the server calls it.
    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Another repository of the same registry, as the server calls it.
    pub(crate) fn sibling(&self, repository: &Repository) -> Repository {
        answering_repository(&self.name.host, repository)
    }

    pub(crate) fn url(&self, endpoint: &Endpoint) -> Url {
        let mut url = self
            .base
            .join(&endpoint.path_and_query())
            .expect("the target of an endpoint is an absolute path, percent-encoded where needed");
        if let Some(Some(ns)) = &self.mirror {
            url.query_pairs_mut().append_pair("ns", ns.as_str());
        }
        url
    }
}

/// The host that answers for this one.
pub(crate) fn answering_host(host: &Host) -> &str {
    if DOCKER_HUB.contains(&host.as_str()) {
        DOCKER_HUB_REGISTRY
    } else {
        host.as_str()
    }
}

/// Docker Hub keeps what people call `name` under `library/name`.
fn answering_repository(host: &Host, repository: &Repository) -> Repository {
    let is_short = !repository.as_str().contains('/');
    if is_short && answering_host(host) == DOCKER_HUB_REGISTRY {
        format!("library/{repository}")
            .parse()
            .expect("two path components are a repository")
    } else {
        repository.clone()
    }
}
