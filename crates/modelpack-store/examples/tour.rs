//! Stores a file, gives it a name, maps it, and lists what a prune would free.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use modelpack_spec::{Descriptor, Document, Family, Manifest, MediaType};
use modelpack_store::{Adopt, PruneOptions, Store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join("model.gguf");
    std::fs::write(&file, b"weights")?;

    let store = Store::create(scratch.path().join("store"))?;
    let lease = store.lease()?;
    let weights = lease.ingest_file(&file, Adopt::default(), &mut |_| Ok(()))?;
    println!(
        "{} is {} ({:?})",
        file.display(),
        weights.digest,
        weights.how
    );

    let config = lease.put(b"{}")?;
    let config = Descriptor::new(
        MediaType::ModelConfig(Family::Cncf),
        config.digest,
        config.size,
    );
    let manifest = lease.put_document(&Document::write(Manifest::model(config, Vec::new())))?;
    let name = "registry.example.com/tiny:v1".parse()?;
    store.tag(&name, &manifest)?;
    drop(lease);

    println!(
        "mapped: {:?}",
        std::str::from_utf8(&store.map(&weights.digest)?)?
    );
    let mut options = PruneOptions::default();
    options.dry_run = true;
    for item in store.prune(&options)?.items {
        println!("a prune would free {}: {}", item.name, item.reason);
    }
    Ok(())
}
