//! Running blocking work beside the async runtime, and several pieces of work at a time.

use crate::Error;

/// Runs disk work on a thread of its own kind. Work that has begun runs to its end even when the
/// caller goes away, so it must look at the cancel token itself where it is long.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::Worker)?
}

/// Runs tasks, at most `limit` at a time, and gives their results in the order of the tasks. The
/// first failure stops the others.
pub(crate) async fn all<T, F>(
    limit: usize,
    tasks: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let mut tasks = tasks.into_iter().enumerate();
    let mut running = tokio::task::JoinSet::new();
    let mut done = Vec::new();
    loop {
        while running.len() < limit
            && let Some((index, task)) = tasks.next()
        {
            running.spawn(async move { task.await.map(|result| (index, result)) });
        }
        match running.join_next().await {
            None => break,
            Some(finished) => done.push(finished.map_err(Error::Worker)??),
        }
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// Runs disk work, at most `limit` pieces at a time, and gives the results in the order of the pieces.
/// After a failure no further piece begins, and those that run are waited for: when this returns,
/// nothing is being written any more.
pub(crate) async fn all_blocking<T, F>(
    limit: usize,
    pieces: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    let mut pieces = pieces.into_iter().enumerate();
    let mut running = tokio::task::JoinSet::new();
    let mut done = Vec::new();
    let mut failed = None;
    loop {
        while failed.is_none()
            && running.len() < limit
            && let Some((index, piece)) = pieces.next()
        {
            running.spawn_blocking(move || piece().map(|result| (index, result)));
        }
        match running.join_next().await {
            None => break,
            Some(Ok(Ok(finished))) => done.push(finished),
            Some(Ok(Err(error))) => failed = failed.or(Some(error)),
            Some(Err(error)) => failed = failed.or(Some(Error::Worker(error))),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
