//! Credential helpers that answer, hang, talk nonsense, talk for ever, or are not there.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use modelpack::HelperPrograms;
use modelpack::registry::{Credential, CredentialSource, DockerConfig, Name, WithHelpers};

/// Writes a script by another process: one that this process holds open for writing could not be run
/// while some other test is starting a program.
pub(crate) fn script(directory: &Path, helper: &str, text: &str) {
    let mut shell = Command::new("/bin/sh")
        .args(["-c", "cat > \"$0\" && chmod 700 \"$0\""])
        .arg(directory.join(format!("docker-credential-{helper}")))
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut stdin = shell.stdin.take().expect("a pipe");
    stdin.write_all(b"#!/bin/sh\n").expect("written");
    stdin.write_all(text.as_bytes()).expect("written");
    drop(stdin);
    assert!(shell.wait().expect("it ends").success());
}

fn programs(directory: &Path) -> HelperPrograms {
    let path = format!("{}:/usr/bin:/bin", directory.display());
    HelperPrograms::default().with_search_path(path)
}

async fn ask(programs: &HelperPrograms, helper: &str) -> Result<Option<Credential>, String> {
    let config = format!(r#"{{"credHelpers":{{"r.example":"{helper}"}}}}"#);
    let config = DockerConfig::parse(config.as_bytes()).expect("a good file");
    let source = WithHelpers::new(config, Arc::new(programs.clone()));
    let name = Name::new(
        "r.example".parse().expect("a host"),
        "a/b".parse().expect("a repository"),
    );
    let found = source.credential(&name).await;
    found.map_err(|error| format!("{error} {error:?}"))
}

/// C15: Answers, refusals and nonsense of real programs.
#[tokio::test]
async fn c15_helpers_are_asked_as_docker_asks_them() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    script(
        scratch.path(),
        "good",
        r#"read -r server || true
[ "$1 $server" = "get r.example" ] || exit 3
printf '{"ServerURL":"%s","Username":"me","Secret":"pw"}\n' "$server""#,
    );
    script(
        scratch.path(),
        "deaf",
        "echo '{\"Username\":\"me\",\"Secret\":\"pw\"}'",
    );
    script(
        scratch.path(),
        "none",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    script(
        scratch.path(),
        "locked",
        "echo 'the keychain is locked'; exit 1",
    );
    script(scratch.path(), "garbage", "echo s3cret");
    script(scratch.path(), "silent", "");
    let programs = programs(scratch.path());
    let me = Ok(Some(Credential::password("me", "pw")));
    assert_eq!(ask(&programs, "good").await, me);
    assert_eq!(ask(&programs, "deaf").await, me);
    assert_eq!(ask(&programs, "none").await, Ok(None));
    let error = ask(&programs, "locked").await.expect_err("locked");
    assert!(error.contains("the keychain is locked"), "{error}");
    let error = ask(&programs, "garbage").await.expect_err("garbage");
    assert!(
        error.contains("docker-credential-garbage printed no JSON"),
        "{error}"
    );
    assert!(!error.contains("s3cret"), "{error}");
    ask(&programs, "silent").await.expect_err("nothing");
}

/// C15: Those that hang, fork or print without end.
#[tokio::test]
async fn c15_a_helper_that_does_not_end_is_stopped() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    script(scratch.path(), "hangs", "exec sleep 10000");
    script(scratch.path(), "lingers", "exec 1>&-; exec sleep 10000");
    script(scratch.path(), "forks", "sleep 5 & echo '{'");
    script(scratch.path(), "endless", "exec cat /dev/zero");
    let programs = programs(scratch.path());
    let hasty = programs.clone().with_time_limit(Duration::from_millis(200));
    for helper in ["hangs", "lingers", "forks"] {
        let error = ask(&hasty, helper).await.expect_err(helper);
        assert!(error.contains("has given no answer for 0.2 s"), "{error}");
    }
    let error = ask(&programs, "endless").await.expect_err("endless");
    assert!(error.contains("more than 65536 bytes"), "{error}");
}

/// C15: A path is not run, and leaves no trace.
#[tokio::test]
async fn c15_a_helper_that_cannot_be_run_is_named() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let programs = programs(scratch.path());
    let error = ask(&programs, "missing").await.expect_err("not there");
    assert!(error.contains("docker-credential-missing"), "{error}");
    assert!(error.contains("is not installed"), "{error}");
    // A file that is no program.
    std::fs::write(scratch.path().join("docker-credential-text"), "hello").expect("written");
    ask(&programs, "text").await.expect_err("no program");
    // A program outside of the search path, which would leave a trace.
    let inside = scratch.path().join("inside");
    std::fs::create_dir(&inside).expect("a directory");
    let trace = scratch.path().join("trace");
    script(
        scratch.path(),
        "evil",
        &format!("touch '{}'", trace.display()),
    );
    let inside = HelperPrograms::default().with_search_path(inside);
    for name in ["../evil", "x/../../evil", "./../evil", "..\\\\evil"] {
        let error = ask(&inside, name).await.expect_err(name);
        assert!(error.contains("no plain name of a program"), "{error}");
    }
    assert!(!trace.exists());
}
