//! Judges a manifest and a config that are given as files, or two that are wrong on purpose.
//!
//! `cargo run -p modelpack-conformance --example judge -- [MANIFEST.json CONFIG.json]`

use modelpack_conformance::judge_artifact;

const MANIFEST: &[u8] = br#"{"schemaVersion":2,"artifactType":"application/vnd.cncf.model.manifest.v1+json","config":{},"layers":[]}"#;
const CONFIG: &[u8] =
    br#"{"descriptor":{},"config":{"paramSize":"many"},"modelfs":{"type":"layers"}}"#;

#[expect(clippy::print_stdout, reason = "the example shows its result")]
fn main() -> std::io::Result<()> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    let report = match &files[..] {
        [manifest, config] => judge_artifact(&std::fs::read(manifest)?, &std::fs::read(config)?),
        _ => judge_artifact(MANIFEST, CONFIG),
    };
    print!("{report}");
    Ok(())
}
