//! A client certificate is shown to the origin that it is set for, and to nobody whom an answer names.

use modelpack_registry::hosts::{HostSettings, Hosts, Mirror};
use modelpack_registry::{Client, ClientBuilder, Error, Name, Progress, RetryPolicy};
use modelpack_spec::{Descriptor, Digest, Host, MediaType};

use crate::server::{Reply, Request, Server};
use crate::tls::{Authority, Shown};

const CONTENT: &[u8] = b"weights";

fn descriptor() -> Descriptor {
    let digest = Digest::sha256(CONTENT);
    Descriptor::new(MediaType::from("a/b"), digest, CONTENT.len() as u64)
}

async fn pull(client: &Client, name: &Name) -> Result<bytes::Bytes, Error> {
    client.get_blob(name, &descriptor(), 1024).await
}

async fn start(
    authority: &Authority,
    handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Server, Shown) {
    let (config, shown) = authority.server("127.0.0.1");
    (Server::start_tls(config, handler).await, shown)
}

fn options(authority: &Authority) -> ClientBuilder {
    Client::builder()
        .add_ca_pem(authority.pem())
        .retry(RetryPolicy::never())
}

fn set(hosts: &mut Hosts, host: Host, change: impl FnOnce(&mut HostSettings)) {
    change(hosts.hosts.entry(host).or_default());
}

/// C7: Neither the certificate of a host nor one that is for all.
#[tokio::test]
async fn c7_a_redirect_sees_no_client_certificate() {
    let authority = Authority::new();
    let (elsewhere, shown_elsewhere) = start(&authority, |_| Reply::new(200).body(CONTENT)).await;
    let target = format!("https://{}/signed", elsewhere.address);
    let (server, shown) = start(&authority, move |_| {
        Reply::new(307).header("location", target.clone())
    })
    .await;
    let (identity, certificate) = authority.identity("me");

    let mut hosts = Hosts::default();
    set(&mut hosts, server.host(), |own| {
        own.identity = Some(identity.clone())
    });
    let bound = options(&authority)
        .hosts(hosts)
        .build()
        .expect("good options");
    pull(&bound, &server.name()).await.expect("allowed");
    assert_eq!(shown.all(), std::slice::from_ref(&certificate));
    assert_eq!(elsewhere.requests().len(), 1);
    assert!(shown_elsewhere.all().is_empty());

    // The same for a certificate that is for every registry that the user names.
    let common = options(&authority).client_identity(identity).build();
    let common = common.expect("good options");
    pull(&common, &server.name()).await.expect("allowed");
    assert_eq!(shown.all(), [certificate.clone(), certificate]);
    assert!(shown_elsewhere.all().is_empty());
}

/// C7: A redirect to the owner of a certificate does not show it.
#[tokio::test]
async fn c7_another_registry_cannot_make_us_show_it() {
    let authority = Authority::new();
    let (server, shown) = start(&authority, |_| Reply::new(200).body(CONTENT)).await;
    let target = format!("https://{}/v2/secret/blobs/x", server.address);
    let (evil, _) = start(&authority, move |_| {
        Reply::new(307).header("location", target.clone())
    })
    .await;
    let (identity, certificate) = authority.identity("me");
    let mut hosts = Hosts::default();
    set(&mut hosts, server.host(), |own| {
        own.identity = Some(identity)
    });
    let client = options(&authority)
        .hosts(hosts)
        .build()
        .expect("good options");
    pull(&client, &evil.name()).await.expect("public there");
    assert_eq!(server.requests().len(), 1);
    assert!(
        shown.all().is_empty(),
        "nobody has asked for that registry by name"
    );
    // Nor does a connection that was made with it serve the others, or the other way round.
    pull(&client, &server.name()).await.expect("its own");
    assert_eq!(shown.all(), std::slice::from_ref(&certificate));
    pull(&client, &evil.name()).await.expect("public there");
    assert_eq!(shown.all(), [certificate]);
}

/// C7: An anonymous token is asked for without it.
#[tokio::test]
async fn c7_a_token_service_elsewhere_sees_no_client_certificate() {
    let authority = Authority::new();
    let token = |_: &Request| Reply::new(200).body(r#"{"token":"t0ken"}"#);
    let (service, shown_service) = start(&authority, token).await;
    let realm = format!("https://{}/token", service.address);
    let (server, shown) = start(&authority, move |request| {
        match request.header("authorization") {
            Some("Bearer t0ken") => Reply::new(200).body(CONTENT),
            _ => Reply::new(401).header("www-authenticate", format!("Bearer realm=\"{realm}\"")),
        }
    })
    .await;
    let (identity, certificate) = authority.identity("me");
    let client = options(&authority).client_identity(identity).build();
    pull(&client.expect("good options"), &server.name())
        .await
        .expect("an anonymous token");
    assert_eq!(shown.all(), [certificate]);
    assert_eq!(service.requests().len(), 1);
    assert!(shown_service.all().is_empty());
}

/// C7: At the registry's own origin the certificate is shown.
#[tokio::test]
async fn c7_a_token_service_of_the_registry_itself_is_the_registry() {
    let authority = Authority::new();
    let (config, shown) = authority.server("127.0.0.1");
    let server = Server::start_tls(config, |request| {
        if request.target.starts_with("/token") {
            return Reply::new(200).body(r#"{"token":"t0ken"}"#);
        }
        let host = request.header("host").expect("a host").to_owned();
        match request.header("authorization") {
            Some("Bearer t0ken") => Reply::new(200).body(CONTENT),
            _ => Reply::new(401).header(
                "www-authenticate",
                format!("Bearer realm=\"https://{host}/token\""),
            ),
        }
    })
    .await;
    let (identity, certificate) = authority.identity("me");
    let client = options(&authority).client_identity(identity).build();
    pull(&client.expect("good options"), &server.name())
        .await
        .expect("a token");
    assert!(!shown.all().is_empty());
    assert!(shown.all().iter().all(|shown| *shown == certificate));
}

/// C7: The other host is not even connected to.
#[tokio::test]
async fn c7_an_upload_that_continues_elsewhere_shows_it_to_nobody() {
    let authority = Authority::new();
    let (elsewhere, shown_elsewhere) = start(&authority, |_| Reply::new(201)).await;
    let target = format!("https://{}/upload", elsewhere.address);
    let (server, shown) = start(&authority, move |request| match request.method.as_str() {
        "POST" => Reply::new(202).header("location", target.clone()),
        _ => Reply::new(404),
    })
    .await;
    let (identity, _) = authority.identity("me");
    let client = options(&authority).client_identity(identity).build();
    let client = client.expect("good options");
    let source = std::sync::Arc::new(bytes::Bytes::from_static(CONTENT));
    let (digest, size) = (Digest::sha256(CONTENT), CONTENT.len() as u64);
    let error = client
        .push_blob(&server.name(), &digest, size, source, &Progress::none())
        .await
        .expect_err("elsewhere");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
    assert!(!shown.all().is_empty());
    assert!(elsewhere.requests().is_empty() && shown_elsewhere.all().is_empty());
}

/// C7: A mirror is another host.
#[tokio::test]
async fn c7_a_mirror_sees_its_own_certificate_only() {
    let authority = Authority::new();
    let (server, _) = start(&authority, |_| Reply::new(500)).await;
    let (mirror, shown) = start(&authority, |_| Reply::new(200).body(CONTENT)).await;
    let (common, _) = authority.identity("me");
    let (own, certificate) = authority.identity("me at the mirror");
    let mut hosts = Hosts::default();
    let url = format!("https://{}", mirror.address);
    set(&mut hosts, server.host(), |settings| {
        settings.mirrors = vec![Mirror::new(url.parse().expect("a mirror"))];
        settings.identity = Some(common.clone());
    });
    let client = |hosts: &Hosts| {
        let options = options(&authority).hosts(hosts.clone());
        options
            .client_identity(common.clone())
            .build()
            .expect("good options")
    };
    pull(&client(&hosts), &server.name())
        .await
        .expect("a mirror");
    assert!(shown.all().is_empty());
    set(&mut hosts, mirror.host(), |settings| {
        settings.identity = Some(own)
    });
    pull(&client(&hosts), &server.name())
        .await
        .expect("a mirror");
    assert_eq!(shown.all(), [certificate]);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn authorities_and_carelessness_are_for_their_host() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (server, _) = start(&ours, |_| Reply::new(200)).await;
    let (stranger, _) = start(&other, |_| Reply::new(200)).await;
    let ping = async |hosts: Hosts, server: &Server| {
        let client = Client::builder()
            .hosts(hosts)
            .build()
            .expect("good options");
        client.ping(&server.host()).await
    };
    let mut hosts = Hosts::default();
    set(&mut hosts, server.host(), |own| {
        own.ca_pem = vec![ours.pem().into()]
    });
    ping(hosts.clone(), &server).await.expect("trusted");
    ping(hosts.clone(), &stranger)
        .await
        .expect_err("not for this one");
    set(&mut hosts, stranger.host(), |own| {
        own.danger_accept_invalid_certs = Some(true);
    });
    ping(hosts, &stranger).await.expect("anything goes");
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    let authority = Authority::new();
    let (good, _) = authority.identity("me");
    let build = |identity| {
        let outcome = Client::builder().client_identity(identity).build();
        outcome.map_err(|error| format!("{error} {error:?}"))
    };
    assert!(build(good).is_ok());
    let key = "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n";
    for (cert, key, says) in [
        ("nonsense", key, "no certificate"),
        (authority.pem().as_str(), "nonsense", "no private key"),
        (authority.pem().as_str(), key, ""),
    ] {
        let error = build(modelpack_registry::hosts::ClientIdentity::new(cert, key));
        let error = error.expect_err("nothing to show");
        assert!(error.contains(says) && !error.contains("s3cret"), "{error}");
    }
}
