//! Looks a model up in a registry and prints what it is made of, without pulling it.
//!
//! `cargo run -p modelpack-registry --features tls --example look_up -- ghcr.io/owner/model:tag`
//! (for a registry on this machine, such as `localhost:5000/model:tag`, plain HTTP is used)

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use modelpack_registry::{Client, Name, PlainHttp};
use modelpack_spec::{AnyManifest, Reference};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(reference) = std::env::args().nth(1) else {
        return Err("expected a reference, such as ghcr.io/owner/model:tag".into());
    };
    let reference: Reference = reference.parse()?;
    let selector = reference.selector().ok_or("the reference has no tag")?;
    let client = Client::builder().plain_http(PlainHttp::Loopback).build()?;
    let fetched = client
        .fetch_manifest(&Name::from(&reference), &selector.into())
        .await?;
    println!("{} {}", fetched.digest, fetched.media_type);
    if let AnyManifest::Manifest(manifest) = &fetched.manifest {
        for layer in &manifest.value().layers {
            println!("{:>14} {} {}", layer.size, layer.digest, layer.media_type);
        }
    }
    Ok(())
}
