//! Serves a directory as a registry: `cargo run -p modelpack-server --features listen --example listen -- DIR`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use modelpack_server::{Answered, DiskStorage, ListenOptions, Observer, Options, Registry, listen};
use modelpack_store::Store;

/// Prints a line for each answer.
struct Log;

impl Observer for Log {
    fn answered(&self, answer: &Answered<'_>) {
        println!(
            "{} {} {}",
            answer.status.as_u16(),
            answer.method,
            answer.path
        );
        if let Some(error) = answer.error {
            println!("    {error}");
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("which directory?")?;
    let address: SocketAddr = "127.0.0.1:5000".parse()?;

    let storage = DiskStorage::new(Store::create(directory)?, "localhost:5000".parse()?)?;
    let mut options = Options::default();
    options.observer = Some(Arc::new(Log));
    let listener = listen(
        address,
        Registry::new(storage, options),
        ListenOptions::default(),
    )
    .await?;
    println!("serving on {}; Ctrl-C ends", listener.local_addr());

    tokio::signal::ctrl_c().await?;
    listener.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
