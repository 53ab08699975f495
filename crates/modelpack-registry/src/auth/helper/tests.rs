//! Cases of helpers: names, answers, and the order in which they are asked.

use std::sync::Mutex;

use modelpack_spec::Reference;
use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::from(&text.parse::<Reference>().expect("a reference"))
}

/// C15: Which names are names of helpers.
#[test]
fn c15_only_plain_names_are_run() {
    for (text, is_good) in [
        ("ecr-login", true),
        ("osxkeychain", true),
        ("my_helper.exe", true),
        ("", false),
        (".", false),
        ("..", false),
        (".hidden", false),
        ("../../bin/sh", false),
        ("/bin/sh", false),
        ("a/b", false),
        ("a\\b", false),
        ("C:a", false),
        ("a b", false),
        ("a\nb", false),
        ("a;b", false),
        ("a\0", false),
        ("é", false),
    ] {
        assert_eq!(text.parse::<HelperName>().is_ok(), is_good, "{text:?}");
    }
}

fn read(is_success: bool, output: &str) -> Result<Option<Credential>, HelperFailed> {
    let helper = "x".parse().expect("a name");
    let output = output.as_bytes().to_vec();
    credential_of(&helper, &HelperAnswer { is_success, output })
}

#[test]
fn answers_of_helpers() {
    assert_eq!(
        read(true, r#"{"ServerURL":"r","Username":"me","Secret":"pw"}"#),
        Ok(Some(Credential::password("me", "pw")))
    );
    assert_eq!(
        read(true, r#"{"Username":"<token>","Secret":"tok"}"#),
        Ok(Some(Credential::IdentityToken {
            username: "<token>".to_owned(),
            token: "tok".into(),
        }))
    );
    assert_eq!(read(true, r#"{"Username":"","Secret":""}"#), Ok(None));
    let not_found = "credentials not found in native keychain\n";
    assert_eq!(read(false, not_found), Ok(None));
    for garbage in [
        "",
        "s3cret",
        "[]",
        r#"{"Username":"me"}"#,
        r#"{"Secret":["s3cret"]}"#,
    ] {
        let error = read(true, garbage).expect_err(garbage);
        assert!(matches!(error, HelperFailed::Garbage { .. }), "{garbage}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
    let error = read(false, r#"{"Username":"me","Secret":"s3cret"}"#).expect_err("it failed");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    for (said, expected) in [
        (
            "keychain is locked\u{1b}[2J\n",
            "docker-credential-x failed: keychain is locked [2J",
        ),
        ("", "docker-credential-x failed: it gave no reason"),
    ] {
        assert_eq!(read(false, said).expect_err("failed").to_string(), expected);
    }
}

/// Knows answers by helper and server, and writes down what it was asked.
#[derive(Default)]
struct Script {
    answers: Vec<(&'static str, bool, &'static str)>,
    asked: Mutex<Vec<String>>,
}

impl CredentialHelper for Script {
    fn get<'a>(
        &'a self,
        helper: &'a HelperName,
        server: &'a str,
    ) -> Pending<'a, Result<HelperAnswer, BoxError>> {
        Box::pin(async move {
            let question = format!("{} {server}", helper.as_str());
            self.asked.lock().expect("no panic").push(question.clone());
            let answer = self.answers.iter().find(|(key, ..)| *key == question);
            let (_, is_success, output) = answer.ok_or("it is not installed")?;
            let (is_success, output) = (*is_success, output.as_bytes().to_vec());
            Ok(HelperAnswer { is_success, output })
        })
    }
}

#[tokio::test]
async fn who_is_asked_first() {
    let script = Arc::new(Script {
        answers: vec![
            ("own r.example", true, r#"{"Username":"own","Secret":"x"}"#),
            (
                "own empty.example",
                false,
                "credentials not found in native keychain",
            ),
            (
                "hub https://index.docker.io/v1/",
                true,
                r#"{"Username":"hub","Secret":"x"}"#,
            ),
            ("all s.example", true, r#"{"Username":"all","Secret":"x"}"#),
            (
                "all none.example",
                false,
                "credentials not found in native keychain",
            ),
        ],
        asked: Mutex::default(),
    });
    let config = DockerConfig::parse(
        br#"{
            "auths": {
                "r.example": {"username": "file", "password": "x"},
                "empty.example": {"username": "file", "password": "x"},
                "f.example": {"username": "file", "password": "x"},
                "plain.example": {"username": "file", "password": "x"}
            },
            "credHelpers": {
                "r.example": "own", "empty.example": "own", "broken.example": "broken",
                "bad.example": "../sh", "index.docker.io": "hub", "plain.example": ""
            },
            "credsStore": "all"
        }"#,
    );
    let source = WithHelpers::new(config.expect("a good file"), Arc::clone(&script) as _);
    let asked = async |host: &str| {
        let found = source.credential(&name(&format!("{host}/a/b"))).await;
        let user = match found {
            Ok(Some(Credential::Password { username, .. })) => username,
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
        let asked = std::mem::take(&mut *script.asked.lock().expect("no panic"));
        (user, asked.join(", "))
    };
    for (host, user, questions) in [
        ("r.example", "own", "own r.example"),
        ("empty.example", "file", "own empty.example"),
        ("f.example", "file", ""),
        ("plain.example", "file", ""),
        ("s.example", "all", "all s.example"),
        ("none.example", "None", "all none.example"),
        ("docker.io", "hub", "hub https://index.docker.io/v1/"),
        (
            "registry-1.docker.io",
            "hub",
            "hub https://index.docker.io/v1/",
        ),
        (
            "broken.example",
            "it is not installed",
            "broken broken.example",
        ),
    ] {
        assert_eq!(
            asked(host).await,
            (user.to_owned(), questions.to_owned()),
            "{host}"
        );
    }
    let (error, questions) = asked("bad.example").await;
    assert!(error.contains("`../sh`") && questions.is_empty(), "{error}");
}

proptest! {
    /// C15: Whatever a helper prints, no secret is in an error.
    #[test]
    fn c15_any_answer_is_taken_and_never_shown(output in "[ -~]{0,40}s3cret[ -~]{0,10}", ok: bool) {
        let answer = HelperAnswer { is_success: ok, output: output.clone().into() };
        let shown = format!("{answer:?}");
        prop_assert!(!shown.contains("s3cret"));
        if let Err(error) = read(true, &output) {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains("s3cret"));
        }
    }
}
