//! The list of referrers that a client keeps under a tag where the registry keeps none itself.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG};
use http::{HeaderValue, Method, StatusCode};
use modelpack_spec::distribution::{Endpoint, MANIFEST_BYTES_EVERYWHERE, content_type};
use modelpack_spec::{Digest, MediaType, Tag};
use serde_json::{Map, Value, json};

use super::manifest::ACCEPTED;
use super::{Answer, Exchange, Request, Step};
use crate::error::Error;
use crate::target::Target;

/// A manifest that has a subject, as its entry in the list of referrers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Referrer {
    pub(crate) subject: Digest,
    entry: Value,
}

impl Referrer {
    /// Reads a manifest; `None` when it has no subject.
    pub(crate) fn of(content: &[u8], media_type: &MediaType, digest: &Digest) -> Option<Self> {
        let manifest: Value = serde_json::from_slice(content).ok()?;
        let subject = manifest.get("subject")?.get("digest")?.as_str()?;
        let mut entry = json!({
            "mediaType": media_type.to_string(),
            "digest": digest.to_string(),
            "size": content.len(),
        });
        // Of an image manifest without a type of its own, the type of its config counts; an index has none
        // (distribution specification, listing referrers).
        let kind = [
            manifest.get("artifactType"),
            manifest.get("config").and_then(|it| it.get("mediaType")),
        ]
        .into_iter()
        .flatten()
        .find(|kind| kind.as_str().is_some_and(|text| !text.is_empty()));
        if let Some(kind) = kind {
            entry["artifactType"] = kind.clone();
        }
        if let Some(annotations) = manifest.get("annotations").filter(|it| it.is_object()) {
            entry["annotations"] = annotations.clone();
        }
        Some(Self {
            subject: subject.parse().ok()?,
            entry,
        })
    }

    fn digest(&self) -> &Value {
        &self.entry["digest"]
    }
}

/// What is under the tag.
#[derive(Debug, Clone)]
pub(crate) struct FallbackList {
    index: Map<String, Value>,
    /// To write only what nobody has changed meanwhile.
    pub(crate) etag: Option<HeaderValue>,
}

impl FallbackList {
    fn empty() -> Self {
        let mut index = Map::new();
        index.insert("schemaVersion".to_owned(), 2.into());
        index.insert(
            "mediaType".to_owned(),
            MediaType::OciIndex.to_string().into(),
        );
        index.insert("manifests".to_owned(), Value::Array(Vec::new()));
        Self { index, etag: None }
    }

    /// Reads an index; nothing for anything else.
    fn parse(body: &[u8], served_as: Option<&MediaType>) -> Option<Self> {
        let Value::Object(mut index) = serde_json::from_slice(body).ok()? else {
            return None;
        };
        let wanted = MediaType::OciIndex;
        let stated = index.get("mediaType").and_then(Value::as_str);
        let is_index = match (stated, served_as) {
            (Some(stated), served) => {
                stated == wanted.to_string() && served.is_none_or(|served| *served == wanted)
            }
            (None, served) => served == Some(&wanted),
        };
        // Lists that a Go program left empty are `null`.
        let manifests = index.entry("manifests").or_insert(Value::Null);
        if manifests.is_null() {
            *manifests = Value::Array(Vec::new());
        }
        (is_index && manifests.is_array()).then_some(Self { index, etag: None })
    }

    fn entries(&self) -> &[Value] {
        self.index
            .get("manifests")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// Whether the referrer is in the list.
    pub(crate) fn has(&self, referrer: &Referrer) -> bool {
        self.entries()
            .iter()
            .any(|entry| entry.get("digest") == Some(referrer.digest()))
    }

    /// The list with the referrer, each entry once and everything else as it was.
    pub(crate) fn with(&self, referrer: &Referrer) -> Bytes {
        let mut entries: Vec<Value> = Vec::new();
        for entry in self.entries().iter().chain([&referrer.entry]) {
            let is_known = entries
                .iter()
                .any(|known| known.get("digest") == entry.get("digest"));
            if !is_known {
                entries.push(entry.clone());
            }
        }
        let mut index = self.index.clone();
        index.insert("manifests".to_owned(), Value::Array(entries));
        Value::Object(index).to_string().into()
    }
}

/// Asks for the list of referrers under its tag.
pub(crate) struct GetFallbackList<'a> {
    pub(crate) target: &'a Target,
    pub(crate) tag: &'a Tag,
}

impl Exchange for GetFallbackList<'_> {
    type Output = FallbackList;
    const WHAT: &'static str = "list of referrers";
    /// What a registry need not take cannot be added to.
    const MAX_BYTES: u64 = MANIFEST_BYTES_EVERYWHERE;

    fn start(&self) -> Request {
        let endpoint = Endpoint::GetManifest {
            name: self.target.repository().clone(),
            reference: self.tag.clone().into(),
        };
        Request::new(Method::GET, self.target.url(&endpoint))
            .header(ACCEPT, HeaderValue::from_static(ACCEPTED))
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<FallbackList>, Error> {
        let Answer { head, body } = &answer;
        match head.status {
            StatusCode::NOT_FOUND => return Ok(Step::Done(FallbackList::empty())),
            StatusCode::OK => {}
            _ => return Err(answer.failure()),
        }
        head.expect_registry()?;
        let served_as = head.text(CONTENT_TYPE).map(content_type);
        let mut list =
            FallbackList::parse(body, served_as.as_ref()).ok_or_else(|| Error::Policy {
                at: head.at(),
                reason: "this tag is kept for a list of referrers, but something else is there; \
                         remove it, or use a registry that lists referrers itself"
                    .to_owned(),
            })?;
        list.etag = head.headers.get(ETAG).cloned();
        Ok(Step::Done(list))
    }
}
