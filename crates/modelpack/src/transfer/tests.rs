//! A disk that refuses to write.

use bytes::Bytes;
use modelpack_registry::BlobSink as _;
use modelpack_spec::Digest;
use modelpack_store::{Acquired, Store};

use super::PartialSink;

#[tokio::test]
async fn what_was_written_before_the_disk_refused_is_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::create(directory.path().join("store")).expect("a store");
    let digest = Digest::sha256(b"weights");
    let lease = store.lease().expect("a lease");
    let Ok(Acquired::Partial(partial)) = lease.partial(&digest, 7, "") else {
        panic!("it cannot be complete");
    };
    let (sink, writer) = PartialSink::new(partial);
    let weights = Bytes::from_static(b"wei");
    sink.write_at(0, weights.clone())
        .await
        .expect("it is taken");
    // Beyond the end, which the store refuses as it would on a full disk.
    sink.write_at(7, weights).await.expect("it is taken");
    drop(sink);
    writer.finish().await.expect_err("it cannot be written");
    let left = store.partial_status(&digest).expect("a status");
    assert_eq!(left.map(|left| left.done.len()), Some(3));
}
