//! `modelpack serve`.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use modelpack_server::{DiskStorage, Hosts, ListenOptions, Options, Registry, listen};

use crate::cli::{Global, Serve};
use crate::exit::{DONE, Exit};
use crate::printer::note;
use crate::settings;

/// How long requests that are under way may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) async fn run(global: &Global, args: Serve) -> anyhow::Result<Exit> {
    let store = settings::local(global)?.store().clone();
    let address = with_port(args.listen)?;
    // The name that clients use for it is part of the names in the store.
    let storage = DiskStorage::new(store, format!("localhost:{}", address.port()).parse()?)?;
    let mut options = Options::default();
    options.allow_sparse = args.sparse;
    if !address.ip().is_loopback() {
        // Who serves other machines is called by names that are not known here.
        options.hosts = Hosts::Any;
    }
    let registry = Registry::new(storage, options);
    let listener = listen(address, registry, ListenOptions::default()).await?;
    note(&format!("serving on http://{address} (stop with Ctrl-C)"));
    tokio::signal::ctrl_c().await?;
    listener.shutdown(GRACE).await;
    Ok(DONE)
}

/// Port 0 stands for any free one, which has to be known before the registry is made.
fn with_port(address: SocketAddr) -> std::io::Result<SocketAddr> {
    if address.port() == 0 {
        TcpListener::bind(address)?.local_addr()
    } else {
        Ok(address)
    }
}
