//! Cases of `certs.d` directories.

use super::*;

fn add(hosts: &mut Hosts, directory: &Path) -> (bool, Vec<String>) {
    let mut complaints = Vec::new();
    let is_more = add_directory(hosts, directory, &mut |path, _| {
        complaints.push(path.file_name().expect("a name").display().to_string());
    });
    (is_more, complaints)
}

#[test]
fn certificates_are_found_by_host() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let write = |path: &str| {
        let file = scratch.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(file, path).expect("written");
    };
    for path in [
        "r.corp:5000/ca.crt",
        "r.corp:5000/more.crt",
        "r.corp:5000/client.cert",
        "r.corp:5000/client.key",
        "r.corp:5000/second.cert",
        "r.corp:5000/second.key",
        "r.corp:5000/README",
        "registry-1.docker.io/hub.crt",
        "set.corp/client.cert",
        "set.corp/client.key",
        "half.corp/client.cert",
        "not a host/ca.crt",
        "file.corp",
    ] {
        write(path);
    }
    let host = |text: &str| text.parse().expect("a host");
    let mut hosts = Hosts::default();
    hosts.entry(host("docker.io")).ca_pem = vec![b"own".to_vec()];
    let own = ClientIdentity::new("own", "own");
    hosts.entry(host("set.corp")).identity = Some(own.clone());
    let (is_more, complaints) = add(&mut hosts, scratch.path());
    assert!(is_more);
    assert_eq!(complaints, ["client.key"], "half.corp has no key");

    let found = hosts.of(&host("r.corp:5000"));
    let names = ["r.corp:5000/ca.crt", "r.corp:5000/more.crt"];
    assert_eq!(found.ca_pem, names.map(|name| name.as_bytes().to_vec()));
    let identity = ClientIdentity::new("r.corp:5000/client.cert", "r.corp:5000/client.key");
    assert_eq!(found.identity, Some(identity));
    let hub = hosts.of(&host("docker.io")).ca_pem;
    assert_eq!(hub, [&b"own"[..], b"registry-1.docker.io/hub.crt"]);
    assert_eq!(hosts.of(&host("set.corp")).identity, Some(own));
    assert_eq!(hosts.of(&host("half.corp")).identity, None);
    assert_eq!(hosts.of(&host("r.corp")), HostSettings::default());

    let mut none = Hosts::default();
    assert_eq!(
        add(&mut none, &scratch.path().join("missing")),
        (false, Vec::new())
    );
    assert_eq!(none, Hosts::default());
}
