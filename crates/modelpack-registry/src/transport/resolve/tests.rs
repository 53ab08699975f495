//! Cases of names that must not be resolved to this machine.

use super::*;

async fn resolve(name: &str, reach: Reach) -> io::Result<Vec<SocketAddr>> {
    let name: Name = name.parse().expect("a name");
    Ok(Resolver { reach }.call(name).await?.collect())
}

/// C4: A name counts as what it resolves to.
#[tokio::test]
async fn c4_a_name_of_this_machine_is_refused_to_those_outside() {
    for reach in [Reach::Public, Reach::Private] {
        let error = resolve("localhost", reach).await.expect_err("this machine");
        let inner = error.get_ref().expect("our error");
        assert!(inner.downcast_ref::<RefusedAddress>().is_some(), "{error}");
    }
    assert!(
        !resolve("localhost", Reach::Local)
            .await
            .expect("this machine")
            .is_empty()
    );
}

/// C4: What a proxy resolves is judged as far as we can see it.
#[tokio::test]
async fn c4_what_a_proxy_is_asked_for_is_judged_too() {
    for (host, near) in [
        ("localhost", Reach::Local),
        ("a.localhost", Reach::Local),
        ("127.0.0.1", Reach::Local),
        ("2130706433", Reach::Local),
        ("0177.0.0.1", Reach::Local),
        ("[::1]", Reach::Local),
        ("169.254.169.254", Reach::Local),
        ("[::ffff:10.0.0.1]", Reach::Private),
        ("10.0.0.1", Reach::Private),
        ("8.8.8.8", Reach::Public),
    ] {
        for reach in [Reach::Public, Reach::Private, Reach::Local] {
            match judge(host, reach).await {
                Ok(Peer(actual)) => assert!(near <= reach && actual == near, "{host} {reach:?}"),
                Err(error) => {
                    let inner = error.get_ref().expect("our error");
                    assert!(inner.is::<RefusedAddress>(), "{error}");
                    assert!(near > reach, "{host} {reach:?}");
                }
            }
        }
    }
}
