//! What each endpoint needs to be allowed, and the answers of those that are not.

use http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use modelpack_spec::distribution::{Endpoint, ErrorCode};

use crate::access::{Action, Caller, Wanted, WrongCredentials};
use crate::answer::{Refusal, header_value};
use crate::{Registry, blocking};

impl Registry {
    /// Who sends these headers. Everybody is anonymous where there is no policy.
    pub(crate) async fn identify(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let Some(access) = self.options().access.clone() else {
            return Ok(Caller::anonymous());
        };
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let identified = match (values.next(), values.next()) {
            (None, _) => access.identify(None),
            (Some(value), None) => match value.to_str().map(ToOwned::to_owned) {
                // Password hashes are slow by design.
                Ok(text) => {
                    let access = access.clone();
                    blocking::run(move || Ok(access.identify(Some(&text)))).await?
                }
                Err(_) => Err(WrongCredentials),
            },
            // Which of them would a proxy in front have looked at?
            (Some(_), Some(_)) => Err(WrongCredentials),
        };
        identified.map_err(|WrongCredentials| match access.challenge(None, &[]) {
            Some(challenge) => unauthorized("the credentials are wrong", &challenge),
            None => denied(),
        })
    }

    /// Refuses what the caller may not do.
    pub(crate) fn authorize(&self, caller: &Caller, endpoint: &Endpoint) -> Result<(), Refusal> {
        let Some(access) = &self.options().access else {
            return Ok(());
        };
        let wanted = match wanted(endpoint) {
            Some(wanted) if access.allows(caller, &wanted) => return Ok(()),
            Some(wanted) => {
                let mut all = vec![wanted];
                // A token for both ends of a mount spares the client a second round.
                if let Endpoint::MountBlob {
                    from: Some(from), ..
                } = endpoint
                {
                    all.push(Wanted::new(from.clone(), Action::Pull));
                }
                all
            }
            // The ping: clients learn from it how to log in, those that did learn that it worked.
            None if caller.name.is_some() || !caller.grants.is_empty() => return Ok(()),
            None => match access.challenge(Some(caller), &[]) {
                None => return Ok(()),
                Some(challenge) => return Err(unauthorized("log in first", &challenge)),
            },
        };
        Err(match access.challenge(Some(caller), &wanted) {
            Some(challenge) => unauthorized("this needs other credentials", &challenge),
            None => denied(),
        })
    }

    /// Whether the caller may read a repository. Decides where mounts may look.
    pub(crate) fn may_pull(
        &self,
        caller: &Caller,
        repository: &modelpack_spec::Repository,
    ) -> bool {
        let Some(access) = &self.options().access else {
            return true;
        };
        access.allows(caller, &Wanted::new(repository.clone(), Action::Pull))
    }
}

fn wanted(endpoint: &Endpoint) -> Option<Wanted> {
    let action = match endpoint {
        Endpoint::DeleteBlob { .. } | Endpoint::DeleteManifest { .. } => Action::Delete,
        // A session is the upload's own; giving it up takes nothing from anybody.
        Endpoint::UploadStatus { .. } | Endpoint::CancelUpload { .. } => Action::Push,
        other if matches!(other.method(), "GET" | "HEAD") => Action::Pull,
        _ => Action::Push,
    };
    Some(Wanted::new(endpoint.repository()?.clone(), action))
}

fn unauthorized(message: &str, challenge: &str) -> Refusal {
    Refusal::new(ErrorCode::Unauthorized, message).header(WWW_AUTHENTICATE, header_value(challenge))
}

fn denied() -> Refusal {
    Refusal::new(ErrorCode::Denied, "the caller may not do this")
}
