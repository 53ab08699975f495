//! Without rules it is a correct registry.

use modelpack_faulty::{Behaviour, Contents, FaultyRegistry, Mount, Origin, sha256_digest};

use super::raw::{Wire, ask, contents, get, get_range, sample};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn registry() -> (FaultyRegistry, String) {
    let (contents, path) = contents();
    let registry = FaultyRegistry::builder().contents(&contents).start();
    (registry, path)
}

#[test]
fn a_blob_is_served_whole() {
    let (registry, path) = registry();
    let answer = get(&registry, &path);
    assert_eq!((answer.status, answer.complete), (200, true));
    assert_eq!(answer.body, sample());
    assert_eq!(
        answer.told("docker-content-digest"),
        sha256_digest(&sample())
    );
}

#[test]
fn a_head_tells_the_length_and_has_no_body() {
    let (registry, path) = registry();
    let answer = ask(&registry, &format!("HEAD {path}"), &[], &[]);
    assert_eq!((answer.status, answer.length()), (200, 1000));
    assert!(registry.ledger().is_empty());
}

#[test]
fn ranges_are_exact() {
    let (registry, path) = registry();
    for (range, told, part) in [
        ("bytes=0-0", "bytes 0-0/1000", 0..1),
        ("bytes=500-599", "bytes 500-599/1000", 500..600),
        ("bytes=990-5000", "bytes 990-999/1000", 990..1000),
        ("bytes=500-", "bytes 500-999/1000", 500..1000),
        ("bytes=-10", "bytes 990-999/1000", 990..1000),
    ] {
        let answer = get_range(&registry, &path, range);
        assert_eq!((answer.status, answer.complete), (206, true), "{range}");
        assert_eq!(answer.told("content-range"), told, "{range}");
        assert_eq!(answer.body, sample()[part], "{range}");
    }
    for range in ["bytes=1000-1001", "bytes=600-500", "bytes=1000-"] {
        let answer = get_range(&registry, &path, range);
        assert_eq!((answer.status, answer.complete), (416, true), "{range}");
        assert_eq!(answer.told("content-range"), "bytes */1000", "{range}");
    }
    for range in ["bytes=0-1,5-6", "lines=1-2", "bytes=x-"] {
        assert_eq!(get_range(&registry, &path, range).status, 200, "{range}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let (registry, path) = registry();
    let elsewhere = path.replace("a/b", "other");
    assert_eq!(get(&registry, &elsewhere).status, 404);
    let damaged = get(&registry, "/v2/a/b/blobs/sha256:xyz");
    assert_eq!(damaged.status, 400);
    assert_eq!(get(&registry, "/v2/a/b/manifests/none").status, 404);
    assert_eq!(get(&registry, "/v2/none/tags/list").status, 404);
    assert_eq!(get(&registry, "/else").status, 404);
    let wrong_method = ask(&registry, "PATCH /v2/a/b/tags/list", &[], &[]);
    assert_eq!(wrong_method.status, 405);
}

#[test]
fn manifests_are_served_by_tag_and_digest() {
    let contents = Contents::new();
    let digest = contents.add_manifest("a", "v1", MANIFEST, "{}");
    let registry = FaultyRegistry::builder().contents(&contents).start();
    for reference in ["v1", &digest] {
        let answer = get(&registry, &format!("/v2/a/manifests/{reference}"));
        assert_eq!(answer.text(), "{}");
        assert_eq!(answer.told("content-type"), MANIFEST);
        assert_eq!(answer.told("docker-content-digest"), digest);
    }
}

#[test]
fn tags_come_in_pages() {
    let contents = Contents::new();
    for tag in ["c", "a", "b"] {
        contents.add_manifest("r", tag, MANIFEST, tag);
    }
    let registry = FaultyRegistry::builder().contents(&contents).start();
    let all = get(&registry, "/v2/r/tags/list");
    assert_eq!(all.text(), r#"{"name":"r","tags":["a","b","c"]}"#);
    assert_eq!(all.header("link"), None);
    let first = get(&registry, "/v2/r/tags/list?n=2");
    assert_eq!(first.text(), r#"{"name":"r","tags":["a","b"]}"#);
    let next = "</v2/r/tags/list?n=2&last=b>; rel=\"next\"";
    assert_eq!(first.told("link"), next);
    let second = get(&registry, "/v2/r/tags/list?n=2&last=b");
    assert_eq!(second.text(), r#"{"name":"r","tags":["c"]}"#);
    assert_eq!(second.header("link"), None);
    let none = get(&registry, "/v2/r/tags/list?n=0");
    assert_eq!(
        (none.text().as_str(), none.header("link")),
        (r#"{"name":"r","tags":[]}"#, None)
    );
}

#[test]
fn a_blob_is_uploaded_in_every_way() {
    let registry = FaultyRegistry::builder().start();
    let (bytes, digest) = (sample(), sha256_digest(&sample()));
    let start = |repository: &str| {
        let answer = ask(
            &registry,
            &format!("POST /v2/{repository}/blobs/uploads/"),
            &[],
            &[],
        );
        assert_eq!(answer.status, 202);
        answer.told("location").to_owned()
    };
    let close = |location: &str, body: &[u8]| {
        let line = format!("PUT {location}?digest={digest}");
        let answer = ask(&registry, &line, &[], body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.told("docker-content-digest"), digest);
    };

    close(&start("put"), &bytes);

    let location = start("chunks");
    let chunk = |range: &str, body: &[u8]| {
        ask(
            &registry,
            &format!("PATCH {location}"),
            &[("Content-Range", range)],
            body,
        )
    };
    let first = chunk("0-399", &bytes[..400]);
    assert_eq!((first.status, first.told("range")), (202, "0-399"));
    let wrong = chunk("500-999", &bytes[500..]);
    assert_eq!((wrong.status, wrong.told("range")), (416, "0-399"));
    let status = get(&registry, &location);
    assert_eq!((status.status, status.told("range")), (204, "0-399"));
    assert_eq!(chunk("400-999", &bytes[400..]).told("range"), "0-999");
    close(&location, &[]);

    let line = format!("POST /v2/single/blobs/uploads/?digest={digest}");
    assert_eq!(ask(&registry, &line, &[], &bytes).status, 201);

    for repository in ["put", "chunks", "single"] {
        assert_eq!(
            registry.contents().blob(repository, &digest),
            Some(bytes.clone())
        );
    }
    assert_eq!(registry.open_uploads(), 0);
}

#[test]
fn a_wrong_digest_is_refused_and_a_cancelled_upload_is_gone() {
    let registry = FaultyRegistry::builder().start();
    let location = ask(&registry, "POST /v2/a/blobs/uploads/", &[], &[]);
    let location = location.told("location");
    let line = format!("PUT {location}?digest={}", sha256_digest(b"other"));
    let answer = ask(&registry, &line, &[], b"bytes");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("DIGEST_INVALID"));

    let location = ask(&registry, "POST /v2/a/blobs/uploads/", &[], &[]);
    let location = location.told("location");
    assert_eq!(
        ask(&registry, &format!("DELETE {location}"), &[], &[]).status,
        204
    );
    assert_eq!(get(&registry, location).status, 404);
}

#[test]
fn blobs_are_mounted_as_far_as_the_registry_goes() {
    for (mount, with_from, without) in [
        (Mount::Full, 201, 201),
        (Mount::From, 201, 202),
        (Mount::Never, 202, 202),
    ] {
        let (contents, path) = contents();
        let digest = path.rsplit('/').next().expect("a digest");
        let behaviour = Behaviour {
            mount,
            ..Behaviour::default()
        };
        let registry = FaultyRegistry::builder()
            .contents(&contents)
            .behaviour(behaviour)
            .start();
        let from = format!("POST /v2/x/blobs/uploads/?mount={digest}&from=a%2Fb");
        assert_eq!(
            ask(&registry, &from, &[], &[]).status,
            with_from,
            "{mount:?}"
        );
        let anonymous = format!("POST /v2/y/blobs/uploads/?mount={digest}");
        assert_eq!(
            ask(&registry, &anonymous, &[], &[]).status,
            without,
            "{mount:?}"
        );
        assert_eq!(contents.has_blob("x", digest), with_from == 201);
    }
}

#[test]
fn a_manifest_is_pushed_found_by_its_subject_and_deleted() {
    let (registry, path) = registry();
    let blob = path.rsplit('/').next().expect("a digest");
    let subject = sha256_digest(b"subject");
    let manifest = format!(
        r#"{{"mediaType":"{MANIFEST}","artifactType":"x/y","config":{{"digest":"{blob}"}},"layers":[],"subject":{{"digest":"{subject}"}}}}"#
    );
    let typed = [("Content-Type", MANIFEST)];
    let answer = ask(
        &registry,
        "PUT /v2/a/b/manifests/v1",
        &typed,
        manifest.as_bytes(),
    );
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.told("oci-subject"), subject);
    let digest = answer.told("docker-content-digest").to_owned();

    let found = get(
        &registry,
        &format!("/v2/a/b/referrers/{subject}?artifactType=x/y"),
    );
    assert!(found.text().contains(&digest), "{}", found.text());
    assert_eq!(found.told("oci-filters-applied"), "artifactType");
    let other = get(
        &registry,
        &format!("/v2/a/b/referrers/{subject}?artifactType=z"),
    );
    assert!(!other.text().contains(&digest));

    let elsewhere = ask(
        &registry,
        "PUT /v2/new/manifests/v1",
        &typed,
        manifest.as_bytes(),
    );
    assert_eq!(elsewhere.status, 404);
    assert!(elsewhere.text().contains("MANIFEST_BLOB_UNKNOWN"));
    let mistyped = [("Content-Type", "application/json")];
    let mistyped = ask(
        &registry,
        "PUT /v2/a/b/manifests/v2",
        &mistyped,
        manifest.as_bytes(),
    );
    assert_eq!(mistyped.status, 400);

    let tagged = format!("PUT /v2/a/b/manifests/{digest}?tag=t1&tag=t2");
    ask(&registry, &tagged, &typed, manifest.as_bytes());
    let tags = registry.contents().tags("a/b").expect("a repository");
    assert_eq!(tags, ["t1", "t2", "v1"]);

    assert_eq!(
        ask(&registry, "DELETE /v2/a/b/manifests/v1", &[], &[]).status,
        202
    );
    assert_eq!(
        get(&registry, &format!("/v2/a/b/manifests/{digest}")).status,
        200
    );
    let delete = format!("DELETE /v2/a/b/manifests/{digest}");
    assert_eq!(ask(&registry, &delete, &[], &[]).status, 202);
    assert_eq!(ask(&registry, &delete, &[], &[]).status, 404);
    assert_eq!(registry.contents().tags("a/b"), Some(Vec::new()));
    assert_eq!(
        ask(&registry, &format!("DELETE {path}"), &[], &[]).status,
        202
    );
    assert_eq!(get(&registry, &path).status, 404);
}

#[test]
fn what_is_switched_off_is_off() {
    let (contents, path) = contents();
    let behaviour = Behaviour {
        referrers: false,
        deletes: false,
        single_post: false,
        checks_references: false,
        ..Behaviour::default()
    };
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .behaviour(behaviour)
        .start();
    let subject = sha256_digest(b"subject");
    assert_eq!(
        get(&registry, &format!("/v2/a/b/referrers/{subject}")).status,
        404
    );
    let manifest = format!(r#"{{"subject":{{"digest":"{subject}"}}}}"#);
    let answer = ask(
        &registry,
        "PUT /v2/a/b/manifests/v1",
        &[],
        manifest.as_bytes(),
    );
    assert_eq!((answer.status, answer.header("oci-subject")), (201, None));
    assert_eq!(
        ask(&registry, &format!("DELETE {path}"), &[], &[]).status,
        405
    );
    let line = format!("POST /v2/a/b/blobs/uploads/?digest={subject}");
    assert_eq!(ask(&registry, &line, &[], b"subject").status, 202);
}

#[test]
fn a_connection_ends_when_the_client_says_so() {
    let (registry, path) = registry();
    let mut wire = Wire::open(registry.address(Origin::Registry));
    let answer = wire.ask(&format!("GET {path}"), &[("Connection", "close")], &[]);
    assert_eq!(answer.expect("an answer").body, sample());
    assert!(wire.has_ended());
}
