//! A run of the suite: what came out of its checks so far, with the steps that they share.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use modelpack_spec::{Algorithm, Digest};

use super::RegistryOptions;
use super::blobs::{Chunked, Push};
use super::calls::{Call, Outcome, Problem, Subject, unsupported};
use super::names::{Api, DataSet, Verdict};
use super::random::Random;
use super::report::{RegistryCheck, RegistryReport};
use super::wire::{Transport, TransportError};

/// The ways to push a blob, in the order in which they are tried.
const BLOB_APIS: [Api; 4] = [
    Api::BlobPostPut,
    Api::BlobPostOnly,
    Api::BlobStream,
    Api::BlobChunked,
];

pub(super) struct Run<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) repository: String,
    pub(super) other: String,
    pub(super) sparse: bool,
    pub(super) random: Random,
    apis: BTreeMap<Api, Verdict>,
    data: BTreeMap<DataSet, Verdict>,
    checks: Vec<RegistryCheck>,
    /// Names of the groups that are running.
    group: Vec<String>,
    /// Ways to push a blob that were tried, also by algorithm: all get their turn.
    tried: BTreeSet<(Option<&'static str>, Api)>,
}

/// What a check is about.
pub(super) struct About<'a> {
    pub(super) data: Option<DataSet>,
    pub(super) apis: &'a [Api],
}

impl<'a> Run<'a> {
    pub(super) fn new(transport: &'a dyn Transport, options: RegistryOptions) -> Self {
        let verdicts = |data: &&DataSet| **data != DataSet::Sparse || options.sparse;
        Self {
            apis: Api::ALL
                .iter()
                .map(|api| (*api, Verdict::Unknown))
                .collect(),
            data: DataSet::ALL
                .iter()
                .map(|data| match verdicts(&data) {
                    true => (*data, Verdict::Unknown),
                    false => (*data, Verdict::Disabled),
                })
                .collect(),
            subject: Subject {
                transport,
                base: options.url,
                login: options.login,
            },
            repository: options.repository.to_string(),
            other: options.other.to_string(),
            sparse: options.sparse,
            random: Random::new(options.seed),
            checks: Vec::new(),
            group: Vec::new(),
            tried: BTreeSet::new(),
        }
    }

    pub(super) fn into_report(self) -> RegistryReport {
        RegistryReport {
            registry: self.subject.base.to_string(),
            apis: self.apis,
            data: self.data,
            checks: self.checks,
        }
    }

    /// Whether anybody answers at all.
    pub(super) async fn reach(&self) -> Result<(), TransportError> {
        match self.subject.send(Call::get(self.subject.url(""))).await {
            Err(Problem::NoAnswer(message)) => Err(TransportError::new(message)),
            _ => Ok(()),
        }
    }

    pub(super) fn enter(&mut self, name: impl Into<String>) {
        self.group.push(name.into());
    }

    pub(super) fn leave(&mut self) {
        self.group.pop();
    }

    /// Notes what came out of a check. `true` when it passed.
    pub(super) fn note(&mut self, name: &str, about: &About<'_>, outcome: Outcome) -> bool {
        let (verdict, message) = match outcome {
            Ok(()) => (Verdict::Pass, None),
            Err(Problem::Unsupported(message)) => (Verdict::Skip, Some(message)),
            Err(Problem::Wrong(message) | Problem::NoAnswer(message)) => {
                (Verdict::Fail, Some(message))
            }
        };
        for api in about.apis {
            let known = self.apis.entry(*api).or_default();
            *known = verdict.max(*known);
        }
        if let Some(data) = about.data {
            let known = self.data.entry(data).or_default();
            *known = verdict.max(*known);
        }
        let mut path = self.group.clone();
        path.push(name.to_owned());
        self.checks.push(RegistryCheck {
            name: path.join("/"),
            apis: about.apis.to_vec(),
            data: about.data,
            verdict,
            message,
        });
        verdict == Verdict::Pass
    }

    /// A random blob.
    pub(super) fn blob(&mut self, algorithm: Algorithm, size: usize) -> (Digest, Bytes) {
        let content = self.random.bytes(size);
        (Digest::of(algorithm, &content), content.into())
    }

    pub(super) fn push(&self, digest: Digest, content: &Bytes) -> OwnedPush {
        OwnedPush {
            repository: self.repository.clone(),
            digest,
            content: content.clone(),
            is_bad: false,
        }
    }

    /// Pushes in one way. `true` when that passed, and the smallest chunk that the registry takes.
    pub(super) async fn push_by(
        &mut self,
        data: DataSet,
        api: Api,
        push: OwnedPush,
        how: Chunked,
    ) -> (bool, usize) {
        self.tried.insert((None, api));
        self.tried
            .insert((Some(push.digest.algorithm().as_str()), api));
        let push = push.as_push();
        let mut least = 0;
        let (name, outcome) = match api {
            Api::BlobPostOnly => ("blob-post-only", self.subject.post_only(&push).await),
            Api::BlobStream => ("blob-patch-stream", self.subject.stream(&push).await),
            Api::BlobChunked => {
                let outcome = self.subject.chunked(&push, how).await;
                ("blob-patch-chunked", outcome.map(|it| least = it))
            }
            _ => ("blob-post-put", self.subject.post_put(&push).await),
        };
        // Pushing as such works when any way does.
        let apis = [api, Api::BlobPush];
        let apis = &apis[..if outcome.is_ok() { 2 } else { 1 }];
        let passed = self.note(name, &about(data, apis), outcome);
        (passed, least)
    }

    /// Pushes in whichever way works; ways that were not tried come first.
    pub(super) async fn push_any(&mut self, data: DataSet, digest: &Digest, content: &Bytes) {
        let algorithm = Some(digest.algorithm().as_str());
        let mut apis = BLOB_APIS.to_vec();
        apis.sort_by_key(|api| {
            let untried = !self.tried.contains(&(None, *api));
            let untried_so = !self.tried.contains(&(algorithm, *api));
            let works = self.apis.get(api) == Some(&Verdict::Pass);
            (!untried, !untried_so, !works)
        });
        for api in apis {
            let push = self.push(*digest, content);
            if self.push_by(data, api, push, Chunked::default()).await.0 {
                return;
            }
        }
    }

    pub(super) async fn read_and_delete(
        &mut self,
        data: DataSet,
        digest: &Digest,
        content: &Bytes,
    ) {
        self.read_blob(data, digest, content, true).await;
        self.read_blob(data, digest, content, false).await;
        self.delete_blob(data, digest).await;
    }

    pub(super) async fn read_blob(
        &mut self,
        data: DataSet,
        digest: &Digest,
        content: &Bytes,
        is_head: bool,
    ) {
        let (subject, repository) = (&self.subject, &self.repository);
        if is_head {
            let outcome = subject.head_blob(repository, digest, content).await;
            self.note("blob-head", &about(data, &[Api::BlobHead]), outcome);
        } else {
            let outcome = subject.get_blob(repository, digest, content).await;
            self.note("blob-get", &about(data, &[Api::BlobGet]), outcome);
        }
    }

    pub(super) async fn delete_blob(&mut self, data: DataSet, digest: &Digest) {
        let outcome = self.subject.delete_blob(&self.repository, digest).await;
        self.enter("blob-delete");
        if self.note("delete", &about(data, &[Api::BlobDelete]), outcome) {
            let call = Call::head(self.subject.blob(&self.repository, digest));
            let outcome = self.subject.send(call).await;
            let outcome = outcome.and_then(|reply| reply.expect(&[404]).map(drop));
            self.note(
                "gone at once",
                &about(data, &[Api::BlobDeleteAtomic]),
                outcome,
            );
        } else {
            let outcome = Err(unsupported("nothing was deleted"));
            self.note(
                "gone at once",
                &about(data, &[Api::BlobDeleteAtomic]),
                outcome,
            );
        }
        self.leave();
    }
}

/// A push that holds no borrow of the run.
pub(super) struct OwnedPush {
    repository: String,
    digest: Digest,
    content: Bytes,
    pub(super) is_bad: bool,
}

impl OwnedPush {
    pub(super) fn as_push(&self) -> Push<'_> {
        Push {
            repository: &self.repository,
            digest: self.digest,
            content: self.content.clone(),
            is_bad: self.is_bad,
        }
    }
}

pub(super) fn about(data: DataSet, apis: &[Api]) -> About<'_> {
    About {
        data: Some(data),
        apis,
    }
}
