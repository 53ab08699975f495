//! A registry inside of another server: `cargo run -p modelpack-server --features listen --example beside`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use modelpack_server::{Body, MemoryStorage, Options, Peer, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The other server has a page of its own; what begins with `/v2` is the registry's.
async fn route(
    registry: Registry,
    request: Request<Incoming>,
) -> Result<Response<Either<Body, Full<Bytes>>>, Infallible> {
    if request.uri().path().starts_with("/v2") {
        return Ok(registry.handle(request).await.map(Either::Left));
    }
    let page = Full::new(Bytes::from_static(b"the other server"));
    Ok(Response::new(Either::Right(page)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new(MemoryStorage::new(), Options::default());
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, from)) = socket.accept().await {
            let registry = registry.clone();
            tokio::spawn(async move {
                let service = service_fn(move |mut request: Request<Incoming>| {
                    // For logs and limits by address.
                    request.extensions_mut().insert(Peer(from));
                    route(registry.clone(), request)
                });
                let connection = http1::Builder::new();
                // A broken connection is the client's affair.
                let _ = connection
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });

    for path in ["/", "/v2/"] {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        println!("{path}: {}", answer.lines().last().unwrap_or_default());
    }
    Ok(())
}
