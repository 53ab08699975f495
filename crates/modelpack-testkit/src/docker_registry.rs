//! Debian's `docker-registry`: an independent registry to talk to.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::tool;

/// How often the port is tried before the registry counts as broken; with [`PAUSE`] between, ten seconds.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// A free port can be taken by somebody else before the registry binds it, so another one is tried.
const PORTS: u32 = 3;

/// A running `docker-registry` on a loopback port, without authentication, with an empty directory of its own.
///
/// It is the reference implementation of 2023: no referrers, no sha512, no single POST, no deletion of tags. It
/// ends and its files go when the guard is dropped.
#[derive(Debug)]
pub struct DockerRegistry {
    process: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl DockerRegistry {
    /// Starts one and waits until it answers. `None` when the tool is not installed: then the test says so with
    /// [`skip`](crate::skip).
    ///
    /// # Panics
    ///
    /// When the tool is there but does not start; the message has its log.
    pub fn start() -> Option<Self> {
        let program = tool("docker-registry")?;
        let mut log = String::new();
        for _ in 0..PORTS {
            match Self::start_once(&program) {
                Ok(registry) => return Some(registry),
                Err(text) => log = text,
            }
        }
        panic!("docker-registry does not start:\n{log}");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Host and port as they stand in a reference: `127.0.0.1:41234`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    fn start_once(program: &Path) -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let address = free_address();
        let config = directory.path().join("config.yml");
        let log = directory.path().join("log");
        fs::write(
            &config,
            configuration(&directory.path().join("data"), address),
        )
        .expect("a fresh directory is writable");
        let log_file = File::create(&log).expect("a fresh directory is writable");
        let process = Command::new(program)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut registry = Self {
            process,
            address,
            _directory: directory,
        };
        if registry.answers() {
            Ok(registry)
        } else {
            Err(fs::read_to_string(&log).unwrap_or_default())
        }
    }

    /// Whether the port answers and it is this process that does: one that has ended did not get the port.
    fn answers(&mut self) -> bool {
        for _ in 0..TRIES {
            let connected = TcpStream::connect(self.address).is_ok();
            if self.process.try_wait().is_ok_and(|status| status.is_some()) {
                return false;
            }
            if connected {
                return true;
            }
            thread::sleep(PAUSE);
        }
        false
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // It may have ended by itself; in both cases nothing is left to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .expect("the loopback interface has a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

/// The packaged configuration listens on every interface with a password file, so the registry gets its own.
///
/// Deletion is off unless asked for, and purging old uploads is a background job that a test has no use for.
fn configuration(data: &Path, address: SocketAddr) -> String {
    format!(
        "version: 0.1\n\
         log: {{level: warn}}\n\
         storage:\n  \
           filesystem: {{rootdirectory: '{}'}}\n  \
           delete: {{enabled: true}}\n  \
           redirect: {{disable: true}}\n  \
           maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         http: {{addr: '{address}', secret: test}}\n",
        data.display()
    )
}
