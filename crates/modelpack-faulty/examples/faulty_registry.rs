//! Runs the registry that misbehaves on purpose, to try a client by hand.
//!
//! `cargo run -p modelpack-faulty --example faulty_registry -- rules.json [SIZE]`
//!
//! The file holds a list of rules: `[{"when": {"method": "GET", "class": "blob"}, "times": "once", "fault": {"kind":
//! "cut", "after": 1000}}]`. The registry has one artifact, `models/toy:v1`, with a layer of SIZE bytes (1 MiB unless
//! said), and takes pushes without keeping them. It ends with its standard input, and then says what it was asked.

#![expect(clippy::print_stdout, reason = "an example shows what happened")]

use std::error::Error;
use std::io::Read as _;

use modelpack_faulty::{Behaviour, Contents, FaultyRegistry, Origin, Rule, SyntheticBlob, Uploads};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let rules: Vec<Rule> = match arguments.next() {
        Some(path) => serde_json::from_str(&std::fs::read_to_string(path)?)?,
        None => Vec::new(),
    };
    let size = arguments.next().map_or(Ok(1 << 20), |size| size.parse())?;
    let behaviour = Behaviour {
        uploads: Uploads::Drop,
        ..Behaviour::default()
    };
    let registry = FaultyRegistry::builder()
        .contents(&toy(size))
        .behaviour(behaviour)
        .rules(rules)
        .start();
    println!("{}/models/toy:v1", registry.host());
    std::io::stdin().read_to_end(&mut Vec::new())?;

    for exchange in registry.requests() {
        let status = exchange
            .status
            .map_or("-".to_owned(), |status| status.to_string());
        let (origin, line) = (exchange.origin, exchange.line());
        println!(
            "{origin:?} {line} {status} {} {:?}",
            exchange.sent, exchange.rules
        );
    }
    for (digest, served) in registry.ledger() {
        println!(
            "{digest}: {} bytes, {} distinct",
            served.total(),
            served.distinct()
        );
    }
    let most = registry.connections(Origin::Registry).most;
    println!(
        "{most} connections at most, {} secrets at the other origin",
        registry.leaks().len()
    );
    Ok(())
}

fn toy(size: u64) -> Contents {
    let contents = Contents::new();
    let config = contents.add_blob("models/toy", "{}");
    let layer = contents.add_synthetic("models/toy", SyntheticBlob::new(size, 1));
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.cncf.model.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.cncf.model.config.v1+json",
            "digest": config,
            "size": 2,
        },
        "layers": [{
            "mediaType": "application/vnd.cncf.model.weight.v1.raw",
            "digest": layer,
            "size": size,
            "annotations": {"org.cncf.model.filepath": "weights.bin"},
        }],
    });
    contents.add_manifest("models/toy", "v1", MANIFEST, manifest.to_string());
    contents
}
