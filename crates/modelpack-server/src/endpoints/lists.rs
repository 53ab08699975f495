//! Lists: tags of a repository, and manifests that refer to another one.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, LINK};
use modelpack_spec::distribution::{Endpoint, ErrorCode, Link, OCI_FILTERS_APPLIED, TagList};
use modelpack_spec::{Digest, Document, Index, MediaType, Repository};

use crate::answer::{Answer, Head, Refusal};
use crate::{Body, Registry};

impl Registry {
    pub(crate) async fn list_tags(
        &self,
        name: Repository,
        n: Option<u64>,
        last: Option<String>,
    ) -> Answer {
        // The cap comes before anything is allocated, whatever number the client sent.
        let most = self.options().max_tags;
        let wanted = n.map_or(most, |n| usize::try_from(n).map_or(most, |n| n.min(most)));
        let repository = name.clone();
        // One more than is shown tells whether there is a next page.
        let mut tags = self
            .storage(move |storage| storage.tags(&repository, last.as_deref(), wanted + 1))
            .await?
            .ok_or_else(|| Refusal::new(ErrorCode::NameUnknown, "there is no such repository"))?;
        let has_more = tags.len() > wanted;
        tags.truncate(wanted);
        let mut head = Head::new(StatusCode::OK);
        if let Some(last) = tags.last().filter(|_| has_more) {
            let next = Endpoint::ListTags {
                name: name.clone(),
                n: Some(wanted as u64),
                last: Some(last.to_string()),
            };
            let link = Link {
                next: next.path_and_query(),
            };
            head = head.text(LINK, &link.to_string());
        }
        let tags = tags.iter().map(ToString::to_string).collect();
        Ok(head.json(TagList::new(name.as_str(), tags).to_json()))
    }

    pub(crate) async fn referrers(
        &self,
        name: Repository,
        subject: Digest,
        artifact_type: Option<MediaType>,
    ) -> Answer {
        let mut referrers = self
            .storage(move |storage| storage.referrers(&name, &subject))
            .await?;
        let mut head =
            Head::new(StatusCode::OK).text(CONTENT_TYPE, &MediaType::OciIndex.to_string());
        if artifact_type.is_some() {
            referrers.retain(|referrer| referrer.artifact_type == artifact_type);
            head = head.text(HeaderName::from_static(OCI_FILTERS_APPLIED), "artifactType");
        }
        let index = Document::write(Index::new(referrers));
        Ok(head.body(Body::full(index.bytes().clone())))
    }
}
