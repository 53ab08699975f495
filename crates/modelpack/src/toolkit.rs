//! The toolkit: a local store, a registry client and how much may happen at once.

use std::num::NonZeroUsize;

use modelpack_registry::Client;
use modelpack_store::Store;

/// Files that are hashed, or blobs that are transferred, at the same time.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(5).expect("five is not zero");

/// A local store and a registry client. Clones share both; an operation per clone may run at once.
#[derive(Clone)]
pub struct Toolkit {
    store: Store,
    client: Client,
    concurrency: NonZeroUsize,
}

impl Toolkit {
    /// A toolkit over a store and a client.
    #[must_use]
    pub fn new(store: Store, client: Client) -> Self {
        Self {
            store,
            client,
            concurrency: CONCURRENCY,
        }
    }

    /// The same toolkit with another number of files or blobs at the same time (5 by default).
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: NonZeroUsize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// The local store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The registry client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn concurrency(&self) -> usize {
        self.concurrency.get()
    }

    pub(crate) fn limit(&self) -> NonZeroUsize {
        self.concurrency
    }
}

impl std::fmt::Debug for Toolkit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Toolkit")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
