//! `modelpack serve`.

mod args;
mod log;
#[cfg(feature = "upstream")]
mod upstream;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use modelpack::spec::Host;
use modelpack::store::Store;
use modelpack_server::{
    Access, BasicAccess, DiskStorage, Hosts, ListenOptions, Options, Passwords, RateLimit,
    Registry, Rules, TlsIdentity, TokenAccess, TokenKeys, listen_on,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) use self::args::Serve;
use self::args::{AccessArgs, LimitArgs};
use self::log::Log;
use crate::exit::{DONE, Exit};
use crate::flags::Global;
use crate::printer::note;
use crate::settings;

/// How long requests that are under way may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);
/// What `--rate` lets through at once, in seconds of it.
const BURST_SECONDS: u32 = 10;

pub(crate) async fn run(global: &Global, args: Serve) -> anyhow::Result<Exit> {
    let store = settings::local(global)?.store().clone();
    // Bound before the registry is made, since port 0 stands for any free one. Nobody else can take it
    // meanwhile.
    let socket = bind(args.listen)?;
    let address = socket.local_addr()?;
    // The name that clients use for it is part of the names in the store.
    let name = match &args.name {
        Some(name) => name.clone(),
        None => format!("localhost:{}", address.port()).parse()?,
    };
    let storage = storage(store, name, &args)?;
    let listen_options = listen_options(&args)?;
    let log = Log::open(args.watch.access_log.as_deref())?;
    let options = options(global, &args, address, &log)?;
    let registry = Registry::new(storage, options);
    if let Some(hours) = args.content.gc_every {
        let every = Duration::from_secs(hours.max(1).saturating_mul(3600));
        tokio::spawn(collect_garbage(registry.clone(), every));
    }
    let listener = listen_on(socket, registry, listen_options)?;
    // Whoever reads below that it serves may stop it.
    let stop = Stop::new()?;
    let scheme = if args.tls_cert.is_some() {
        "https"
    } else {
        "http"
    };
    note(&format!(
        "serving on {scheme}://{address} (stop with Ctrl-C)"
    ));
    stop.wait().await;
    listener.shutdown(args.limits.grace.unwrap_or(GRACE)).await;
    log.finish();
    Ok(DONE)
}

#[cfg(feature = "upstream")]
fn storage(store: Store, name: Host, args: &Serve) -> Result<DiskStorage, modelpack_server::Error> {
    match &args.upstream {
        Some(upstream) => DiskStorage::mirror(store, name, upstream.clone()),
        None => DiskStorage::new(store, name),
    }
}

#[cfg(not(feature = "upstream"))]
fn storage(store: Store, name: Host, _: &Serve) -> Result<DiskStorage, modelpack_server::Error> {
    DiskStorage::new(store, name)
}

fn bind(address: SocketAddr) -> Result<TcpListener, modelpack_server::Error> {
    TcpListener::bind(address).map_err(|source| modelpack_server::Error::Listen { address, source })
}

/// Ctrl-C, and the signal with which services are stopped. From when it is made, they do not just end the
/// process.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

async fn collect_garbage(registry: Registry, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        match registry.collect_garbage().await {
            Ok(garbage) if garbage.blobs > 0 => note(&format!(
                "freed {} in {} blobs",
                crate::units::bytes(garbage.bytes),
                garbage.blobs
            )),
            Ok(_) => {}
            Err(error) => note(&format!("warning: {error}")),
        }
    }
}

fn listen_options(args: &Serve) -> anyhow::Result<ListenOptions> {
    let mut options = ListenOptions::default();
    let limits = &args.limits;
    set(&mut options.max_connections, limits.max_connections);
    set(&mut options.header_timeout, limits.header_timeout);
    set(&mut options.write_timeout, limits.write_timeout);
    if let (Some(chain), Some(key)) = (&args.tls_cert, &args.tls_key) {
        options.tls = Some(TlsIdentity::from_pem(&read(chain)?, &read(key)?)?);
    }
    Ok(options)
}

fn options(
    global: &Global,
    args: &Serve,
    address: SocketAddr,
    log: &Log,
) -> anyhow::Result<Options> {
    let mut options = Options::default();
    limit(&mut options, &args.limits);
    options.allow_sparse = args.content.sparse;
    options.allow_delete = !args.content.no_delete;
    options.metrics = args.watch.metrics;
    options.warnings.clone_from(&args.watch.warnings);
    options.hosts = if !args.hosts.is_empty() {
        Hosts::Also(args.hosts.clone())
    } else if address.ip().is_loopback() {
        Hosts::Loopback
    } else {
        // Who serves other machines is called by names that are not known here.
        Hosts::Any
    };
    options.access = access(&args.access)?;
    if options.access.is_none() && !address.ip().is_loopback() {
        note("warning: whoever reaches this address may push and delete; see --allow");
    }
    options.observer = Some(Arc::new(log.clone()));
    #[cfg(feature = "upstream")]
    if let Some(host) = &args.upstream {
        options.upstream = Some(Arc::new(upstream::Remote {
            client: settings::client(global, &args.network)?,
            host: host.clone(),
        }));
        set(&mut options.refresh, args.refresh);
    }
    Ok(options)
}

fn limit(options: &mut Options, limits: &LimitArgs) {
    set(&mut options.max_manifest_bytes, limits.max_manifest);
    set(&mut options.max_blob_bytes, limits.max_blob);
    set(&mut options.max_unannounced_bytes, limits.max_unannounced);
    set(&mut options.max_chunk_bytes, limits.max_chunk);
    set(&mut options.max_uploads, limits.max_uploads);
    set(&mut options.upload_idle, limits.upload_idle);
    set(&mut options.upload_age, limits.upload_age);
    set(&mut options.body_timeout, limits.body_timeout);
    options.chunk_min_bytes = limits.min_chunk;
    options.rate_limit = limits
        .rate
        .map(|rate| RateLimit::new(f64::from(rate), rate.saturating_mul(BURST_SECONDS)));
}

fn set<T>(option: &mut T, wanted: Option<T>) {
    if let Some(wanted) = wanted {
        *option = wanted;
    }
}

fn access(args: &AccessArgs) -> anyhow::Result<Option<Arc<dyn Access>>> {
    let rules = |default: &[&str]| -> anyhow::Result<Rules> {
        if args.allow.is_empty() {
            let rules = default.iter().map(|text| text.parse());
            return Ok(Rules::new(rules.collect::<Result<Vec<_>, _>>()?));
        }
        Ok(Rules::new(args.allow.iter().cloned()))
    };
    if let Some(path) = &args.htpasswd {
        let text = String::from_utf8(read(path)?)
            .with_context(|| format!("{} is no text", path.display()))?;
        let passwords =
            Passwords::parse(&text).with_context(|| format!("cannot use {}", path.display()))?;
        let access = BasicAccess::new(passwords, rules(&["*:*"])?, "modelpack")?;
        return Ok(Some(Arc::new(access)));
    }
    let mut keys: Option<TokenKeys> = None;
    for path in &args.token_key {
        let more = TokenKeys::parse(&read(path)?)
            .with_context(|| format!("cannot use {}", path.display()))?;
        keys = Some(match keys {
            Some(keys) => keys.and(more),
            None => more,
        });
    }
    if let Some(keys) = keys {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        return Ok(Some(Arc::new(TokenAccess::new(
            keys,
            text(&args.token_realm),
            text(&args.token_service),
            text(&args.token_issuer),
            rules(&[])?,
            SystemTime::now,
        ))));
    }
    if args.allow.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(rules(&[])?)))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
