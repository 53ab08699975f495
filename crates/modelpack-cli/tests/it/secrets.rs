//! What went wrong is named in full, and no secret is.

use crate::canned::{Answer, Canned};
use crate::shell::Shell;

const PASSWORD: &str = "correct-horse";
const SIGNATURE: &str = "sig-0123456789abcdef";

/// A shell whose credentials file has a login for a host.
fn shell(host: &str) -> Shell {
    let shell = Shell::new();
    // me:correct-horse
    let auths = format!(r#"{{"auths":{{"{host}":{{"auth":"bWU6Y29ycmVjdC1ob3JzZQ=="}}}}}}"#);
    shell.write(".docker/config.json", auths);
    let file = shell.path(".docker/config.json");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(file, mode).expect("it is ours");
    shell
}

fn check(shell: &Shell, arguments: &[&str], code: i32, says: &[&str]) {
    let ran = shell.run(arguments);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, code, "{arguments:?}\n{all}");
    for text in says {
        assert!(
            all.contains(text),
            "{arguments:?} does not say `{text}`:\n{all}"
        );
    }
    for secret in [PASSWORD, SIGNATURE, "bWU6", "proxy-pass"] {
        assert!(!all.contains(secret), "{arguments:?} says {secret}:\n{all}");
    }
}

#[test]
fn a_refusal_names_host_repository_status_and_the_words_of_the_registry() {
    let body = r#"{"errors":[{"code":"TOOMANYTAGS","message":"ask the team of models"}]}"#;
    let canned = Canned::start(move |path| match path {
        "/v2/" => Answer::new(401, "").header("www-authenticate", "Basic realm=\"r\""),
        _ => Answer::new(418, body),
    });
    let shell = shell(&canned.host);
    let reference = format!("{}/team/model:v1", canned.host);
    let at = format!("GET http://{}/v2/team/model/manifests/v1", canned.host);
    let says = [&at, "418", "TOOMANYTAGS: ask the team of models"];
    check(&shell, &["pull", "--plain-http", &reference], 1, &says);
    check(
        &shell,
        &["doctor", "--plain-http", &canned.host],
        1,
        &["login"],
    );
}

#[test]
fn a_signed_address_is_named_without_its_signature() {
    let canned = Canned::start(|path| {
        if path.starts_with("/storage/") {
            return Answer::new(403, format!("<Error><Key>{SIGNATURE}</Key></Error>"));
        }
        let to = format!("/storage/blob?X-Amz-Signature={SIGNATURE}&user=me");
        Answer::new(307, "").header("location", &to)
    });
    let shell = shell(&canned.host);
    let digest = modelpack::Digest::sha256(b"x");
    let reference = format!("{}/team/model@{digest}", canned.host);
    let at = format!("http://{}/storage/blob", canned.host);
    check(
        &shell,
        &["pull", "--plain-http", &reference],
        4,
        &[&at, "denied"],
    );
}

#[test]
fn a_doctor_says_where_a_login_comes_from_and_not_what_it_is() {
    let canned = Canned::start(|_| Answer::new(200, "{}"));
    let shell = shell("registry.example.com");
    let says = ["registry.example.com", "login", ".docker/config.json"];
    check(&shell, &["doctor"], 0, &says);
    let proxy = format!("http://me:proxy-pass@{}", canned.host);
    let with_proxy = ["doctor", "--proxy", &proxy];
    check(
        &shell,
        &with_proxy,
        0,
        &[&format!("http://{}", canned.host)],
    );
    shell.write(".docker/config.json", r#"{"credsStore":"../sh"}"#);
    check(
        &shell,
        &["doctor", "registry.example.com", "--json"],
        1,
        &["../sh"],
    );
    shell.write(".docker/config.json", r#"{"credHelpers":{"r.io":"pass"}}"#);
    check(&shell, &["doctor"], 0, &["docker-credential-pass"]);
}

#[test]
fn what_an_address_and_a_deadline_cannot_be() {
    let shell = Shell::new();
    let reference = "127.0.0.1:1/a/b:c";
    check(
        &shell,
        &["pull", reference, "--proxy", "ftp://me:proxy-pass@p"],
        2,
        &["ftp"],
    );
    check(&shell, &["push", reference, "--timeout", "0s"], 2, &["10m"]);
    let canned = Canned::start(|_| Answer::new(200, "{}").cut(1).stalled());
    let slow = format!("{}/a/b:c", canned.host);
    for verb in ["pull", "resolve"] {
        let arguments = [verb, "--plain-http", &slow, "--timeout", "100ms"];
        check(&shell, &arguments, 5, &["run the same command again"]);
    }
}
