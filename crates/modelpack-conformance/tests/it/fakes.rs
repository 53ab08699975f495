//! Tools that do everything wrong, run by the suites as programs: this test binary, called for one test.
//!
//! Each is a test that does nothing unless a suite called it. The words that the suite gives it look like
//! names of further tests to the harness, and there are none of those.

use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use modelpack_conformance::{Template, ToolOptions};
use modelpack_spec::Digest;
use serde_json::{Value, json};

const CALLED: &str = "FAKE_TOOL_OF_A_SUITE";

/// The tool of this name, with these words.
pub(crate) fn fake(name: &str, words: &str) -> ToolOptions {
    let program = env::current_exe().expect("it runs");
    let text = format!("'{}' --exact fakes::{name} {words}", program.display());
    let template: Template = text.parse().expect("it is a template");
    let mut options = ToolOptions::new([template]);
    options.environment.push((CALLED.into(), "1".into()));
    options.timeout = std::time::Duration::from_secs(10);
    options
}

/// The words behind the name, when a suite called.
fn called() -> Option<Vec<String>> {
    env::var_os(CALLED)?;
    Some(env::args().skip(3).collect())
}

/// Believes everything: digests, lengths, names, modes, links, redirects.
#[test]
fn pull() {
    let Some(words) = called() else { return };
    let [reference, out] = &words[..] else {
        panic!("{words:?}");
    };
    let (host, rest) = reference.split_once('/').expect("a host");
    let (repository, tag) = rest
        .split_once('@')
        .or_else(|| rest.rsplit_once(':'))
        .expect("a tag or digest");
    // Of a tag and a digest it takes the tag.
    let (repository, tag) = match repository.rsplit_once(':') {
        Some((repository, own)) => (repository, own),
        None => (repository, tag),
    };
    let manifest = get(host, &format!("/v2/{repository}/manifests/{tag}"));
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let layers = manifest["layers"].as_array().expect("layers");
    for layer in layers {
        let digest = layer["digest"].as_str().expect("a digest");
        let blob = get(host, &format!("/v2/{repository}/blobs/{digest}"));
        write_layer(layer, &blob, Path::new(out));
    }
}

fn write_layer(layer: &Value, blob: &[u8], out: &Path) {
    let annotation = |name: &str| layer["annotations"][format!("org.cncf.model.{name}")].as_str();
    let media_type = layer["mediaType"].as_str().expect("a type");
    if media_type.ends_with(".tar") {
        for entry in tar::Archive::new(blob).entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = out.join(entry.path().expect("a path"));
            let target = entry
                .link_name()
                .expect("a name")
                .map(|name| name.into_owned());
            match entry.header().entry_type() {
                tar::EntryType::Symlink => {
                    std::os::unix::fs::symlink(target.expect("a target"), path)
                        .expect("it can be linked");
                }
                tar::EntryType::Link => {
                    fs::hard_link(out.join(target.expect("a target")), path)
                        .expect("it can be linked");
                }
                _ => {
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content).expect("it can be read");
                    write(&path, &content);
                    set_mode(&path, entry.header().mode().expect("a mode"));
                }
            }
        }
        return;
    }
    let path = out.join(annotation("filepath").expect("a path"));
    write(&path, blob);
    let metadata =
        annotation("file.metadata+json").and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(mode) = metadata.and_then(|metadata| metadata["mode"].as_u64()) {
        set_mode(&path, u32::try_from(mode).expect("a mode"));
    }
}

fn write(path: &PathBuf, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, content).expect("it can be written");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Follows redirects for ever, and takes its password along.
fn get(host: &str, path: &str) -> Vec<u8> {
    let (mut host, mut path) = (host.to_owned(), path.to_owned());
    loop {
        let (status, headers, body) = ask("GET", &host, &path, &[]);
        let location = headers
            .lines()
            .find_map(|line| line.strip_prefix("Location: "));
        let Some(location) = location.filter(|_| (300..400).contains(&status)) else {
            assert!(status < 300, "{status} {path}");
            return body;
        };
        let rest = location.strip_prefix("http://");
        let (next, target) = match rest.and_then(|rest| rest.split_once('/')) {
            Some((next, target)) => (next.to_owned(), format!("/{target}")),
            None => (host, location.to_owned()),
        };
        (host, path) = (next, target);
    }
}

fn ask(method: &str, host: &str, path: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut socket = TcpStream::connect(host).expect("somebody listens");
    let length = body.len();
    let login = login();
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{login}Content-Length: {length}\r\n\
         Content-Type: application/vnd.oci.image.manifest.v1+json\r\n\r\n"
    )
    .and_then(|()| socket.write_all(body))
    .expect("it can be sent");
    let mut answer = Vec::new();
    // A connection that breaks is an end like any other.
    let _ = socket.read_to_end(&mut answer);
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("headers");
    let headers = String::from_utf8_lossy(&answer[..end]).replace("\r\n", "\n");
    let status = headers
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    (status, headers, answer[end + 4..].to_vec())
}

fn login() -> String {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let Ok(file) = fs::read(home.join(".docker/config.json")) else {
        return String::new();
    };
    let file: Value = serde_json::from_slice(&file).expect("JSON");
    let hosts = file["auths"].as_object().expect("hosts");
    let auth = hosts
        .values()
        .next()
        .and_then(|host| host["auth"].as_str())
        .expect("a login");
    format!("Authorization: Basic {auth}\r\n")
}

/// Reads every page of a list of tags, wherever it is.
#[test]
fn list() {
    let Some(words) = called() else { return };
    let (host, repository) = words[0].split_once('/').expect("a host");
    let mut path = format!("/v2/{repository}/tags/list");
    let mut host = host.to_owned();
    loop {
        let (_, headers, _) = ask("GET", &host, &path, &[]);
        let link = headers
            .lines()
            .find_map(|line| line.strip_prefix("Link: <"));
        let Some((next, _)) = link.and_then(|link| link.split_once('>')) else {
            return;
        };
        match next
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
        {
            Some((other, target)) => (host, path) = (other.to_owned(), format!("/{target}")),
            None => path = next.to_owned(),
        }
    }
}

/// Packs every file of the directory as weights, with the time of day, and reads no Modelfile.
#[test]
fn build() {
    let Some(words) = called() else { return };
    let [reference, directory] = &words[..] else {
        panic!("{words:?}");
    };
    let (host, rest) = reference.split_once('/').expect("a host");
    let (repository, tag) = rest.rsplit_once(':').expect("a tag");
    let push = |content: &[u8]| {
        let digest = Digest::sha256(content);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        assert_eq!(ask("POST", host, &path, content).0, 201);
        digest.to_string()
    };
    let mut layers = Vec::new();
    for path in files(Path::new(directory)) {
        let content = fs::read(&path).expect("it can be read");
        let now = std::time::SystemTime::now();
        layers.push(json!({
            "mediaType": "application/vnd.cncf.model.weight.v1.raw",
            "digest": push(&content),
            "size": content.len(),
            "annotations": {
                "org.cncf.model.filepath": path.strip_prefix(directory).expect("below"),
                "packed": format!("{now:?}"),
            },
        }));
    }
    let config = b"{}";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/json", "digest": push(config), "size": 2 },
        "layers": layers,
    });
    let path = format!("/v2/{repository}/manifests/{tag}");
    assert_eq!(
        ask("PUT", host, &path, manifest.to_string().as_bytes()).0,
        201
    );
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
