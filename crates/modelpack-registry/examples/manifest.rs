//! Prints what a registry has under a reference.
//!
//! `cargo run -p modelpack-registry --features tls --example manifest -- ghcr.io/owner/name:tag`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use modelpack_registry::{Client, Name, PlainHttp};
use modelpack_spec::{AnyManifest, Reference};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reference: Reference = std::env::args()
        .nth(1)
        .ok_or("say which reference")?
        .parse()?;
    let selector = reference
        .selector()
        .ok_or("the reference needs a tag or digest")?;
    let client = Client::builder().plain_http(PlainHttp::Loopback).build()?;
    let fetched = client
        .fetch_manifest(&Name::from(&reference), &selector.into())
        .await?;
    println!("{}  {}", fetched.digest, fetched.media_type);
    if let AnyManifest::Manifest(manifest) = &fetched.manifest {
        for layer in &manifest.value().layers {
            println!(
                "{}  {}  {} bytes",
                layer.digest, layer.media_type, layer.size
            );
        }
    }
    Ok(())
}
