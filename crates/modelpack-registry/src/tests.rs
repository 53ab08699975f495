//! What holds for the crate as a whole.

use std::sync::Arc;

use bytes::Bytes;
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Descriptor, Digest, MediaType};

use super::*;

#[test]
fn operations_can_be_spawned() {
    fn spawnable<T: Send>(_: &T) {}
    let client = Client::builder().build().expect("no options, no trouble");
    let name = Name::new(
        "localhost:1".parse().expect("a host"),
        "a".parse().expect("a repository"),
    );
    let digest = Digest::sha256(b"");
    let reference = TagOrDigest::from(digest);
    let descriptor = Descriptor::new(MediaType::OciEmpty, digest, 0);
    let progress = Progress::none();
    let sink = Arc::new(std::sync::Mutex::new(Vec::new()));
    let there = modelpack_spec::RangeSet::default();
    spawnable(&client.fetch_manifest(&name, &reference));
    spawnable(&client.pull_blob(&name, &descriptor, sink, &there, &progress));
    spawnable(&client.get_blob(&name, &descriptor, 0));
    spawnable(&client.blob_range_unverified(&name, &descriptor, 0..1));
    spawnable(&client.push_blob(&name, &digest, 0, Arc::new(Bytes::new()), &progress));
    spawnable(&client.list_tags(&name, None));
}
