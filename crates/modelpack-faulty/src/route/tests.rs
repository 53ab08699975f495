//! Paths with confusing repositories.

use super::*;

fn check(path: &str, class: Class, repository: Option<&str>, reference: Option<&str>) {
    let route = Route::of(&Head {
        method: "GET".to_owned(),
        target: path.to_owned(),
        headers: Vec::new(),
    });
    assert_eq!(route.class(), class, "{path}");
    assert_eq!(route.repository(), repository, "{path}");
    assert_eq!(route.reference(), reference, "{path}");
}

#[test]
fn paths_are_split_from_the_right() {
    check("/v2", Class::Ping, None, None);
    check("/v2/?x=y", Class::Ping, None, None);
    check("/token?scope=x", Class::Token, None, None);
    check("/signed/ticket-1", Class::Blob, None, None);
    let blobs = "/v2/blobs/manifests/blobs/sha256:1";
    check(
        blobs,
        Class::Blob,
        Some("blobs/manifests"),
        Some("sha256:1"),
    );
    check("/v2/a/b/blobs/uploads/", Class::Upload, Some("a/b"), None);
    check("/v2/a/b/blobs/uploads", Class::Upload, Some("a/b"), None);
    check(
        "/v2/a/blobs/uploads/u?_s=1",
        Class::Session,
        Some("a"),
        None,
    );
    check("/v2/a/manifests/v1", Class::Manifest, Some("a"), Some("v1"));
    check("/v2/a/tags/list?n=1", Class::Tags, Some("a"), None);
    check(
        "/v2/a/referrers/sha256:1",
        Class::Referrers,
        Some("a"),
        Some("sha256:1"),
    );
    check(
        "/v2/a/blobs/sha256%3A1",
        Class::Blob,
        Some("a"),
        Some("sha256:1"),
    );
    for path in [
        "/",
        "/v2/a",
        "/v2/a/other/b",
        "/v2/tags/list",
        "/v2/blobs/x",
    ] {
        check(path, Class::Other, None, None);
    }
}
