//! A store in a temporary directory, with small artifacts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use modelpack_spec::{
    Descriptor, Digest, Document, Encoding, Family, Index, Kind, LayerType, Manifest, MediaType,
    Reference,
};
use modelpack_store::{Lease, PruneOptions, PruneReport, Store};
use tempfile::TempDir;

pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) store: Store,
}

pub(crate) fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    Fixture { directory, store }
}

pub(crate) fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

/// A manifest with its own config and one layer that holds `content`.
pub(crate) struct Artifact {
    pub(crate) manifest: Descriptor,
    pub(crate) config: Digest,
    pub(crate) layer: Digest,
}

pub(crate) fn artifact(lease: &Lease, content: &str) -> Artifact {
    referring(lease, content, None)
}

pub(crate) fn referring(lease: &Lease, content: &str, subject: Option<&Descriptor>) -> Artifact {
    let config = lease
        .put(format!("{{\"config of\":\"{content}\"}}").as_bytes())
        .unwrap();
    let layer = lease.put(content.as_bytes()).unwrap();
    let weight = LayerType::new(Kind::Weight, Encoding::Raw);
    let mut manifest = Manifest::model(
        Descriptor::new(
            MediaType::ModelConfig(Family::Cncf),
            config.digest,
            config.size,
        ),
        vec![Descriptor::new(
            MediaType::Layer(weight),
            layer.digest,
            layer.size,
        )],
    );
    manifest.subject = subject.cloned();
    Artifact {
        manifest: lease.put_document(&Document::write(manifest)).unwrap(),
        config: config.digest,
        layer: layer.digest,
    }
}

pub(crate) fn index(lease: &Lease, manifests: Vec<Descriptor>) -> Descriptor {
    lease
        .put_document(&Document::write(Index::new(manifests)))
        .unwrap()
}

pub(crate) fn tagged(store: &Store, name: &str, content: &str) -> Artifact {
    let lease = store.lease().unwrap();
    let artifact = artifact(&lease, content);
    store.tag(&reference(name), &artifact.manifest).unwrap();
    artifact
}

pub(crate) fn prune(store: &Store) -> PruneReport {
    store.prune(&PruneOptions::default()).unwrap()
}

pub(crate) fn dry_run(store: &Store) -> PruneReport {
    let mut options = PruneOptions::default();
    options.dry_run = true;
    store.prune(&options).unwrap()
}

pub(crate) fn has(store: &Store, digest: &Digest) -> bool {
    store.blob_size(digest).unwrap().is_some()
}

/// Every file below a directory with its content, except locks, which are empty and may come.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut queue = vec![root.to_owned()];
    while let Some(directory) = queue.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                queue.push(path);
            } else if path.extension().is_none_or(|extension| extension != "lock") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                files.insert(name.to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Makes a blob writable and changes it behind the store's back.
pub(crate) fn damage(store: &Store, digest: &Digest, content: &[u8]) {
    let path = store.blob_path(digest);
    fs::remove_file(&path).unwrap();
    fs::write(&path, content).unwrap();
}
