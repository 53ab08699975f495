//! Looking up programs and running the registry that Debian packages.

use std::io::{Read, Write};
use std::net::TcpStream;

use modelpack_testkit::{DockerRegistry, skip, tool};

#[cfg(unix)]
#[test]
fn programs_are_found_by_name() {
    assert!(tool("sh").is_some_and(|path| path.is_absolute()));
    assert_eq!(tool("no-program-has-this-name"), None);
}

#[test]
fn docker_registry_answers_until_dropped() {
    let Some(registry) = DockerRegistry::start() else {
        return skip("docker-registry is not installed");
    };
    let address = registry.address();
    assert_eq!(registry.host(), address.to_string());
    assert!(address.ip().is_loopback());

    let mut connection = TcpStream::connect(address).unwrap();
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    drop(registry);
    assert!(
        TcpStream::connect(address).is_err(),
        "the process outlived its guard"
    );
}
