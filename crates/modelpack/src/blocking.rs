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
