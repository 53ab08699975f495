//! Uploads that were begun and will not be finished: they are ended at the registry, in the background.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use url::Url;

use crate::client::push_scope;
use crate::exchange::CancelUpload;
use crate::target::Target;
use crate::transport::Transport;

/// Longest time that the end of an upload may take; the registry ends it itself one day.
const PATIENCE: Duration = Duration::from_secs(5);

/// The number of uploads that are being ended.
pub(super) struct OpenUploads(watch::Sender<usize>);

impl Default for OpenUploads {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl OpenUploads {
    /// Looks after the uploads of one push.
    pub(super) fn guard(&self, transport: &Arc<Transport>, target: &Target) -> Guard {
        Guard {
            transport: Arc::clone(transport),
            target: target.clone(),
            open: None,
            running: self.0.clone(),
        }
    }

    /// Waits until none is being ended.
    pub(super) async fn settle(&self) {
        // It fails only when the sender is gone, which is here.
        let _ = self.0.subscribe().wait_for(|running| *running == 0).await;
    }
}

/// Ends the upload that is open when it is dropped.
pub(super) struct Guard {
    transport: Arc<Transport>,
    target: Target,
    open: Option<Url>,
    running: watch::Sender<usize>,
}

impl Guard {
    /// Notes which upload is open now, and ends those that were abandoned.
    pub(super) fn watch(&mut self, open: Option<&Url>, abandoned: Vec<Url>) {
        self.open = open.cloned();
        for location in abandoned {
            self.end(location);
        }
    }

    fn end(&self, location: Url) {
        // Outside of a runtime nobody can send anything.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (transport, target) = (Arc::clone(&self.transport), self.target.clone());
        let running = Running::new(&self.running);
        runtime.spawn(async move {
            let scopes = push_scope(&target);
            let exchange = CancelUpload(location);
            // Clients should tell, and need not be heard (distribution specification, cancelling an upload).
            let _ = timeout(PATIENCE, transport.run(&target, &scopes, exchange)).await;
            drop(running);
        });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(location) = self.open.take() {
            self.end(location);
        }
    }
}

/// Counts as running until it is dropped, also when its task is.
struct Running(watch::Sender<usize>);

impl Running {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|running| *running += 1);
        Self(count.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}
