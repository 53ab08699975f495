//! The client against Debian's `docker-registry`, when it is installed.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use modelpack_registry::{Client, Credential, Mount, Name, Progress, SingleHost};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Descriptor, Digest, MediaType, RangeSet, Tag};

use crate::server::options;

/// `me` with the password `s3cret`, by bcrypt at its lowest cost.
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n";

struct Registry {
    process: Child,
    name: Name,
    _directory: tempfile::TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It has ended by itself otherwise.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `None` when the program is not there.
async fn start() -> Option<Registry> {
    let directory = tempfile::tempdir().expect("a directory");
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("a bound socket")
    };
    let passwords = directory.path().join("htpasswd");
    std::fs::write(&passwords, HTPASSWD).expect("a written file");
    let config = directory.path().join("config.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{inmemory: {{}}, delete: {{enabled: true}}}}\n\
         http: {{addr: '{address}'}}\nauth: {{htpasswd: {{realm: r, path: '{}'}}}}\n",
        passwords.display()
    );
    std::fs::write(&config, text).expect("a written file");
    let process = Command::new("docker-registry")
        .arg("serve")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let host = address.to_string().parse().expect("a host");
    let registry = Registry {
        process,
        name: Name::new(host, "team/model".parse().expect("a repository")),
        _directory: directory,
    };
    for _ in 0..500 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return Some(registry);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("docker-registry does not listen");
}

fn client(name: &Name, password: &str) -> Client {
    let credential = Credential::password("me", password);
    options()
        .credentials(SingleHost::new(name.host.clone(), credential))
        .build()
        .expect("good options")
}

#[tokio::test]
async fn docker_registry_takes_and_gives_everything() {
    let Some(registry) = start().await else {
        println!("skipped: docker-registry is not installed");
        return;
    };
    let name = &registry.name;
    let stranger = client(name, "wrong");
    assert!(
        stranger
            .ping(&name.host)
            .await
            .expect_err("wrong")
            .is_unauthorized()
    );
    let client = client(name, "s3cret");
    client.ping(&name.host).await.expect("a registry");

    let content: Bytes = (0..3_000_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let digest = Digest::sha256(&content);
    let size = content.len() as u64;
    let none = Progress::none();
    assert_eq!(
        client.head_blob(name, &digest).await.expect("an answer"),
        None
    );
    client
        .push_blob(name, &digest, size, Arc::new(content.clone()), &none)
        .await
        .expect("pushed");
    let found = client.head_blob(name, &digest).await.expect("an answer");
    assert_eq!(found.expect("there").size, Some(size));

    let layer = Descriptor::new(MediaType::from("a/b"), digest, size);
    let sink = Arc::new(Mutex::<Vec<u8>>::default());
    client
        .pull_blob(
            name,
            &layer,
            Arc::clone(&sink) as _,
            &RangeSet::default(),
            &none,
        )
        .await
        .expect("pulled");
    assert!(*sink.lock().expect("no panic") == content);
    let range = client.blob_range_unverified(name, &layer, 1000..1003).await;
    assert_eq!(range.expect("a range"), content.slice(1000..1003));

    let other = Name::new(
        name.host.clone(),
        "team/other".parse().expect("a repository"),
    );
    let mounted = client
        .mount_blob(&other, &digest, Some(&name.repository))
        .await;
    assert!(matches!(mounted, Ok(Mount::Mounted)), "{mounted:?}");
    let opened = client
        .mount_blob(&other, &Digest::sha256(b"?"), Some(&name.repository))
        .await;
    let Ok(Mount::Upload(upload)) = opened else {
        panic!("{opened:?}");
    };
    client.cancel_upload(upload).await.expect("gone");

    let config = Bytes::from_static(b"{}");
    let config_digest = Digest::sha256(&config);
    client
        .push_blob(name, &config_digest, 2, Arc::new(config), &none)
        .await
        .expect("pushed");
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{0}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{config_digest}","size":2}},"layers":[{{"mediaType":"a/b","digest":"{digest}","size":{size}}}]}}"#,
        MediaType::OciManifest
    );
    let manifest = Bytes::from(manifest);
    let tag = |text: &str| TagOrDigest::from(text.parse::<Tag>().expect("a tag"));
    for text in ["a", "b", "c"] {
        let stored = client
            .put_manifest(name, &tag(text), &MediaType::OciManifest, manifest.clone())
            .await;
        assert_eq!(stored.expect("stored"), Digest::sha256(&manifest));
    }
    let tags = client.list_tags(name, Some(1)).await;
    assert_eq!(tags.expect("a list"), ["a", "b", "c"]);
    let fetched = client.fetch_manifest(name, &tag("b")).await.expect("there");
    assert_eq!(fetched.manifest.bytes(), &manifest);
    let missing = client.fetch_manifest(name, &tag("d")).await;
    assert!(missing.expect_err("missing").is_not_found());
    let by_digest = TagOrDigest::from(fetched.digest);
    client
        .delete_manifest(name, &by_digest)
        .await
        .expect("gone");
    let gone = client.head_manifest(name, &by_digest).await;
    assert_eq!(gone.expect("an answer"), None);
    client.delete_blob(name, &digest).await.expect("gone");
}
