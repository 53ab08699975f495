//! The servers that are measured, each a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::client::Blob;

/// A server that runs as long as this lives.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Peer {
    /// This project's registry: this program, started again.
    pub(crate) fn registry(directory: &Path) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("it has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(Self {
            address: line.trim().parse()?,
            process,
        })
    }

    /// Debian's registry, when it is installed.
    pub(crate) fn docker_registry(directory: &Path) -> Result<Option<Self>> {
        let address = free_address()?;
        fs::create_dir_all(directory)?;
        let config = directory.join("config.yml");
        let root = directory.display();
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {root}/data}}\n  \
                 maintenance: {{uploadpurging: {{enabled: false}}}}\nhttp: {{addr: {address}, secret: bench}}\n"
            ),
        )?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config);
        Self::spawn(command, address)
    }

    /// nginx over the files of our registry, when it is installed.
    pub(crate) fn nginx(
        directory: &Path,
        store: &Path,
        blobs: &[Blob],
        manifest: &[u8],
    ) -> Result<Option<Self>> {
        let address = free_address()?;
        let bench = directory.join("root/v2/bench");
        fs::create_dir_all(bench.join("blobs"))?;
        fs::create_dir_all(bench.join("manifests"))?;
        fs::write(bench.join("manifests/v1"), manifest)?;
        for blob in blobs {
            let from = store.join("blobs/sha256").join(blob.digest.hex());
            fs::hard_link(from, bench.join("blobs").join(blob.digest.to_string()))?;
        }
        let root = directory.display();
        let config = directory.join("nginx.conf");
        fs::write(
            &config,
            format!(
                "daemon off;\nworker_processes auto;\npid {root}/pid;\nerror_log {root}/error.log;\n\
                 events {{ worker_connections 1024; }}\nhttp {{\n  access_log off;\n  sendfile off;\n  \
                 keepalive_requests 1000000000;\n  client_body_temp_path {root}/body;\n  proxy_temp_path {root}/proxy;\n  \
                 fastcgi_temp_path {root}/fastcgi;\n  uwsgi_temp_path {root}/uwsgi;\n  scgi_temp_path {root}/scgi;\n  \
                 server {{ listen {address}; root {root}/root; }}\n}}\n"
            ),
        )?;
        // Its workers are another user when it is started by root.
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&config).arg("-p").arg(directory);
        command.args(["-g", "user root;"]);
        Self::spawn(command, address)
    }

    fn spawn(mut command: Command, address: SocketAddr) -> Result<Option<Self>> {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = match command.spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut peer = Self { address, process };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return Ok(Some(peer));
            }
            if let Some(status) = peer.process.try_wait()? {
                return Err(format!("{command:?} ended: {status}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("{command:?} does not listen").into())
    }

    /// Most memory that the process ever had, in bytes, as the kernel counts it.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.unwrap_or("0").parse::<u64>()? * 1024)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // nginx passes a polite end on to its workers; a rude one would leave them.
        let id = self.process.id().to_string();
        let asked = Command::new("kill").arg(&id).status();
        if asked.is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
