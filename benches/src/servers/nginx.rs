//! `nginx` with a registry's files: as fast as a server that does nothing but send can be.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::{Outcome, peers};

/// With [`PAUSE`] between, ten seconds.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);
/// A free port can be taken by somebody else before nginx binds it, so another one is tried.
const PORTS: u32 = 3;

/// A running `nginx` that serves [`Self::files`].
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    host: String,
    directory: TempDir,
}

impl Nginx {
    /// Starts one in a directory of its own and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start() -> Outcome<Self> {
        let program = peers::find("nginx")?;
        let mut last = None;
        for _ in 0..PORTS {
            match Self::start_once(&program) {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| "nginx was not started".into()))
    }

    fn start_once(program: &Path) -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        fs::create_dir(directory.path().join("files"))?;
        let free = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = free.local_addr()?;
        drop(free);
        let config = directory.path().join("nginx.conf");
        fs::write(&config, configuration(directory.path(), address))?;
        let log = directory.path().join("log");
        let process = Command::new(program)
            .arg("-p")
            .arg(directory.path())
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut server = Self {
            process,
            host: address.to_string(),
            directory,
        };
        if server.answers(address)? {
            return Ok(server);
        }
        let log = fs::read_to_string(&log).unwrap_or_default();
        Err(format!("nginx does not start:\n{log}").into())
    }

    /// Whether the port answers while the process is there: one that has ended did not get the port.
    fn answers(&mut self, address: SocketAddr) -> Outcome<bool> {
        for _ in 0..TRIES {
            let is_connected = TcpStream::connect(address).is_ok();
            if self.process.try_wait()?.is_some() {
                return Ok(false);
            }
            if is_connected {
                return Ok(true);
            }
            thread::sleep(PAUSE);
        }
        Ok(false)
    }

    /// Host and port as they stand in a reference: `127.0.0.1:41234`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The directory whose files it serves; `v2/NAME/manifests/TAG` is a manifest.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.directory.path().join("files")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself; in both cases nothing is left to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One process, so that killing it leaves none behind and none of another user is needed.
fn configuration(directory: &Path, address: SocketAddr) -> String {
    let directory = directory.display();
    format!(
        "daemon off;
master_process off;
error_log {directory}/error.log;
pid {directory}/pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    types {{}}
    default_type application/octet-stream;
    server {{
        listen {address};
        root {directory}/files;
        location = /v2/ {{ default_type application/json; return 200 '{{}}'; }}
        location ~ /manifests/ {{ default_type application/vnd.oci.image.manifest.v1+json; }}
    }}
}}
"
    )
}
