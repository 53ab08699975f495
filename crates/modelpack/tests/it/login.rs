//! Logins: tried at a registry, kept in a file or by a helper.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use modelpack::registry::{Client, PlainHttp, Secret};
use modelpack::{CredentialsFile, Error, HelperPrograms, KeptIn, LoginAnswer, try_login};

use modelpack_testkit::faulty::{Auth, Bearer, FaultyRegistry};

use crate::helpers::script;
use crate::scene::Scene;

fn programs(directory: &Path) -> HelperPrograms {
    let path = format!("{}:/usr/bin:/bin", directory.display());
    HelperPrograms::default().with_search_path(path)
}

fn host() -> modelpack::spec::Host {
    "r.example".parse().expect("a host")
}

fn secret() -> Secret {
    Secret::new("s3cret")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_without_logins_says_that_it_has_not_looked() {
    let scene = Scene::new().await;
    let options = || Client::builder().plain_http(PlainHttp::Loopback);
    let host = scene.authority.parse().expect("a host");
    let answer = try_login(options(), &host, "me", &secret()).await;
    assert_eq!(answer.expect("a registry"), LoginAnswer::NotAsked);
    let nobody = "localhost:1".parse().expect("a host");
    let error = try_login(options(), &nobody, "me", &secret())
        .await
        .expect_err("nobody there");
    assert!(error.is_network(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_tried_at_the_registry_and_its_token_service() {
    let bearer = Bearer {
        user: "me".to_owned(),
        password: "s3cret".to_owned(),
        anonymous_pull: false,
        ..Bearer::default()
    };
    let basic = Auth::Basic {
        user: "me".to_owned(),
        password: "s3cret".to_owned(),
    };
    for auth in [basic, Auth::Bearer(bearer)] {
        let registry = FaultyRegistry::builder().auth(auth).start();
        let host = registry.host().parse().expect("a host");
        let options = || Client::builder().plain_http(PlainHttp::Loopback);
        let answer = try_login(options(), &host, "me", &secret()).await;
        assert_eq!(answer.expect("the right password"), LoginAnswer::Accepted);
        for (user, password) in [("me", "wrong"), ("you", "s3cret")] {
            let error = try_login(options(), &host, user, &Secret::new(password)).await;
            let error = error.expect_err("a wrong login");
            assert!(matches!(error, Error::LoginRefused { .. }), "{error}");
            assert!(error.is_unauthorized());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_the_login_and_all_else() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("new/config.json");
    let file = CredentialsFile::new(&path, HelperPrograms::default());
    let kept = file.store(&host(), "me", &secret()).await.expect("kept");
    assert_eq!(kept, KeptIn::File(path.clone()));
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&path), mode(path.parent().expect("a parent"))),
        (0o600, 0o700)
    );

    std::fs::write(
        &path,
        r#"{"psFormat":"x","auths":{"o.example":{"auth":"YTpi"}}}"#,
    )
    .expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("opened");
    file.store(&host(), "me", &secret()).await.expect("kept");
    assert_eq!(mode(&path), 0o600);
    let after = text(&path);
    assert!(
        after.contains("psFormat") && after.contains("YTpi") && after.contains("bWU6czNjcmV0"),
        "{after}"
    );
    assert!(file.erase(&host()).await.expect("erased"));
    assert!(!file.erase(&host()).await.expect("not there"));
    let after = text(&path);
    assert!(
        after.contains("YTpi") && !after.contains("r.example"),
        "{after}"
    );
    let left: Vec<_> = std::fs::read_dir(path.parent().expect("a parent"))
        .expect("a directory")
        .collect();
    assert_eq!(left.len(), 1);

    // A link stays one.
    let link = scratch.path().join("link.json");
    std::os::unix::fs::symlink(&path, &link).expect("linked");
    let linked = CredentialsFile::new(&link, HelperPrograms::default());
    linked.store(&host(), "me", &secret()).await.expect("kept");
    assert!(
        std::fs::symlink_metadata(&link)
            .expect("there")
            .is_symlink()
    );
    assert!(text(&path).contains("bWU6czNjcmV0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_logins_at_a_time_are_all_kept() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("config.json");
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let file = CredentialsFile::new(&path, HelperPrograms::default());
        tasks.spawn(async move {
            let host = format!("r{number}.example").parse().expect("a host");
            file.store(&host, "me", &secret()).await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic").expect("kept");
    }
    assert_eq!(text(&path).matches("bWU6czNjcmV0").count(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_credentials_file_is_left_alone() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("config.json");
    let file = CredentialsFile::new(&path, HelperPrograms::default());
    for content in ["hello", "[]", r#"{"auths":{"x":{"auth":"%"}}}"#] {
        std::fs::write(&path, content).expect("written");
        let error = file
            .store(&host(), "me", &secret())
            .await
            .expect_err(content);
        assert!(matches!(error, Error::CredentialsFile { .. }), "{error}");
        file.erase(&host()).await.expect_err(content);
        assert_eq!(text(&path), content);
    }
    std::fs::write(&path, " \n").expect("written");
    file.store(&host(), "me", &secret())
        .await
        .expect("empty is no mistake");
    let directory = CredentialsFile::new(scratch.path(), HelperPrograms::default());
    let error = directory
        .store(&host(), "me", &secret())
        .await
        .expect_err("a directory");
    assert!(matches!(error, Error::CredentialsFile { .. }), "{error}");
    let error = file
        .store(&host(), "a:b", &secret())
        .await
        .expect_err("a colon");
    assert!(matches!(error, Error::CredentialsFile { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_keeps_the_login_where_the_file_says_so() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (path, kept) = (
        scratch.path().join("config.json"),
        scratch.path().join("kept"),
    );
    script(
        scratch.path(),
        "good",
        &format!("(echo \"$1\"; cat; echo) >> '{}'", kept.display()),
    );
    for config in [
        r#"{"credsStore":"good"}"#,
        r#"{"credsStore":"bad","credHelpers":{"r.example":"good"}}"#,
    ] {
        std::fs::write(&path, config).expect("written");
        let _ = std::fs::remove_file(&kept);
        let file = CredentialsFile::new(&path, programs(scratch.path()));
        let where_to = file.store(&host(), "me", &secret()).await.expect("kept");
        assert_eq!(
            where_to,
            KeptIn::Helper("docker-credential-good".to_owned())
        );
        assert!(!text(&path).contains("bWU6czNjcmV0"));
        assert!(file.erase(&host()).await.expect("erased"));
        assert_eq!(
            text(&kept),
            "store\n{\"Secret\":\"s3cret\",\"ServerURL\":\"r.example\",\"Username\":\"me\"}\nerase\nr.example\n"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_that_fails_changes_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("config.json");
    script(scratch.path(), "hangs", "exec sleep 10000");
    script(
        scratch.path(),
        "locked",
        "echo 'the keychain is locked'; exit 1",
    );
    script(scratch.path(), "tells", "cat; exit 1");
    script(scratch.path(), "endless", "exec cat /dev/zero");
    for (helper, says) in [
        ("hangs", "has given no answer"),
        ("locked", "the keychain is locked"),
        ("tells", "it gave no reason"),
        ("endless", "more than 65536 bytes"),
        ("missing", "is not installed"),
        ("../locked", "no plain name of a program"),
    ] {
        let config = format!(r#"{{"credsStore":"{helper}"}}"#);
        std::fs::write(&path, &config).expect("written");
        let limit = if helper == "hangs" { 200 } else { 60_000 };
        let programs = programs(scratch.path()).with_time_limit(Duration::from_millis(limit));
        let file = CredentialsFile::new(&path, programs);
        let error = file
            .store(&host(), "me", &secret())
            .await
            .expect_err(helper);
        let cause = std::error::Error::source(&error)
            .expect("a cause")
            .to_string();
        assert!(cause.contains(says), "{helper}: {cause}");
        assert!(!format!("{error}{cause}").contains("s3cret"), "{cause}");
        assert_eq!(text(&path), config);
    }
}
