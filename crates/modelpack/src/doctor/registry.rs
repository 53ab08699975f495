//! A registry as a doctor sees it.

use modelpack_registry::{Client, Error as RegistryError, Mount, Name, UploadProbe};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{AnyManifest, Descriptor, Digest, Host, Reference, Repository, Tag};

use super::{Finding, in_one_line};
use crate::{Control, Error};

/// What came of a question: an answer, the reason why there was none, or nothing when it was not asked.
pub type Answer<T> = Option<Result<T, RegistryError>>;

/// What a registry answered to every question.
#[derive(Debug)]
#[non_exhaustive]
pub struct RegistryProbe {
    /// The registry, as references name it.
    pub host: Host,
    /// The repository that was asked about.
    pub repository: Option<Repository>,
    /// Scheme, host and port that were asked.
    pub address: String,
    /// The proxy on the way, without its password.
    pub proxy: Option<String>,
    /// Whether a login for it is known, so that a refusal is a fault. Not known by the probe itself: set it.
    pub has_login: bool,
    /// Whether it is a registry, and takes our credentials.
    pub ping: Answer<()>,
    /// How many tags the repository has.
    pub tags: Answer<usize>,
    /// The artifact that was asked for, or the last one of the list.
    pub artifact: Answer<Digest>,
    /// Whether parts of blobs can be asked for.
    pub ranges: Answer<bool>,
    /// Whether it lists referrers itself.
    pub referrers: Answer<bool>,
    /// Whether an upload can be opened.
    pub upload: Answer<UploadProbe>,
    /// Whether a blob is taken over from a repository that is named.
    pub mount_from: Answer<bool>,
    /// Whether the registry looks for a blob itself.
    pub mount_anonymous: Answer<bool>,
}

/// Asks a registry what it can do; without a reference only whether it is there. Nothing is left behind: an
/// upload that is opened is given up again.
///
/// # Errors
/// [`Error::Cancelled`], and [`Error::Registry`] for a host that cannot be connected to at all. What the
/// registry refuses is in the probe.
pub async fn probe_registry(
    client: &Client,
    host: &Host,
    reference: Option<&Reference>,
    control: &Control,
) -> Result<RegistryProbe, Error> {
    control.stop_early(ask(client, host, reference)).await
}

async fn ask(
    client: &Client,
    host: &Host,
    reference: Option<&Reference>,
) -> Result<RegistryProbe, Error> {
    let mut probe = RegistryProbe {
        host: host.clone(),
        repository: reference.map(|reference| reference.repository.clone()),
        address: client.address_of(host)?,
        proxy: client.proxy_of(host)?.map(|proxy| proxy.to_string()),
        has_login: false,
        ping: Some(client.ping(host).await),
        tags: None,
        artifact: None,
        ranges: None,
        referrers: None,
        upload: None,
        mount_from: None,
        mount_anonymous: None,
    };
    let is_there = match &probe.ping {
        Some(Err(RegistryError::Unauthorized { .. } | RegistryError::Denied { .. })) => true,
        Some(answer) => answer.is_ok(),
        None => false,
    };
    let Some(reference) = reference.filter(|_| is_there) else {
        return Ok(probe);
    };
    let name = Name::from(reference);
    let tags = client.list_tags(&name, None).await;
    let wanted = match reference.selector() {
        Some(selector) => Some(TagOrDigest::from(selector)),
        None => last_tag(&tags).map(TagOrDigest::Tag),
    };
    probe.tags = Some(tags.map(|tags| tags.len()));
    if let Some(wanted) = wanted {
        ask_about_artifact(client, &name, &wanted, &mut probe).await;
    }
    let subject = match &probe.artifact {
        Some(Ok(digest)) => *digest,
        _ => Digest::sha256(b""),
    };
    probe.referrers = Some(client.probe_referrers(&name, &subject).await);
    probe.upload = Some(client.probe_upload(&name).await);
    Ok(probe)
}

async fn ask_about_artifact(
    client: &Client,
    name: &Name,
    wanted: &TagOrDigest,
    probe: &mut RegistryProbe,
) {
    let fetched = match client.fetch_manifest(name, wanted).await {
        Ok(fetched) => fetched,
        Err(error) => {
            probe.artifact = Some(Err(error));
            return;
        }
    };
    probe.artifact = Some(Ok(fetched.digest));
    let AnyManifest::Manifest(manifest) = &fetched.manifest else {
        return;
    };
    let manifest = manifest.value();
    if let Some(largest) = largest(&manifest.layers) {
        probe.ranges = client.probe_ranges(name, largest).await.transpose();
    }
    // The repository has the config, so that a mount changes nothing.
    let digest = manifest.config.digest;
    let repository = name.repository.clone();
    probe.mount_from = Some(can_mount(client, name, &digest, Some(&repository)).await);
    probe.mount_anonymous = Some(can_mount(client, name, &digest, None).await);
}

async fn can_mount(
    client: &Client,
    name: &Name,
    digest: &Digest,
    from: Option<&Repository>,
) -> Result<bool, RegistryError> {
    match client.mount_blob(name, digest, from).await? {
        Mount::Upload(upload) => {
            // Uploads that nobody uses end by themselves.
            let _ = client.cancel_upload(upload).await;
            Ok(false)
        }
        _ => Ok(true),
    }
}

fn largest(layers: &[Descriptor]) -> Option<&Descriptor> {
    layers.iter().max_by_key(|layer| layer.size)
}

fn last_tag(tags: &Result<Vec<String>, RegistryError>) -> Option<Tag> {
    tags.as_ref().ok()?.last()?.parse().ok()
}

impl RegistryProbe {
    /// What is right and wrong.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = vec![self.judge_ping()];
        findings.extend(self.judge_tags());
        findings.extend(self.judge_artifact());
        findings.extend(self.judge(
            "ranges",
            &self.ranges,
            "downloads are continued and run over several connections",
            "only whole files are sent",
            "a download that breaks begins again, over one connection; ask for ranges, or put a cache in front",
        ));
        findings.extend(self.judge(
            "referrers",
            &self.referrers,
            "signatures and the like are listed",
            "are not listed by the registry",
            "the list is kept under a tag instead; two writers at the same time can lose an entry",
        ));
        findings.extend(self.judge_upload());
        findings.extend(self.judge(
            "mount from",
            &self.mount_from,
            "layers are taken over from another repository that is known",
            "layers are not taken over from another repository",
            "what another repository has is sent again",
        ));
        findings.extend(self.judge(
            "mount anonymous",
            &self.mount_anonymous,
            "the registry finds layers in its other repositories by itself",
            "the registry does not look for layers by itself",
            "layers are mounted from repositories that this store knows, and else sent",
        ));
        findings
    }

    fn good(&self, check: &str, says: impl Into<String>) -> Finding {
        Finding::good(self.host.as_str(), check, says)
    }

    fn judge_ping(&self) -> Finding {
        let address = &self.address;
        match &self.ping {
            Some(Ok(())) => self.good("reachable", format!("{address} is a registry")),
            Some(Err(
                error @ (RegistryError::Unauthorized { .. } | RegistryError::Denied { .. }),
            )) => {
                let login = self.good("login", in_one_line(error));
                // A registry can want more than this login has for its first page, and still take it.
                let is_taken =
                    matches!(self.upload, Some(Ok(_) | Err(RegistryError::Denied { .. })));
                if self.has_login && !is_taken {
                    login.bad(hint(error))
                } else {
                    login.notice(
                        "what everybody may read can be read; `docker login HOST` for the rest",
                    )
                }
            }
            Some(Err(error)) => self.good("reachable", in_one_line(error)).bad(hint(error)),
            None => self
                .good("reachable", format!("{address} was not asked"))
                .notice("ask again"),
        }
    }

    fn judge_tags(&self) -> Option<Finding> {
        Some(match self.tags.as_ref()? {
            Ok(count) => self.good("tags", format!("{count} are listed")),
            Err(error) => self.refused(
                "tags",
                error,
                "tags cannot be listed; pulling and pushing by name does not need that",
            ),
        })
    }

    fn judge_artifact(&self) -> Option<Finding> {
        Some(match self.artifact.as_ref()? {
            Ok(digest) => self.good("pull", format!("allowed; it has digest {digest}")),
            Err(error) if error.is_not_found() => self.good("pull", in_one_line(error)).notice(
                "nothing is there under this name, or it is not shown to this login; ranges and mounts were not tried",
            ),
            Err(error) => self.good("pull", in_one_line(error)).bad(hint(error)),
        })
    }

    fn judge_upload(&self) -> Vec<Finding> {
        let Some(answer) = &self.upload else {
            return Vec::new();
        };
        let upload = match answer {
            Ok(upload) => upload,
            Err(error) => {
                let hint = "this login may pull only; ask whoever runs the registry for more";
                return vec![self.refused("push", error, hint)];
            }
        };
        let push = self.good("push", "allowed; an upload was opened");
        let push = if upload.is_cancelled {
            Finding {
                says: format!("{} and given up again", push.says),
                ..push
            }
        } else {
            push.notice(
                "the registry did not take the end of the upload; it ends it itself one day",
            )
        };
        let minimum = match upload.chunk_min_bytes {
            Some(bytes) => format!("pieces of an upload have at least {}", super::size(bytes)),
            None => "no minimum for pieces of an upload".to_owned(),
        };
        vec![push, self.good("chunk minimum", minimum)]
    }

    fn judge(
        &self,
        check: &str,
        answer: &Answer<bool>,
        yes: &str,
        no: &str,
        hint: &str,
    ) -> Option<Finding> {
        Some(match answer.as_ref()? {
            Ok(true) => self.good(check, yes),
            Ok(false) => self.good(check, no).notice(hint),
            Err(error) => self.refused(check, error, hint),
        })
    }

    /// What this login may not do, or the registry does not know, is no fault; a failure is one.
    fn refused(&self, check: &str, error: &RegistryError, notice: &str) -> Finding {
        let finding = self.good(check, in_one_line(error));
        if error.is_network() {
            finding.bad(hint(error))
        } else {
            finding.notice(notice)
        }
    }
}

/// What to do about an error of the registry.
fn hint(error: &RegistryError) -> Option<String> {
    crate::hint::registry_hint(error).or_else(|| {
        error.is_unauthorized().then(|| {
            "log in to the registry (`docker login HOST`), or ask for access to the repository"
                .to_owned()
        })
    })
}
