//! Calls of a storage, which block, made where blocking is allowed.

use tokio::task::JoinError;

use crate::Error;

/// Runs a call that blocks.
pub(crate) async fn run<T, F>(call: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    joined(tokio::task::spawn_blocking(call).await)?
}

/// The result of a task that may have been stopped.
pub(crate) fn joined<T>(result: Result<T, JoinError>) -> Result<T, Error> {
    result.map_err(|error| Error::Stopped {
        source: Box::new(error),
    })
}
