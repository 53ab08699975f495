//! Removing a tag, a manifest or a blob.

use http::{Method, StatusCode};
use modelpack_spec::distribution::Endpoint;

use super::{Answer, Exchange, Request, Step};
use crate::error::Error;
use crate::target::Target;

pub(crate) struct Delete<'a> {
    pub(crate) target: &'a Target,
    pub(crate) endpoint: Endpoint,
}

impl Exchange for Delete<'_> {
    type Output = ();
    const WHAT: &'static str = "answer to a delete";
    /// The body means nothing.
    const MAX_BYTES: u64 = 64 * 1024;

    fn start(&self) -> Request {
        Request::new(Method::DELETE, self.target.url(&self.endpoint))
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<()>, Error> {
        match answer.head.status {
            // 202 by the specification; 200 and 204 are seen.
            StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => {
                answer.head.expect_registry()?;
                Ok(Step::Done(()))
            }
            _ => Err(answer.failure()),
        }
    }
}
