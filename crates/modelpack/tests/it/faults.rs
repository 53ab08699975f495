//! Pulls from a registry that misbehaves: right bytes or a typed error, whatever it does.
//!
//! `MODELPACK_FAULT_CASES` sets the number of cases (2000) of the four property tests together.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use modelpack::registry::{Credential, PlainHttp, RetryPolicy, Secret, SingleHost, TransferPolicy};
use modelpack::spec::{Descriptor, Document, Manifest};
use modelpack::{
    BuildOptions, Client, Control, Culprit, Digest, Error, Event, Progress, PullOptions, Reference,
    Store, Toolkit,
};
use modelpack_testkit::ToyModel;
use modelpack_testkit::faulty::{
    Auth, Bearer, Behaviour, Class, Contents, Fault, FaultyRegistry, Rule, Scene, When,
};
use proptest::prelude::*;
use tempfile::TempDir;

const REPOSITORY: &str = "models/toy";
const MAX_PIECE: u64 = 256 * 1024;
/// A pull that is not over then hangs: every wait in these tests is far shorter.
const HANGS: Duration = Duration::from_secs(120);
/// What may be on its way when a connection is given up: sockets take some megabytes without being asked.
const IN_FLIGHT: u64 = 4 * 1024 * 1024;

/// Two versions of a toy model.
struct Artifacts {
    manifests: Vec<Document<Manifest>>,
    blobs: Vec<Vec<u8>>,
    _scratch: TempDir,
}

static ARTIFACTS: LazyLock<Artifacts> = LazyLock::new(|| {
    let scratch = scratch();
    let store = Store::create(scratch.path().join("store")).expect("a store");
    let client = Client::builder().build().expect("a client");
    let toolkit = Toolkit::new(store.clone(), client);
    let runtime = runtime();
    let (mut manifests, mut blobs) = (Vec::new(), Vec::new());
    for seed in [1, 2] {
        let directory = scratch.path().join(format!("model-{seed}"));
        ToyModel::new()
            .weights(2, 1_300_000)
            .seed(seed)
            .write(&directory);
        let reference: Reference = format!("localhost/toy:v{seed}")
            .parse()
            .expect("a reference");
        let mut options = BuildOptions::default();
        options.modelfile = Some(directory.join("Modelfile"));
        let control = Control::default();
        let build = toolkit.build(&directory, &reference, &options, &control);
        let built = runtime.block_on(build).expect("it builds");
        let bytes = store.read_blob(&built.digest, 1 << 20).expect("a manifest");
        let manifest = Document::<Manifest>::parse(bytes).expect("a manifest");
        for blob in contents_of(&manifest) {
            let bytes = store.read_blob(&blob.digest, 1 << 30).expect("a blob");
            blobs.push(bytes.to_vec());
        }
        manifests.push(manifest);
    }
    Artifacts {
        manifests,
        blobs,
        _scratch: scratch,
    }
});

fn contents_of(manifest: &Document<Manifest>) -> impl Iterator<Item = &Descriptor> {
    let value = manifest.value();
    std::iter::once(&value.config).chain(&value.layers)
}

/// In memory where there is such a place: these tests are about what is written, not about syncing it.
fn scratch() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    tempfile::tempdir_in(&memory)
        .or_else(|_| tempfile::tempdir())
        .expect("a scratch directory")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// So many percent of all cases.
fn share(percent: u32) -> ProptestConfig {
    let cases = std::env::var("MODELPACK_FAULT_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2000_u32);
    ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::with_cases((cases * percent).div_ceil(100))
    }
}

fn registry(auth: Auth) -> FaultyRegistry {
    let contents = Contents::new();
    for blob in &ARTIFACTS.blobs {
        contents.add_blob(REPOSITORY, blob.clone());
    }
    for (index, manifest) in ARTIFACTS.manifests.iter().enumerate().rev() {
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let bytes = manifest.bytes().to_vec();
        contents.add_manifest(REPOSITORY, &format!("v{}", index + 1), media_type, bytes);
    }
    FaultyRegistry::builder()
        .contents(&contents)
        .behaviour(Behaviour {
            auth,
            ..Behaviour::default()
        })
        .start()
}

/// `idle` is the longest silence that is taken.
fn toolkit(registry: &FaultyRegistry, store: Store, idle: Duration) -> Toolkit {
    let host: modelpack::spec::Host = registry.host().parse().expect("a host");
    let credential = Credential::Password {
        username: "user".to_owned(),
        password: Secret::new("correct-horse"),
    };
    let client = Client::builder()
        .plain_http(PlainHttp::Loopback)
        .credentials(SingleHost::new(host, credential))
        .retry(RetryPolicy::default().with_base(Duration::from_micros(100)))
        .idle_timeout(idle)
        .transfer(
            TransferPolicy::default()
                .with_pieces(64 * 1024, MAX_PIECE)
                .with_first_connections(NonZeroUsize::new(3).expect("three is not zero")),
        )
        .build()
        .expect("a client");
    Toolkit::new(store, client)
}

fn scene() -> Scene {
    let manifest = &ARTIFACTS.manifests[0];
    Scene {
        blobs: contents_of(manifest)
            .map(|blob| blob.digest.to_string())
            .collect(),
        moves: vec![ARTIFACTS.manifests[1].digest().to_string()],
        ..Scene::new(1_300_000)
    }
}

/// Bytes that a fault may cost, of a blob of this size: a piece; but the whole when its answers cannot be
/// told from right ones before the digest is compared, or when ranges are not honoured.
fn cost(fault: &Fault, size: u64) -> u64 {
    match fault {
        Fault::WrongBytes { .. }
        | Fault::WrongBodyBytes { .. }
        | Fault::RangeStart { .. }
        | Fault::RangeEnd { .. }
        | Fault::RangeTotal { .. }
        | Fault::IgnoreRange
        | Fault::RefuseRange
        | Fault::Multipart
        | Fault::ShortBody { .. }
        | Fault::LongBody { .. }
        | Fault::Gzip { .. }
        | Fault::MediaType { .. } => 2 * size,
        _ => MAX_PIECE.min(size),
    }
}

fn check(scene: &Scene, auth: Auth, seeds: &[u64]) -> Result<(), TestCaseError> {
    let rules: Vec<Rule> = seeds.iter().map(|seed| scene.pull_rule(*seed)).collect();
    let registry = registry(auth);
    let scratch = scratch();
    let store = Store::create(scratch.path().join("store")).expect("a store");
    // Where nothing is silent on purpose, a busy machine must not look like it.
    let idle = if scene.silence { 400 } else { 20_000 };
    let toolkit = toolkit(&registry, store.clone(), Duration::from_millis(idle));
    let reference: Reference = format!("{}/{REPOSITORY}:v1", registry.host())
        .parse()
        .expect("a reference");
    let runtime = runtime();
    let pull = || {
        let (control, options) = (Control::default(), PullOptions::default());
        let pull = toolkit.pull(&reference, &options, &control);
        runtime.block_on(async {
            tokio::time::timeout(HANGS, pull)
                .await
                .map_err(|_| TestCaseError::fail("the pull hangs"))
        })
    };

    registry.set_rules(rules.clone());
    let outcome = pull()?;
    check_store(&store, outcome.as_ref().map(|report| &report.digest))?;
    for blob in contents_of(&ARTIFACTS.manifests[0]) {
        let struck = registry.struck().into_iter().zip(&rules);
        let allowed: u64 = struck
            .map(|(times, rule)| times * cost(&rule.fault, blob.size))
            .sum();
        let sent = registry.served(&blob.digest.to_string()).total();
        let limit = blob.size + blob.size / 10 + allowed + IN_FLIGHT.min(allowed);
        prop_assert!(
            sent <= limit,
            "{sent} bytes were sent of a blob of {}",
            blob.size
        );
    }
    prop_assert!(registry.leaks().is_empty(), "{:?}", registry.leaks());

    // Whatever happened, it leaves nothing behind that stands in the way of the next try.
    registry.set_rules([]);
    registry.forget_tokens();
    let again = pull()?;
    prop_assert!(again.is_ok(), "after {outcome:?}: {again:?}");
    check_store(&store, again.as_ref().map(|report| &report.digest))?;
    prop_assert!(store.partials().expect("a list").is_empty() || outcome.is_err());
    Ok(())
}

/// Nothing in the store is wrong, and what was pulled is one of the artifacts with all of its bytes.
fn check_store(store: &Store, pulled: Result<&Digest, &Error>) -> Result<(), TestCaseError> {
    let report = store.verify(|_| true).expect("a store can be verified");
    prop_assert!(report.damage.is_empty(), "{:?}", report.damage);
    let Ok(digest) = pulled else {
        return Ok(());
    };
    let known = ARTIFACTS
        .manifests
        .iter()
        .find(|manifest| manifest.digest() == digest);
    let Some(manifest) = known else {
        return Err(TestCaseError::fail(format!("{digest} was never published")));
    };
    for blob in contents_of(manifest) {
        let bytes = store.read_blob(&blob.digest, blob.size);
        prop_assert!(bytes.is_ok(), "{bytes:?}");
    }
    Ok(())
}

fn bearer() -> Auth {
    Auth::Bearer(Bearer {
        anonymous_pull: false,
        // More than there are requests at the same time, or a new token would be used up by others.
        uses: Some(40),
        ..Bearer::default()
    })
}

proptest! {
    #![proptest_config(share(40))]
    #[test]
    fn faults_that_stop(seeds in prop::collection::vec(any::<u64>(), 0..6)) {
        check(&scene(), Auth::Open, &seeds)?;
    }
}

proptest! {
    #![proptest_config(share(30))]
    #[test]
    fn faults_with_tokens(seeds in prop::collection::vec(any::<u64>(), 0..6)) {
        check(&scene(), bearer(), &seeds)?;
    }
}

proptest! {
    #![proptest_config(share(25))]
    #[test]
    fn faults_for_ever(seeds in prop::collection::vec(any::<u64>(), 1..4)) {
        check(&Scene { for_ever: true, ..scene() }, bearer(), &seeds)?;
    }
}

// Fewer, since each silence costs a time-out.
proptest! {
    #![proptest_config(share(5))]
    #[test]
    fn silence(seeds in prop::collection::vec(any::<u64>(), 1..3)) {
        check(&Scene { silence: true, ..scene() }, Auth::Open, &seeds)?;
    }
}

#[test]
fn one_piece_that_was_damaged_is_mended_and_told() {
    let manifest = &ARTIFACTS.manifests[0];
    let layers = &manifest.value().layers;
    let layer = layers.iter().max_by_key(|layer| layer.size);
    let digest = layer.expect("a layer").digest.to_string();
    let runtime = runtime();
    for damage in [Damage::Once, Damage::EachTime] {
        let registry = Arc::new(registry(Auth::Open));
        let when = When::new("GET", Class::Blob).of(&digest);
        let fault = Fault::WrongBytes {
            at: 700_000,
            count: 3,
        };
        registry.set_rules([Rule::new(when, fault)]);
        let scratch = scratch();
        let store = Store::create(scratch.path().join("store")).expect("a store");
        let toolkit = toolkit(&registry, store.clone(), Duration::from_secs(20));
        let reference = format!("{}/{REPOSITORY}:v1", registry.host());
        let reference = reference.parse().expect("a reference");
        let told = Arc::new(Told {
            damage,
            registry: Arc::clone(&registry),
            warnings: Mutex::default(),
        });
        let control = Control::with_progress(Arc::clone(&told) as _);
        let outcome = runtime.block_on(toolkit.pull(&reference, &PullOptions::default(), &control));
        let warnings = told.warnings.lock().expect("no panic").join("\n");
        match damage {
            Damage::Once => {
                outcome.expect("mended");
                assert!(
                    warnings.contains("was damaged on the way at bytes"),
                    "{warnings}"
                );
            }
            Damage::EachTime => {
                let error = outcome.expect_err("it is wrong each time");
                assert!(error.is_integrity(), "{error}");
                let culprit = match &error {
                    Error::WrongBytes { culprit, .. } => *culprit,
                    other => panic!("{other:?}"),
                };
                assert_eq!(culprit, Culprit::Registry);
                assert!(store.partials().expect("a list").is_empty());
            }
        }
        assert!(store.verify(|_| true).expect("a store").damage.is_empty());
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Once,
    EachTime,
}

/// Keeps the warnings; ends what happens only once when it is about to be looked for.
struct Told {
    damage: Damage,
    registry: Arc<FaultyRegistry>,
    warnings: Mutex<Vec<String>>,
}

impl Progress for Told {
    fn event(&self, event: Event<'_>) {
        if let Event::Warning(text) = event {
            if self.damage == Damage::Once {
                self.registry.set_rules([]);
            }
            let mut warnings = self.warnings.lock().expect("no panic");
            warnings.push(text.to_owned());
        }
    }
}
