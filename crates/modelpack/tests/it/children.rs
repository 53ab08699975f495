//! Child processes that do one operation and can be killed in the middle of it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use modelpack::registry::{PlainHttp, RetryPolicy, TransferPolicy};
use modelpack::spec::{Document, Manifest};
use modelpack::{
    BuildOptions, Client, Control, Digest, Event, Progress, PullOptions, PushOptions, Reference,
    Store, Toolkit,
};
use modelpack_testkit::faulty::{Contents, FaultyRegistry, Origin};
use modelpack_testkit::{ToyModel, random_bytes};
use tempfile::TempDir;

/// Says to a child what to do. A child is this test binary again.
const ROLE: &str = "MODELPACK_CRASH_ROLE";
const ROOT: &str = "MODELPACK_CRASH_ROOT";
const HOST: &str = "MODELPACK_CRASH_HOST";
const KILL: &str = "MODELPACK_CRASH_KILL";
pub(crate) const REPOSITORY: &str = "models/toy";
/// Large enough to be hashed and recorded while it arrives.
pub(crate) const WEIGHTS: usize = 8 * 1024 * 1024;
const MIDDLE: usize = 2 * 1024 * 1024;
/// Names that the child gives which only gives names.
const NAMES: usize = 40;
/// A child that says nothing for so long hangs; on a busy machine everything takes long.
const HANGS: Duration = Duration::from_secs(120);

/// A registry, a store and the directory of a model.
pub(crate) struct Place {
    pub(crate) registry: FaultyRegistry,
    pub(crate) store: Store,
    pub(crate) root: PathBuf,
    _scratch: TempDir,
}

/// Two versions of a model that share a file.
pub(crate) struct Versions {
    pub(crate) contents: Contents,
    pub(crate) manifests: Vec<Document<Manifest>>,
}

pub(crate) static VERSIONS: LazyLock<Versions> = LazyLock::new(|| {
    let (scratch, contents) = (scratch(), Contents::new());
    let store = Store::create(scratch.path().join("store")).expect("a store");
    let toolkit = toolkit(store.clone());
    let mut manifests = Vec::new();
    for version in [1, 2] {
        let name: Reference = format!("localhost/toy:v{version}").parse().expect("a name");
        let directory = scratch.path().join(format!("model-{version}"));
        write_model(&directory, version);
        let (options, control) = (BuildOptions::default(), Control::default());
        let built = toolkit.build(&directory, &name, &options, &control);
        let digest = runtime().block_on(built).expect("it builds").digest;
        let bytes = store.read_blob(&digest, 1 << 20).expect("a manifest");
        let manifest = Document::<Manifest>::parse(bytes).expect("a manifest");
        for digest in blobs_of(&manifest) {
            let bytes = store.read_blob(&digest, 1 << 30).expect("a blob");
            contents.add_blob(REPOSITORY, bytes.to_vec());
        }
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let bytes = manifest.bytes().to_vec();
        contents.add_manifest(REPOSITORY, &format!("v{version}"), media_type, bytes);
        manifests.push(manifest);
    }
    Versions {
        contents,
        manifests,
    }
});

pub(crate) fn blobs_of(manifest: &Document<Manifest>) -> Vec<Digest> {
    let value = manifest.value();
    let parts = value.layers.iter().chain([&value.config]);
    parts.map(|part| part.digest).collect()
}

pub(crate) fn write_model(directory: &Path, version: u64) {
    ToyModel::new()
        .weights(1, WEIGHTS)
        .seed(version)
        .file("middle.bin", random_bytes(MIDDLE, 7))
        .file(
            "Modelfile",
            "NAME toy\nCONFIG config.json\nDOC README.md\nMODEL *.bin\n",
        )
        .write(directory);
}

/// In memory where there is such a place: a killed process loses nothing that it gave to the system.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a scratch directory")
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

pub(crate) fn toolkit(store: Store) -> Toolkit {
    let client = Client::builder()
        .plain_http(PlainHttp::Loopback)
        .retry(RetryPolicy::default().with_base(Duration::from_millis(1)))
        .transfer(TransferPolicy::default().with_pieces(1 << 20, 4 << 20))
        .build()
        .expect("a client");
    Toolkit::new(store, client)
}

impl Place {
    pub(crate) fn new(contents: &Contents) -> Self {
        let scratch = scratch();
        let root = scratch.path().to_owned();
        Self {
            registry: FaultyRegistry::builder().contents(contents).start(),
            store: Store::create(root.join("store")).expect("a store"),
            root,
            _scratch: scratch,
        }
    }

    pub(crate) fn toolkit(&self) -> Toolkit {
        toolkit(self.store.clone())
    }

    pub(crate) fn name(&self, tag: &str) -> Reference {
        name(&self.registry.host(), tag)
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        let entries = self.store.references().expect("the names can be read");
        let tag =
            |entry: modelpack::store::TagEntry| entry.reference.tag.map(|tag| tag.to_string());
        entries.into_iter().filter_map(tag).collect()
    }

    pub(crate) fn assert_clean(&self) {
        let report = self.store.verify(|_| true).expect("it can be verified");
        assert_eq!(report.damage, []);
    }

    /// Nothing of killed processes is left.
    pub(crate) fn assert_tidy(&self) {
        for directory in ["leases", "ingest", "partials"] {
            let directory = self.store.own(directory);
            let left = std::fs::read_dir(&directory).expect("a directory");
            let left: Vec<_> = left.map(|entry| entry.expect("an entry").path()).collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }

    /// Forgets what was served, when nobody is served any more.
    pub(crate) fn forget_requests(&self) {
        while self.registry.connections(Origin::Registry).open > 0 {
            std::thread::yield_now();
        }
        self.registry.forget_requests();
    }

    pub(crate) fn start(&self, role: &str, kill: &Kill) -> Running {
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args(["--exact", "children::as_child", "--nocapture"])
            .env(ROLE, role)
            .env(ROOT, &self.root)
            .env(HOST, self.registry.host())
            .env(KILL, kill.text())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("it starts");
        let output = child.stdout.take().expect("it is a pipe");
        let (say, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.try_for_each(|line| say.send(line))
        });
        Running { child, heard }
    }

    /// Starts a child, kills it at that point, and gives what it has said.
    pub(crate) fn kill(&self, role: &str, kill: &Kill) -> Vec<String> {
        let Running { mut child, heard } = self.start(role, kill);
        let mut said = Vec::new();
        let mut patience = HANGS;
        loop {
            match heard.recv_timeout(patience) {
                Ok(line) if line == "at" => child.kill().expect("it can be killed"),
                Ok(line) if line == "go" => {
                    if let Kill::After(time) = kill {
                        patience = *time;
                    }
                }
                Ok(line) => said.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    assert!(patience < HANGS, "the child hangs");
                    child.kill().expect("it can be killed");
                    patience = HANGS;
                }
            }
        }
        let status = child.wait().expect("it ends");
        let is_killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
        assert!(status.success() || is_killed, "{role}: {status}");
        said
    }
}

/// A child that runs.
pub(crate) struct Running {
    child: Child,
    heard: mpsc::Receiver<String>,
}

impl Running {
    /// Waits for its end and gives what it has said.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let said = self.heard.iter().collect();
        (self.child.wait().expect("it ends"), said)
    }
}

/// When a child is killed.
#[derive(Debug, Clone)]
pub(crate) enum Kill {
    Never,
    /// So long after it has begun.
    After(Duration),
    /// When its operation has reported so many events.
    Events(usize),
    /// When its journals have so many bytes.
    Recorded(u64),
}

impl Kill {
    fn text(&self) -> String {
        match self {
            Self::Never | Self::After(_) => String::new(),
            Self::Events(count) => format!("events {count}"),
            Self::Recorded(bytes) => format!("recorded {bytes}"),
        }
    }
}

fn name(host: &str, tag: &str) -> Reference {
    format!("{host}/{REPOSITORY}:{tag}")
        .parse()
        .expect("a reference")
}

fn say(line: &str) {
    // The test harness has begun a line.
    let mut output = std::io::stdout();
    let said = output.write_all(format!("\n{line}\n").as_bytes());
    said.and_then(|()| output.flush())
        .expect("somebody listens");
}

/// Says when it has counted so many events, and then waits for its end.
struct Counting {
    count: AtomicUsize,
    last: usize,
}

impl Progress for Counting {
    fn event(&self, _event: Event<'_>) {
        if self.count.fetch_add(1, Ordering::SeqCst) + 1 == self.last {
            say("at");
            let _ = std::io::stdin().read_line(&mut String::new());
        }
    }
}

fn control(store: &Store) -> Control {
    let kill = std::env::var(KILL).unwrap_or_default();
    match kill.split_once(' ') {
        Some(("events", count)) => Control::with_progress(Arc::new(Counting {
            count: AtomicUsize::new(0),
            last: count.parse().expect("a number"),
        })),
        Some((_, bytes)) => {
            let (store, bytes): (Store, u64) = (store.clone(), bytes.parse().expect("a number"));
            std::thread::spawn(move || {
                loop {
                    let partials = store.partials().unwrap_or_default();
                    if partials.iter().any(|partial| partial.done.len() >= bytes) {
                        return say("at");
                    }
                    std::thread::yield_now();
                }
            });
            Control::default()
        }
        None => Control::default(),
    }
}

/// Not a test by itself: what the children of the other tests do.
#[test]
fn as_child() {
    let (Ok(role), Ok(root), Ok(host)) = (
        std::env::var(ROLE),
        std::env::var(ROOT).map(PathBuf::from),
        std::env::var(HOST),
    ) else {
        return;
    };
    let store = Store::open(root.join("store")).expect("a store");
    let (toolkit, control) = (toolkit(store.clone()), control(&store));
    say("go");
    runtime().block_on(async {
        let v1 = name(&host, "v1");
        match role.as_str() {
            "pull" => {
                let options = PullOptions::default();
                let pulled = toolkit.pull(&v1, &options, &control).await;
                pulled.expect("it is pulled");
            }
            "push" => {
                let options = PushOptions::default();
                let pushed = toolkit.push(&v1, &options, &control).await;
                pushed.expect("it is pushed");
            }
            "build" => {
                let options = BuildOptions::default();
                let directory = root.join("model");
                let built = toolkit.build(&directory, &v1, &options, &control);
                built.await.expect("it is built");
            }
            "prune" => {
                toolkit.prune(false, None).await.expect("it prunes");
            }
            "tag" => {
                for number in 0..NAMES {
                    let tag = format!("t{number}");
                    tag_as(&toolkit, &v1, &host, &tag).await;
                    if number % 3 == 2 {
                        remove(&toolkit, &host, &tag).await;
                    }
                }
            }
            number => mix(&toolkit, &host, number, &control).await,
        }
    });
}

async fn tag_as(toolkit: &Toolkit, source: &Reference, host: &str, tag: &str) {
    say(&format!("begin +{tag}"));
    let tagged = toolkit.tag(source, &name(host, tag)).await;
    tagged.expect("it gets a name");
    say(&format!("+{tag}"));
}

async fn remove(toolkit: &Toolkit, host: &str, tag: &str) {
    say(&format!("begin -{tag}"));
    let removed = toolkit.remove(&name(host, tag)).await;
    removed.expect("it loses a name");
    say(&format!("-{tag}"));
}

/// Pulls, tags, removes and prunes, with names that nobody else has and blobs that everybody has.
async fn mix(toolkit: &Toolkit, host: &str, number: &str, control: &Control) {
    for step in 0..4 {
        let pulled = format!("p{number}-v{}", 1 + step % 2);
        let (source, options) = (name(host, &pulled), PullOptions::default());
        let report = toolkit.pull(&source, &options, control).await;
        report.expect("it is pulled");
        tag_as(toolkit, &source, host, &format!("p{number}-t{step}")).await;
        if step > 0 {
            remove(toolkit, host, &format!("p{number}-t{}", step - 1)).await;
        }
        remove(toolkit, host, &pulled).await;
        toolkit.prune(false, None).await.expect("it prunes");
    }
}
