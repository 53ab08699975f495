//! Answers requests without a socket: `cargo run -p modelpack-server --example embedded`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use modelpack_server::{MemoryStorage, Options, Registry};
use modelpack_spec::Digest;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In a program that serves other things too, this is called from its own router: `handle` takes
    // any request of the `http` crate and returns its answer.
    let registry = Registry::new(MemoryStorage::new(), Options::default());

    let weights = Bytes::from_static(b"weights");
    let digest = Digest::sha256(&weights);
    let push = Request::post(format!("/v2/demo/blobs/uploads/?digest={digest}"))
        .body(Full::new(weights.clone()))?;
    println!("push  {}", registry.handle(push).await.status());

    let range = Request::get(format!("/v2/demo/blobs/{digest}"))
        .header("range", "bytes=0-2")
        .body(Full::<Bytes>::default())?;
    let answer = registry.handle(range).await;
    println!("range {}", answer.status());
    assert_eq!(answer.into_body().collect().await?.to_bytes(), weights[..3]);

    let tags = Request::get("/v2/demo/tags/list").body(Full::<Bytes>::default())?;
    let body = registry.handle(tags).await.into_body().collect().await?;
    println!("tags  {}", String::from_utf8_lossy(&body.to_bytes()));
    Ok(())
}
