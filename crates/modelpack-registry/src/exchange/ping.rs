//! Whether there is a registry.

use http::{Method, StatusCode};
use modelpack_spec::distribution::Endpoint;

use super::{Answer, Exchange, Request, Step};
use crate::error::Error;
use crate::target::Target;

pub(crate) struct Ping<'a>(pub(crate) &'a Target);

impl Exchange for Ping<'_> {
    type Output = ();
    const WHAT: &'static str = "answer to the ping";
    /// The body means nothing; most registries send `{}`.
    const MAX_BYTES: u64 = 64 * 1024;

    fn start(&self) -> Request {
        Request::new(Method::GET, self.0.url(&Endpoint::Ping))
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<()>, Error> {
        match answer.head.status {
            StatusCode::OK => {
                answer.head.expect_registry()?;
                Ok(Step::Done(()))
            }
            StatusCode::NOT_FOUND => Err(Error::NotARegistry {
                at: answer.head.at(),
                reason: "it does not know /v2/".to_owned(),
            }),
            _ => Err(answer.failure()),
        }
    }
}
