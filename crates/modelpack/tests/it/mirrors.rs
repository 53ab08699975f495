//! Pulls past a mirror that sends wrong bytes of the right length.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use modelpack::registry::PlainHttp;
use modelpack::registry::hosts::{Hosts, Mirror};
use modelpack::{BuildReport, Client, Control, PullOptions, PushOptions, Store, Toolkit};

use crate::scene::Scene;

/// Serves zeros for the layers of an artifact and has nothing else. Gives its URL, and how often it lied.
fn liar(artifact: &BuildReport) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let layers: Vec<(String, u64)> = artifact
        .layers
        .iter()
        .map(|layer| (layer.digest.to_string(), layer.size))
        .collect();
    let lies = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&lies);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let request = lines.next().unwrap_or_default();
            for _ in lines.take_while(|line| !line.is_empty()) {}
            let known = layers.iter().find(|(digest, _)| request.contains(digest));
            let (status, size) = match known {
                Some((_, size)) => (200, *size),
                None => (404, 0),
            };
            counter.fetch_add(usize::from(status == 200), Ordering::Relaxed);
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n"
            );
            let body = vec![0; usize::try_from(size).expect("a small file")];
            // A client that has seen enough hangs up.
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&body));
        }
    });
    (url, lies)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_lies_does_not_end_a_pull() {
    let scene = Scene::new().await;
    let reference = scene.reference("me/toy:v1");
    // Large enough that the store verifies it, and not the client.
    let files: [(&str, &[u8]); 1] = [("model.bin", &[7; 3_000_000])];
    let model = scene.model("model", "NAME toy\nMODEL *.bin\n", &files);
    let built = scene.build(&model, "me/toy:v1").await.expect("it builds");
    scene
        .publisher
        .push(&reference, &PushOptions::default(), &Control::default())
        .await
        .expect("it is pushed");
    let (url, lies) = liar(&built);
    let mut hosts = Hosts::default();
    let host = scene.authority.parse().expect("a host");
    let mirror = Mirror::new(url.parse().expect("a mirror"));
    hosts.hosts.entry(host).or_default().mirrors.push(mirror);
    let client = Client::builder()
        .plain_http(PlainHttp::Loopback)
        .hosts(hosts)
        .build()
        .expect("a client");
    let store = Store::create(scene.path("behind-a-mirror")).expect("a store");
    let toolkit = Toolkit::new(store, client);
    let report = toolkit
        .pull(&reference, &PullOptions::default(), &Control::default())
        .await
        .expect("the registry has the right bytes");
    assert_eq!(report.digest, built.digest);
    assert!(lies.load(Ordering::Relaxed) > 0, "the mirror was asked");
    assert!(
        toolkit
            .verify(&Control::default())
            .await
            .expect("a store")
            .damage
            .is_empty()
    );
}
