//! Listing tags page by page.

use std::collections::HashSet;

use http::header::LINK;
use http::{Method, StatusCode};
use modelpack_spec::distribution::{Endpoint, Link, TagList};
use url::Url;

use super::{Answer, Exchange, Request, Step};
use crate::error::Error;
use crate::policy::continuation;
use crate::target::Target;

/// Most pages of one list; with the usual 100 tags a page that is a hundred thousand tags.
const MAX_PAGES: usize = 1000;
/// Most bytes of all pages together; a hundred thousand of the longest tags fit.
const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;

pub(crate) struct ListTags<'a> {
    target: &'a Target,
    page_size: Option<u64>,
    seen: HashSet<Url>,
    bytes: usize,
    tags: Vec<String>,
}

impl<'a> ListTags<'a> {
    pub(crate) fn new(target: &'a Target, page_size: Option<u64>) -> Self {
        Self {
            target,
            page_size,
            seen: HashSet::new(),
            bytes: 0,
            tags: Vec::new(),
        }
    }
}

impl Exchange for ListTags<'_> {
    type Output = Vec<String>;
    const WHAT: &'static str = "tag list";
    /// Of one page.
    const MAX_BYTES: u64 = 4 * 1024 * 1024;

    fn start(&self) -> Request {
        let endpoint = Endpoint::ListTags {
            name: self.target.repository().clone(),
            n: self.page_size,
            last: None,
        };
        Request::new(Method::GET, self.target.url(&endpoint))
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<Vec<String>>, Error> {
        let Answer { head, body } = &answer;
        if head.status != StatusCode::OK {
            return Err(answer.failure());
        }
        head.expect_registry()?;
        let page = TagList::parse(body)
            .map_err(|error| head.invalid("it is no tag list", Some(error.into())))?;
        self.tags.extend(page.tags);
        self.bytes += body.len();
        self.seen.insert(head.url.clone());
        let next = head
            .headers
            .get_all(LINK)
            .iter()
            .filter_map(|value| Link::parse(value.to_str().ok()?))
            .next();
        let Some(link) = next else {
            return Ok(Step::Done(std::mem::take(&mut self.tags)));
        };
        let url = continuation(&head.url, &link.next).map_err(|refusal| head.refused(refusal))?;
        if self.seen.contains(&url) {
            return Err(head.invalid("the list leads back to a page that was read already", None));
        }
        if self.seen.len() >= MAX_PAGES || self.bytes > MAX_LIST_BYTES {
            return Err(head.invalid("the list does not come to an end", None));
        }
        Ok(Step::Send(Request::new(Method::GET, url)))
    }
}
