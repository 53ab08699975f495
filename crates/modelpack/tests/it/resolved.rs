//! Resolved directories, and prunes that run meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use modelpack::{Control, Event, Progress, Reference, ResolveOptions, Toolkit};

use crate::scene::{Scene, tree};

const NAME: &str = "a/b:v1";

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_without_a_name_goes_unless_somebody_needs_it() {
    let scene = Scene::new().await;
    scene.published(NAME).await;
    let (reference, control) = (scene.reference(NAME), Control::default());
    let toolkit = &scene.consumer;
    let options = ResolveOptions::default();
    let resolved = toolkit.resolve(&reference, &options, &control).await;
    let resolved = resolved.expect("resolved");
    let before = tree(&resolved.directory);
    assert_eq!(before.len(), 3);

    // What a resolve does first in another process.
    let lease = toolkit.store().lease().expect("a lease");
    lease.protect(&resolved.digest).expect("protected");
    toolkit.store().remove(&reference).expect("removed");
    let pruned = toolkit.prune(false, None).await.expect("pruned");
    assert!(pruned.items.is_empty(), "{pruned:?}");
    assert_eq!(tree(&resolved.directory), before);

    drop(lease);
    let told = toolkit.prune(true, None).await.expect("a dry run");
    assert!(resolved.directory.exists());
    let pruned = toolkit.prune(false, None).await.expect("pruned");
    for report in [told, pruned] {
        let directories = report.items.iter().filter(|item| item.kind == "resolved");
        assert_eq!(directories.count(), 1);
    }
    assert!(!resolved.directory.exists());
}

/// When a file of the directory is there, takes the name away and prunes.
struct Rival {
    toolkit: Toolkit,
    reference: Reference,
    files: AtomicUsize,
}

impl Progress for Rival {
    fn event(&self, event: Event<'_>) {
        if !matches!(event, Event::Finished { .. })
            || self.files.fetch_add(1, Ordering::Relaxed) > 0
        {
            return;
        }
        self.toolkit
            .store()
            .remove(&self.reference)
            .expect("removed");
        let (toolkit, runtime) = (self.toolkit.clone(), tokio::runtime::Handle::current());
        let prune = move || runtime.block_on(toolkit.prune(false, None));
        let pruned = std::thread::spawn(prune).join().expect("no panic");
        assert!(pruned.expect("pruned").items.is_empty());
    }
}

/// MC1: Prune takes nothing from a resolve that runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_prune_takes_nothing_from_a_resolve_that_runs() {
    let scene = Scene::new().await;
    scene.published(NAME).await;
    let (reference, control) = (scene.reference(NAME), Control::default());
    let toolkit = scene
        .consumer
        .clone()
        .with_concurrency(std::num::NonZero::<usize>::MIN);
    let options = modelpack::PullOptions::default();
    let pulled = toolkit.pull(&reference, &options, &control).await;
    pulled.expect("pulled");
    let rival = Arc::new(Rival {
        toolkit: toolkit.clone(),
        reference: reference.clone(),
        files: AtomicUsize::new(0),
    });
    let control = Control::with_progress(Arc::clone(&rival) as _);
    let options = ResolveOptions::default();
    let resolved = toolkit.resolve(&reference, &options, &control).await;
    let found = tree(&resolved.expect("resolved").directory);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["config.json", "docs/README.md", "model.bin"]);
    assert_eq!(rival.files.load(Ordering::Relaxed), 3);
}
