//! Cases of challenges, scopes, realms, tokens and credential files.

use std::time::{Duration, Instant};

use modelpack_spec::{Digest, Host, Reference};
use proptest::prelude::*;
use url::Url;

use super::challenge::{Bearer, Challenge, parse};
use super::realm::check;
use super::*;
use crate::error::Error;
use crate::name::Name;
use crate::policy::{Origin, Reach};

fn bearer(realm: &str, service: Option<&str>, scope: &str) -> Challenge {
    Challenge::Bearer(Bearer {
        realm: realm.to_owned(),
        service: service.map(str::to_owned),
        scopes: Scopes::parse(scope),
        error: None,
    })
}

#[test]
fn challenges_as_registries_write_them() {
    let check = |headers: &[&str], expected: &[Challenge]| {
        assert_eq!(parse(headers.iter().copied()), expected, "{headers:?}");
    };
    let full = bearer("https://r/t", Some("reg"), "repository:a/b:pull,push");
    let with_full = std::slice::from_ref(&full);
    // The comma inside of the quotes ends nothing.
    check(
        &[r#"Bearer realm="https://r/t",service="reg",scope="repository:a/b:pull,push""#],
        with_full,
    );
    check(
        &[r#"bearer REALM = "https://r/t" , Service="reg" ,	scope="repository:a/b:pull,push""#],
        with_full,
    );
    // Without quotes, as gcr.io does; without scope, as Artifactory does.
    check(
        &["Bearer realm=https://gcr.io/v2/token,service=gcr.io"],
        &[bearer("https://gcr.io/v2/token", Some("gcr.io"), "")],
    );
    // In capitals, as Nexus does; without parameters; with a name in quotes.
    check(&["BASIC realm=\"Sonatype Nexus\""], &[Challenge::Basic]);
    check(&["Basic"], &[Challenge::Basic]);
    check(&["Basic realm=X"], &[Challenge::Basic]);
    check(
        &[r#"Bearer realm="https://h/service/token",service="harbor-registry""#],
        &[bearer(
            "https://h/service/token",
            Some("harbor-registry"),
            "",
        )],
    );
    // Several in one header, and in several.
    let both = [bearer("https://r/t", None, ""), Challenge::Basic];
    check(
        &[r#"Bearer realm="https://r/t", Basic realm="x, y""#],
        &both,
    );
    check(&[r#"Bearer realm="https://r/t""#, "Basic realm=x"], &both);
    check(
        &[r#"Negotiate, Digest realm="a", nonce="b", Bearer realm="https://r/t", Basic"#],
        &both,
    );
    check(
        &[r#"Negotiate YWJj==, Bearer realm="https://r/t", Basic"#],
        &both,
    );
    check(
        &[r#"Bearer realm="https://r/\"t\\""#],
        &[bearer(r#"https://r/"t\"#, None, "")],
    );
    check(
        &[r#"Bearer realm="https://r/t"#],
        &[bearer("https://r/t", None, "")],
    );
    check(
        &[
            r#"Bearer realm="https://r/t",scope="repository:a:pull repository:b:pull,push registry:catalog:*""#,
        ],
        &[bearer(
            "https://r/t",
            None,
            "repository:a:pull repository:b:pull,push registry:catalog:*",
        )],
    );
    // Nothing to go by.
    for header in [
        "",
        ",",
        "Bearer",
        "Bearer service=x",
        "realm=x",
        "\"",
        "= = =",
        "é",
    ] {
        check(&[header], &[]);
    }
    let Challenge::Bearer(error) = &parse([r#"Bearer realm="r",error="insufficient_scope""#])[0]
    else {
        panic!("a bearer challenge");
    };
    assert_eq!(error.error.as_deref(), Some("insufficient_scope"));
}

proptest! {
    #[test]
    fn any_text_is_taken_as_a_challenge(text in "([a-zA-Z]{1,6}|Bearer |realm=|\"|\\\\|,|=| |é){0,20}") {
        let _ = parse([text.as_str()]);
    }

    #[test]
    fn quoted_values_survive(realm in "[ -~]{1,30}") {
        let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
        let header = format!("Bearer x=1, realm=\"{quoted}\", Basic");
        let found = parse([header.as_str()]);
        prop_assert_eq!(&found[0], &bearer(&realm, None, ""));
        prop_assert_eq!(&found[1], &Challenge::Basic);
    }

    #[test]
    fn any_bytes_are_taken_as_a_credentials_file(text in r#"[ -~]{0,40}"#) {
        let _ = DockerConfig::parse(text.as_bytes());
    }
}

#[test]
fn scopes_are_sets() {
    let mut scopes = Scopes::parse("repository:a:push,pull repository:b:pull junk");
    assert_eq!(
        scopes.to_string(),
        "repository:a:pull,push repository:b:pull"
    );
    assert!(scopes.contains(&Scopes::parse("repository:a:pull")));
    assert!(!scopes.contains(&Scopes::parse("repository:c:pull")));
    scopes.merge(&Scopes::parse("repository:b:delete"));
    assert!(scopes.contains(&Scopes::parse("repository:b:pull,delete")));
    // The name of a resource can have colons.
    let plugin = Scopes::parse("repository(plugin):h:5000/a:pull");
    assert_eq!(plugin.to_string(), "repository(plugin):h:5000/a:pull");
}

fn origin(url: &str) -> Origin {
    Origin::of(&url.parse::<Url>().expect("a URL")).expect("an origin")
}

/// C3, C4: Which realm is asked by whom, with and without a password.
#[test]
fn c3_c4_which_token_services_are_asked() {
    let allowed: Vec<(Host, Host)> = vec![(
        "reg.corp".parse().expect("a host"),
        "sso.corp:8443".parse().expect("a host"),
    )];
    let accepts = |registry: &str, realm: &str, with_secret, reach| {
        check(realm, &origin(registry), with_secret, &allowed, reach).is_ok()
    };
    let public = Reach::Public;
    for (registry, realm, with_secret, anonymous) in [
        // Its own origin, also in other spellings.
        ("https://r.io", "https://r.io/token", true, true),
        ("https://r.io", "https://R.IO:443/token", true, true),
        ("https://10.0.0.1", "https://10.0.0.1/token", true, true),
        ("http://r.io", "http://r.io/token", true, true),
        // Another port is another origin.
        ("https://r.io", "https://r.io:8443/token", false, true),
        ("https://r.io", "https://evil.io/token", false, true),
        // The built-in pairs, each for itself.
        (
            "https://registry-1.docker.io",
            "https://auth.docker.io/token",
            true,
            true,
        ),
        (
            "https://registry.gitlab.com",
            "https://gitlab.com/jwt/auth",
            true,
            true,
        ),
        ("https://r.io", "https://auth.docker.io/token", false, true),
        (
            "https://registry-1.docker.io",
            "https://gitlab.com/jwt/auth",
            false,
            true,
        ),
        // The pair that the user allows, in this direction and with this port only.
        (
            "https://reg.corp",
            "https://sso.corp:8443/token",
            true,
            true,
        ),
        ("https://reg.corp", "https://sso.corp/token", false, true),
        (
            "https://sso.corp:8443",
            "https://reg.corp/token",
            false,
            true,
        ),
        (
            "https://reg.corp",
            "http://sso.corp:8443/token",
            false,
            false,
        ),
        // No TLS.
        ("https://r.io", "http://r.io/token", false, false),
        (
            "https://registry-1.docker.io",
            "http://auth.docker.io/token",
            false,
            false,
        ),
        ("http://r.io", "http://other.io/token", false, false),
        ("http://r.io", "https://other.io/token", false, true),
        // No web address, or one with a user.
        ("https://r.io", "file:///etc/passwd", false, false),
        ("https://r.io", "ftp://r.io/token", false, false),
        ("https://r.io", "/token", false, false),
        ("https://r.io", "https://u:p@r.io/token", false, false),
        ("https://r.io", "https://r.io@evil.io/token", false, false),
        // Addresses inside of a network, in all their spellings.
        ("https://r.io", "https://127.0.0.1/token", false, false),
        ("https://r.io", "https://localhost/token", false, false),
        ("https://r.io", "https://a.localhost./token", false, false),
        ("https://r.io", "https://0.0.0.0/token", false, false),
        ("https://r.io", "https://[::]/token", false, false),
        ("https://r.io", "https://[::1]/token", false, false),
        (
            "https://r.io",
            "https://169.254.169.254/token",
            false,
            false,
        ),
        ("https://r.io", "https://[fe80::1]/token", false, false),
        ("https://r.io", "https://[fd00::1]/token", false, false),
        (
            "https://r.io",
            "https://[::ffff:10.0.0.1]/token",
            false,
            false,
        ),
        (
            "https://r.io",
            "https://[64:ff9b::a00:1]/token",
            false,
            false,
        ),
        ("https://r.io", "https://[2002:a00:1::]/token", false, false),
        ("https://r.io", "https://2130706433/token", false, false),
        ("https://r.io", "https://0177.0.0.1/token", false, false),
        ("https://r.io", "https://0x7f.1/token", false, false),
        ("https://r.io", "https://100.64.0.1/token", false, false),
        ("https://r.io", "https://8.8.8.8/token", false, true),
    ] {
        assert_eq!(
            accepts(registry, realm, true, public),
            with_secret,
            "secret: {registry} {realm}"
        );
        assert_eq!(
            accepts(registry, realm, false, public),
            anonymous,
            "anonymous: {registry} {realm}"
        );
    }
    // A registry inside of a network may have its token service there.
    let inside = Reach::Private;
    assert!(accepts(
        "https://reg.corp",
        "https://sso.corp:8443/t",
        true,
        inside
    ));
    assert!(accepts(
        "https://10.0.0.1",
        "https://10.0.0.2/t",
        false,
        inside
    ));
    assert!(!accepts(
        "https://10.0.0.1",
        "https://127.0.0.1/t",
        false,
        inside
    ));
    assert!(!accepts(
        "https://10.0.0.1",
        "https://169.254.169.254/t",
        false,
        inside
    ));
}

#[test]
fn answers_of_token_services() {
    let life = |body: &str| parse_token(body.as_bytes()).map(|token| token.life.as_secs());
    assert_eq!(life(r#"{"token":"a"}"#), Ok(60));
    assert_eq!(life(r#"{"access_token":"a","expires_in":300}"#), Ok(300));
    assert_eq!(
        life(r#"{"token":"","access_token":"a","expires_in":1}"#),
        Ok(60)
    );
    assert_eq!(life(r#"{"token":"a","expires_in":1e300}"#), Ok(60));
    assert_eq!(
        life(r#"{"token":"a","expires_in":99999999}"#),
        Ok(24 * 60 * 60)
    );
    assert_eq!(life(r#"{"token":"a","expires_in":-5}"#), Ok(60));
    for body in [
        "",
        "{}",
        r#"{"token":null}"#,
        r#"{"token":"a\r\nx: y"}"#,
        "<html>",
    ] {
        assert!(life(body).is_err(), "{body}");
    }
}

/// C11: A token is found by its owner, for its scopes, until it ends.
#[test]
fn tokens_end_and_belong_to_somebody() {
    let start = Instant::now();
    let key = |user: &str, scope: &str| TokenKey {
        identity: Credential::identity(Some(&Credential::password(user, "x"))),
        registry: origin("https://r.io"),
        realm: "https://r.io/token".to_owned(),
        service: None,
        scopes: Scopes::parse(scope),
    };
    let token = parse_token(br#"{"token":"a","expires_in":100}"#).expect("a token");
    let mut cache = TokenCache::default();
    let mine = key("me", "repository:a:pull");
    cache.insert(mine.clone(), &token, start);
    let after = |seconds| start + Duration::from_secs(seconds);
    assert!(cache.find(&mine, after(89)).is_some());
    assert!(cache.find(&mine, after(90)).is_none());
    assert!(
        cache
            .find(&key("you", "repository:a:pull"), start)
            .is_none()
    );
    assert!(cache.find(&key("me", "repository:b:pull"), start).is_none());
    cache.forget(&mine, &Secret::new("older"));
    assert!(cache.find(&mine, start).is_some());
    cache.forget(&mine, &token.secret);
    assert!(cache.find(&mine, start).is_none());
}

/// C11: User, password and kind of login each make another identity.
#[test]
fn c11_identities_differ_in_everything_that_counts() {
    let token = Secret::new("x");
    let all = [
        Credential::identity(None),
        Credential::identity(Some(&Credential::password("a", "x"))),
        Credential::identity(Some(&Credential::password("b", "x"))),
        Credential::identity(Some(&Credential::password("a", "y"))),
        Credential::identity(Some(&Credential::IdentityToken {
            username: "a".to_owned(),
            token: token.clone(),
        })),
        Credential::identity(Some(&Credential::RegistryToken { token })),
    ];
    let distinct: std::collections::BTreeSet<Digest> = all.into_iter().collect();
    assert_eq!(distinct.len(), all.len());
}

fn tries(credential: Option<&Credential>, headers: &[&str]) -> Vec<&'static str> {
    let registry = origin("https://r.io");
    let wanted = Scopes::parse("repository:a:pull");
    let context = Context {
        registry: &registry,
        reach: Reach::Public,
        allowed: &[],
        wanted: &wanted,
    };
    let mut tries = Tries::default();
    let mut answers = Vec::new();
    for header in headers {
        answers.push(match tries.next(&parse([*header]), credential, &context) {
            Next::Basic => "basic",
            Next::RegistryToken => "registry token",
            Next::Token { .. } => "token",
            Next::GiveUp => "give up",
            Next::Refused(_) => "refused",
        });
    }
    answers
}

/// C16: What is tried after which refusal, and when it ends.
#[test]
fn c16_what_follows_a_401() {
    let password = Credential::password("me", "x");
    let own = r#"Bearer realm="https://r.io/t",scope="repository:a:pull""#;
    let more =
        r#"Bearer realm="https://r.io/t",scope="repository:a:push",error="insufficient_scope""#;
    let even_more =
        r#"Bearer realm="https://r.io/t",scope="repository:b:push",error="insufficient_scope""#;
    let elsewhere = r#"Bearer realm="https://evil.io/t""#;
    let either = r#"Bearer realm="https://evil.io/t", Basic realm="x""#;
    let registry = Credential::RegistryToken { token: "t".into() };
    for (credential, headers, expected) in [
        (None, &[own, own][..], &["token", "give up"][..]),
        (None, &["Basic"], &["give up"]),
        (None, &[elsewhere], &["token"]),
        (Some(&password), &["Basic", "Basic"], &["basic", "give up"]),
        (
            Some(&password),
            &[own, more, even_more],
            &["token", "token", "give up"],
        ),
        // The same scopes again are not worth another token.
        (Some(&password), &[more, more], &["token", "give up"]),
        (Some(&password), &[elsewhere], &["refused"]),
        (Some(&password), &[either, either], &["basic", "give up"]),
        (Some(&registry), &[own, own], &["registry token", "give up"]),
    ] {
        assert_eq!(tries(credential, headers), expected, "{headers:?}");
    }
}

fn name(text: &str) -> Name {
    Name::from(&text.parse::<Reference>().expect("a reference"))
}

#[test]
fn credentials_files() {
    let config = DockerConfig::parse(
        br#"{
            "auths": {
                "https://index.docker.io/v1/": {"auth": "aHViOmh1Yg=="},
                "R.example": {"auth": "dTpwOndpdGg6Y29sb25z"},
                "r.example/team": {"username": "team", "password": "x", "auth": "aHViOmh1Yg=="},
                "r.example/team/v1": {"auth": "djE6eA"},
                "https://old.example/v2/": {"auth": "b2xkOng="},
                "acr.example": {"auth": "MDA6", "identitytoken": "refresh"},
                "marked.example": {"username": "<token>", "password": "refresh"},
                "tok.example": {"registrytoken": "tok"},
                "helper.example": {},
                "localhost:5000": {"auth": "bG9jYWw6eAAA"}
            },
            "credHelpers": {"ecr.example": "ecr-login", "bad.example": "../../bin/sh", "r.example/x": "x"},
            "credsStore": "osxkeychain",
            "HttpHeaders": {"a": 1}
        }"#,
    )
    .expect("a good file");
    let check = |reference: &str, expected: Option<Credential>| {
        assert_eq!(
            config.lookup(&name(reference)),
            expected.as_ref(),
            "{reference}"
        );
    };
    let password = |user: &str, password: &str| Some(Credential::password(user, password));
    check("docker.io/library/a", password("hub", "hub"));
    check("index.docker.io/library/a", password("hub", "hub"));
    check("registry-1.docker.io/library/a", password("hub", "hub"));
    check("r.example/a", password("u", "p:with:colons"));
    check("r.example/teamwork/a", password("u", "p:with:colons"));
    check("r.example/team/a", password("team", "x"));
    check("r.example/team", password("team", "x"));
    check("r.example/team/v1/a", password("v1", "x"));
    check("old.example/a/b", password("old", "x"));
    check("localhost:5000/a", password("local", "x"));
    check("localhost:5001/a", None);
    check("r.example:443/a", None);
    check("evil-r.example/a", None);
    check("helper.example/a", None);
    check(
        "acr.example/a",
        Some(Credential::IdentityToken {
            username: "00".to_owned(),
            token: "refresh".into(),
        }),
    );
    check(
        "marked.example/a",
        Some(Credential::IdentityToken {
            username: "<token>".to_owned(),
            token: "refresh".into(),
        }),
    );
    check(
        "tok.example/a",
        Some(Credential::RegistryToken {
            token: "tok".into(),
        }),
    );
    let helper = |reference: &str| {
        let helper = config.helper(&name(reference));
        helper.map(|helper| helper.map(|helper| helper.as_str().to_owned()))
    };
    let some = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(helper("ecr.example/a"), some("ecr-login"));
    assert_eq!(helper("r.example/x/y"), some("x"));
    assert_eq!(helper("other.example/a"), some("osxkeychain"));
    // A name that is no plain file name is never run, and no other one in its place.
    helper("bad.example/a").expect_err("a path");
    let debug = format!("{config:?}");
    assert!(
        !debug.contains("hub") || !debug.contains("aHViOmh1Yg"),
        "{debug}"
    );
    assert!(
        !debug.contains("colons") && !debug.contains("refresh"),
        "{debug}"
    );
}

/// C9: A credentials file that cannot be read is not quoted.
#[test]
fn credentials_files_that_are_none() {
    let message = |content: &str| {
        let error = DockerConfig::parse(content.as_bytes()).expect_err(content);
        assert!(matches!(error, Error::Setup { .. }));
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cret"), "{text}");
        error.to_string()
    };
    message("");
    message("3");
    message(r#"{"auths": "s3cret"}"#);
    let entry = message(r#"{"auths":{"r.example":{"auth":"s3cret!"}}}"#);
    assert!(entry.contains("`r.example`"), "{entry}");
    message(r#"{"auths":{"r.example":{"auth":"bm9jb2xvbg=="}}}"#);
    message(r#"{"auths":{"r.example":{"auth":"//8="}}}"#);
    message(&" ".repeat(5 * 1024 * 1024));
    let empty = DockerConfig::parse(br#"{"auths":null,"credHelpers":null}"#).expect("good");
    assert_eq!(empty, DockerConfig::default());
}
