//! The whole loop on one machine: build, push, pull into an empty store, resolve, map into memory.
//!
//! `cargo run --release --example quickstart -- [MODEL_DIR]`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Instant;

use modelpack::registry::PlainHttp;
use modelpack::spec::FilePath;
use modelpack::{
    BuildOptions, Client, Control, GenerateOptions, PullOptions, PushOptions, Reference,
    ResolveOptions, ResolveReport, Store, Toolkit,
};
use modelpack_server::{DiskStorage, ListenOptions, Options, Registry, listen};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let model = std::env::args_os()
        .nth(1)
        .map_or_else(fixture, PathBuf::from);
    let scratch = tempfile::tempdir()?;
    let control = Control::default();

    // A registry on a free loopback port, with a store of its own.
    let address = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?.local_addr()?;
    let authority = format!("localhost:{}", address.port());
    let storage = DiskStorage::new(
        Store::create(scratch.path().join("registry"))?,
        authority.parse()?,
    )?;
    let registry = Registry::new(storage, Options::default());
    let listener = listen(address, registry, ListenOptions::default()).await?;
    println!("registry   http://{address}\n           $ modelpack serve --listen {address}");

    let client = Client::builder().plain_http(PlainHttp::Loopback).build()?;
    let publisher = Toolkit::new(
        Store::create(scratch.path().join("publisher"))?,
        client.clone(),
    );
    let consumer = Toolkit::new(Store::create(scratch.path().join("consumer"))?, client);
    let reference: Reference = format!("{authority}/demo/model:v1").parse()?;

    let modelfile = match model.join("Modelfile") {
        existing if existing.is_file() => existing,
        _ => {
            let mut options = GenerateOptions::default();
            options.output = Some(scratch.path().to_owned());
            publisher.generate(&model, &options).await?;
            println!(
                "generate   $ modelpack modelfile generate {}",
                model.display()
            );
            scratch.path().join("Modelfile")
        }
    };

    let started = Instant::now();
    let mut options = BuildOptions::default();
    options.modelfile = Some(modelfile.clone());
    let built = publisher
        .build(&model, &reference, &options, &control)
        .await?;
    step(
        "build",
        built.size,
        started,
        &format!(
            "build {} -f {} -t {reference}",
            model.display(),
            modelfile.display()
        ),
    );

    let started = Instant::now();
    let pushed = publisher
        .push(&reference, &PushOptions::default(), &control)
        .await?;
    step(
        "push",
        pushed.transferred,
        started,
        &format!("push {reference} --plain-http"),
    );

    let started = Instant::now();
    let pulled = consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await?;
    step(
        "pull",
        pulled.transferred,
        started,
        &format!("pull {reference} --plain-http"),
    );

    let started = Instant::now();
    let resolved = consumer
        .resolve(&reference, &ResolveOptions::default(), &control)
        .await?;
    let bytes = resolved.files.iter().map(|file| file.size).sum();
    step(
        "resolve",
        bytes,
        started,
        &format!("resolve {reference} --no-pull"),
    );

    check(&model, &built.digest.to_string(), &resolved, &consumer)?;
    listener.shutdown(std::time::Duration::from_secs(5)).await;
    println!(
        "ok         {} files are byte for byte those of {}",
        resolved.files.len(),
        model.display()
    );
    Ok(())
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-fixtures/models/tiny-safetensors")
}

fn step(name: &str, bytes: u64, started: Instant, command: &str) {
    println!(
        "{name:10} {bytes} bytes in {:.1?}\n           $ modelpack {command}",
        started.elapsed()
    );
}

/// The check that can fail: every resolved file against its original, the weights through a memory map.
fn check(
    model: &Path,
    built: &str,
    resolved: &ResolveReport,
    consumer: &Toolkit,
) -> Result<(), Box<dyn Error>> {
    if resolved.digest.to_string() != built {
        return Err(format!("built {built}, resolved {}", resolved.digest).into());
    }
    let artifact = consumer.store().resolve(&resolved.reference)?;
    let manifest = consumer.store().read_blob(&artifact.digest, 8 << 20)?;
    let manifest = modelpack::spec::Document::<modelpack::spec::Manifest>::parse(manifest)?;
    for layer in &manifest.value().layers {
        let path: FilePath =
            modelpack::spec::annotations::filepath(layer)?.ok_or("a layer without file")?;
        let mapped = consumer.store().map(&layer.digest)?;
        let original = std::fs::read(model.join(&path))?;
        let file = std::fs::read(resolved.directory.join(&path))?;
        if *mapped != *original || file != original {
            return Err(format!("{path} differs from its original").into());
        }
    }
    println!(
        "map        {} layers mapped and compared; the weights are {}",
        manifest.value().layers.len(),
        resolved.format.as_deref().unwrap_or("unknown")
    );
    Ok(())
}
