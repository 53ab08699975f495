//! A registry as the service of a router: `cargo run -p modelpack-server --features tower --example tower`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use modelpack_server::{MemoryStorage, Options, Registry};
use tower_service::Service;

/// What an axum router gives to its services: `axum::body::Body` is a box around such a body.
type RouterBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Stands for `axum::Router`, with the bounds of its `fallback_service`. With axum itself the same is
///
/// ```text
/// let app = axum::Router::new().route("/", get(page)).fallback_service(registry);
/// axum::serve(socket, app).await
/// ```
struct Router<S> {
    fallback: S,
}

impl<S, B> Router<S>
where
    S: Service<Request<RouterBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    async fn route(&self, request: Request<RouterBody>) -> Response<RouterBody> {
        if request.uri().path() == "/" {
            return Response::new(text("the page of another service"));
        }
        // A service that has said that it is ready is called once, on a clone of its own.
        let mut service = self.fallback.clone();
        let ready = std::future::poll_fn(|context| service.poll_ready(context)).await;
        let Ok(answer) = match ready {
            Ok(()) => service.call(request).await,
            Err(never) => match never {},
        };
        answer.map(|body| body.map_err(Into::into).boxed_unsync())
    }
}

fn text(text: &'static str) -> RouterBody {
    let never = |never: Infallible| match never {};
    Full::new(Bytes::from_static(text.as_bytes()))
        .map_err(never)
        .boxed_unsync()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new(MemoryStorage::new(), Options::default());
    let router = Router { fallback: registry };

    let digest = modelpack_spec::Digest::sha256(b"weights");
    let push = Request::post(format!("/v2/demo/blobs/uploads/?digest={digest}"));
    let answer = router.route(push.body(text("weights"))?).await;
    println!("push  {}", answer.status());
    assert_eq!(answer.status(), StatusCode::CREATED);

    for path in ["/", &format!("/v2/demo/blobs/{digest}")] {
        let answer = router.route(Request::get(path).body(text(""))?).await;
        let body = answer.into_body().collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        println!("{path}: {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
