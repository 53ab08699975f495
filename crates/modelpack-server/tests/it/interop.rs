//! Clients that nobody here wrote, when they are installed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use modelpack_server::{ListenOptions, MemoryStorage, Options, Registry, listen};
use modelpack_spec::{Descriptor, Digest, MediaType};
use modelpack_store::Store;

use crate::support::{artifact, open_disk};

/// Runs a program to its end; `None`, said plainly, when it is not installed.
#[expect(clippy::print_stdout, reason = "a test that was skipped has to say so")]
async fn run(program: &str, arguments: Vec<String>) -> Option<std::process::Output> {
    let name = program.to_owned();
    let output = tokio::task::spawn_blocking(move || Command::new(name).args(arguments).output());
    match output.await.unwrap() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

fn arguments<const N: usize>(arguments: [&str; N]) -> Vec<String> {
    arguments.map(ToOwned::to_owned).to_vec()
}

/// An OCI image layout with one artifact under the tag `v1`; returns the digest of its manifest.
fn layout(path: &Path) -> Digest {
    let store = Store::create(path).unwrap();
    let manifest = artifact("weights", ",\"x\": [1,  2]");
    let lease = store.lease().unwrap();
    for blob in ["{}", "weights", &manifest] {
        lease.put(blob.as_bytes()).unwrap();
    }
    let digest = Digest::sha256(manifest.as_bytes());
    let descriptor = Descriptor::new(MediaType::OciManifest, digest, manifest.len() as u64);
    store
        .tag(&"localhost/x:v1".parse().unwrap(), &descriptor)
        .unwrap();
    digest
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies_in_and_out() {
    let directory = tempfile::tempdir().unwrap();
    let digest = layout(&directory.path().join("in"));
    let served = tempfile::tempdir().unwrap();
    let registry = Registry::new(open_disk(&served), Options::default());
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listener = listen(any_port, registry, ListenOptions::default())
        .await
        .unwrap();
    let address = listener.local_addr();
    let from = format!(
        "oci:{}:localhost/x:v1",
        directory.path().join("in").display()
    );
    let there = format!("docker://{address}/test/x:v1");
    let back = format!("oci:{}:v1", directory.path().join("out").display());
    let push = ["copy", "--dest-tls-verify=false", &from, &there];
    let Some(output) = run("skopeo", arguments(push)).await else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let pull = ["copy", "--src-tls-verify=false", &there, &back];
    let output = run("skopeo", arguments(pull)).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let index = std::fs::read_to_string(directory.path().join("out/index.json")).unwrap();
    assert!(index.contains(&digest.to_string()), "{index}");

    let list = [
        "list-tags",
        "--tls-verify=false",
        &format!("docker://{address}/test/x"),
    ];
    let output = run("skopeo", arguments(list)).await.unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("\"v1\""),
        "{output:?}"
    );
    let delete = ["delete", "--tls-verify=false", &there];
    let output = run("skopeo", arguments(delete)).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(listener.shutdown(Duration::from_secs(10)).await);
}

/// An ordinary image: a config with diff ids, and a layer that is an archive.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_keeps_its_digest() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("in")).unwrap();
    let lease = store.lease().unwrap();
    // Two empty blocks are an archive without files.
    let layer = lease.put(&[0; 1024]).unwrap();
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        layer.digest
    );
    let config = lease.put(config.as_bytes()).unwrap();
    let image = "application/vnd.oci.image";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{image}.manifest.v1+json","config":{{"mediaType":"{image}.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"{image}.layer.v1.tar","digest":"{}","size":{}}}]}}"#,
        config.digest, config.size, layer.digest, layer.size
    );
    let stored = lease.put(manifest.as_bytes()).unwrap();
    let descriptor = Descriptor::new(MediaType::OciManifest, stored.digest, stored.size);
    store
        .tag(&"localhost/x:v1".parse().unwrap(), &descriptor)
        .unwrap();
    let registry = Registry::new(MemoryStorage::new(), Options::default());
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listener = listen(any_port, registry, ListenOptions::default())
        .await
        .unwrap();
    let from = format!(
        "oci:{}:localhost/x:v1",
        directory.path().join("in").display()
    );
    let there = format!("docker://{}/image:v1", listener.local_addr());
    let back = format!("oci:{}:v1", directory.path().join("out").display());
    for (from, to) in [(&from, &there), (&there, &back)] {
        let copy = [
            "copy",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            from,
            to,
        ];
        let Some(output) = run("skopeo", arguments(copy)).await else {
            return;
        };
        assert!(output.status.success(), "{output:?}");
    }
    let index = std::fs::read_to_string(directory.path().join("out/index.json")).unwrap();
    assert!(index.contains(&stored.digest.to_string()), "{index}");
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_resumes_a_download() {
    let served = tempfile::tempdir().unwrap();
    let storage = open_disk(&served);
    let content: Vec<u8> = (0..1_000_000_u32)
        .map(|number| (number % 241) as u8)
        .collect();
    let registry = Registry::new(storage, Options::default());
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listener = listen(any_port, registry, ListenOptions::default())
        .await
        .unwrap();
    let base = format!("http://{}/v2/a/blobs", listener.local_addr());
    let digest = Digest::sha256(&content);
    let whole = served.path().join("whole");
    std::fs::write(&whole, &content).unwrap();
    let data = format!("@{}", whole.display());
    let upload = [
        "-sSf",
        "--data-binary",
        &data,
        &format!("{base}/uploads/?digest={digest}"),
    ];
    let Some(output) = run("curl", arguments(upload)).await else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let part = served.path().join("part");
    std::fs::write(&part, &content[..123_456]).unwrap();
    let path = part.display().to_string();
    let resume = ["-sSf", "-C", "-", "-o", &path, &format!("{base}/{digest}")];
    let output = run("curl", arguments(resume)).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(std::fs::read(&part).unwrap() == content);
}

/// What another registry holds can be copied in, digests unchanged.
#[tokio::test(flavor = "multi_thread")]
async fn the_content_of_another_registry_is_copied_in() {
    let Some(other) = modelpack_testkit::DockerRegistry::start() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let digest = layout(&directory.path().join("in"));
    let served = tempfile::tempdir().unwrap();
    let registry = Registry::new(open_disk(&served), Options::default());
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listener = listen(any_port, registry, ListenOptions::default())
        .await
        .unwrap();
    let from = format!(
        "oci:{}:localhost/x:v1",
        directory.path().join("in").display()
    );
    let there = format!("docker://{}/old/x:v1", other.address());
    let here = format!("docker://{}/new/x:v1", listener.local_addr());
    for (from, to) in [(&from, &there), (&there, &here)] {
        let copy = [
            "copy",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            from,
            to,
        ];
        let Some(output) = run("skopeo", arguments(copy)).await else {
            return;
        };
        assert!(output.status.success(), "{output:?}");
    }
    let reference: modelpack_spec::Reference = "localhost:5000/new/x:v1".parse().unwrap();
    let store = Store::open(served.path()).unwrap();
    assert_eq!(store.resolve(&reference).unwrap().digest, digest);
}
