//! A registry, two stores and a toy model, for every test its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use modelpack::registry::PlainHttp;
use modelpack::{BuildOptions, BuildReport, Client, Control, Error, Reference, Store, Toolkit};
use modelpack_server::{DiskStorage, ListenOptions, Listener, Options, Registry, listen};
use tempfile::TempDir;

/// A publisher and a consumer on both sides of a registry.
pub(crate) struct Scene {
    pub(crate) scratch: TempDir,
    pub(crate) publisher: Toolkit,
    pub(crate) consumer: Toolkit,
    pub(crate) registry: Store,
    pub(crate) authority: String,
    _listener: Listener,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let free = TcpListener::bind(loopback).expect("a free port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let authority = format!("localhost:{}", address.port());
        let registry = Store::create(scratch.path().join("registry")).expect("a store");
        let storage = DiskStorage::new(registry.clone(), authority.parse().expect("a host"))
            .expect("a storage");
        let served = Registry::new(storage, Options::default());
        let listener = listen(address, served, ListenOptions::default())
            .await
            .expect("a listener");
        let toolkit = |name: &str| {
            let client = Client::builder()
                .plain_http(PlainHttp::Loopback)
                .build()
                .expect("a client");
            Toolkit::new(
                Store::create(scratch.path().join(name)).expect("a store"),
                client,
            )
        };
        let (publisher, consumer) = (toolkit("publisher"), toolkit("consumer"));
        Self {
            publisher,
            consumer,
            registry,
            authority,
            _listener: listener,
            scratch,
        }
    }

    pub(crate) fn reference(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.authority)
            .parse()
            .expect("a reference")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// A directory with these files and this Modelfile.
    pub(crate) fn model(&self, name: &str, modelfile: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let directory = self.path(name);
        for (path, content) in files {
            let path = directory.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, content).expect("a file");
        }
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join("Modelfile"), modelfile).expect("a Modelfile");
        directory
    }

    pub(crate) async fn build(&self, directory: &Path, rest: &str) -> Result<BuildReport, Error> {
        let options = BuildOptions::default();
        self.publisher
            .build(
                directory,
                &self.reference(rest),
                &options,
                &Control::default(),
            )
            .await
    }

    /// Builds and pushes a model of three files.
    pub(crate) async fn published(&self, rest: &str) -> BuildReport {
        let files: [(&str, &[u8]); 3] = [
            ("config.json", b"{}"),
            ("model.bin", &[7; 300_000]),
            ("docs/README.md", b"# hi"),
        ];
        let model = self.model(
            "published",
            "NAME toy\nCONFIG config.json\nMODEL *.bin\nDOC docs/*\n",
            &files,
        );
        let built = self.build(&model, rest).await.expect("it builds");
        let options = modelpack::PushOptions::default();
        self.publisher
            .push(&self.reference(rest), &options, &Control::default())
            .await
            .expect("it is pushed");
        built
    }
}

/// Every file below a directory with its content, sorted.
pub(crate) fn tree(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(current) = pending.pop() {
        for entry in std::fs::read_dir(&current).expect("a readable directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path
                    .strip_prefix(directory)
                    .expect("below")
                    .display()
                    .to_string();
                found.push((name, std::fs::read(&path).expect("a readable file")));
            }
        }
    }
    found.sort();
    found
}
