//! Pulls through `modelpack serve --upstream` while the blob still arrives there.

use std::io::{Read, Write};
use std::net::TcpStream;

use modelpack_testkit::faulty::{Class, Fault, Rule, When};

use crate::resume::{NAME, registry_of};
use crate::shell::{Served, Shell};

/// So large that our client asks for it in parts.
const SIZE: u64 = 24 * 1024 * 1024;

/// However it is asked for, and though it comes slowly, upstream sends it once.
#[test]
fn a_pull_through_takes_one_download() {
    let shell = Shell::new();
    let (upstream, digest) = registry_of(SIZE);
    let fault = Fault::Stall {
        after: SIZE / 2,
        millis: Some(300),
    };
    let layer = When::new("GET", Class::Blob).of(&digest);
    upstream.set_rules([Rule::new(layer, fault)]);
    let host = upstream.host();
    let more = ["--upstream", &host, "--plain-http"];
    let mirror = Served::start_with(&shell, "mirror", &more);
    shell.ok(&[
        "pull",
        "--plain-http",
        &format!("{}/{NAME}:v1", mirror.host),
    ]);
    assert_eq!(upstream.served(&digest).total(), SIZE);
}

/// Upstream never goes on, and still its first half is here.
#[test]
fn what_has_arrived_is_handed_on() {
    let shell = Shell::new();
    let (upstream, digest) = registry_of(SIZE);
    let fault = Fault::Stall {
        after: SIZE / 2,
        millis: None,
    };
    let layer = When::new("GET", Class::Blob).of(&digest);
    upstream.set_rules([Rule::new(layer, fault)]);
    let host = upstream.host();
    let more = ["--upstream", &host, "--plain-http"];
    let mirror = Served::start_with(&shell, "mirror", &more);
    let mut stream = TcpStream::connect(&mirror.host).expect("it listens");
    let request = format!(
        "GET /v2/{NAME}/blobs/{digest} HTTP/1.1\r\nhost: {}\r\n\r\n",
        mirror.host
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = vec![0; usize::try_from(SIZE / 2).expect("it fits")];
    stream.read_exact(&mut answer).expect("it answers");
    let head = String::from_utf8_lossy(&answer[..1024]).to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains(&format!("content-length: {SIZE}\r\n")));
}
