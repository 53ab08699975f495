//! Cases of names that must not be resolved to this machine.

use super::*;

async fn resolve(name: &str, reach: Reach) -> io::Result<Vec<SocketAddr>> {
    let name: Name = name.parse().expect("a name");
    Ok(Resolver { reach }.call(name).await?.collect())
}

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
