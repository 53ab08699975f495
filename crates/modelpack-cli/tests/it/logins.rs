//! `login` and `logout`: from flags, pipes and the keyboard, into files and to helpers.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use crate::network::{ME, Registry};
use crate::screen;
use crate::shell::{Ran, Shell, json};

const CONFIG: &str = ".docker/config.json";

/// A registry that wants the user `me` with the password `pw`.
struct Scene {
    shell: Shell,
    host: String,
}

impl Scene {
    fn new() -> Self {
        let host = Registry::start(ME, None).host;
        let shell = Shell::new();
        Self { shell, host }
    }

    /// Runs a command with `HOST` for the registry, and the same in its output.
    fn run(&self, arguments: &[&str], input: &str) -> Ran {
        let given: Vec<String> = arguments
            .iter()
            .map(|text| text.replace("HOST", &self.host))
            .collect();
        let mut given: Vec<&str> = given.iter().map(String::as_str).collect();
        if given[0] == "login" {
            given.push("--plain-http");
        }
        let ran = self.shell.run_with(&given, input.as_bytes());
        let shown = |text: String| {
            text.replace(&self.host, "HOST")
                .replace(&self.shell.path("").display().to_string(), "")
        };
        Ran {
            code: ran.code,
            stdout: shown(ran.stdout),
            stderr: shown(ran.stderr),
        }
    }

    #[track_caller]
    fn check(&self, arguments: &[&str], input: &str, code: i32, stdout: &str, stderr: &str) {
        let ran = self.run(arguments, input);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (code, stdout, stderr),
            "{arguments:?}"
        );
    }

    #[track_caller]
    fn says(&self, arguments: &[&str], input: &str, code: i32, says: &str) {
        let ran = self.run(arguments, input);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (code, ""),
            "{arguments:?} {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("s3cret"),
            "{arguments:?}: {}",
            ran.stderr
        );
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.shell.path(name)).expect("a file")
    }

    /// Lists tags with the credentials that are kept.
    fn can_list(&self) -> bool {
        let repository = format!("{}/a/b", self.host);
        self.shell
            .run(&["ls", "--remote", &repository, "--plain-http"])
            .code
            == 0
    }
}

const KEPT: &str = "the password is kept in .docker/config.json, for you to read only\n";

/// ME2: A password comes from a pipe.
#[test]
fn e2_a_piped_password_is_tried_and_kept() {
    for arguments in [
        &["login", "-u", "me", "--password-stdin", "HOST"][..],
        &["login", "--username", "me", "http://HOST/"],
        &["login", "-u", "me", "--password-stdin=true", "HOST"],
    ] {
        let scene = Scene::new();
        scene.check(arguments, "pw\r\n", 0, "Login Succeeded.\n", KEPT);
        let mode = std::fs::metadata(scene.shell.path(CONFIG))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(scene.can_list());
        scene.check(&["logout", "HOST"], "", 0, "Logout Succeeded.\n", "");
        assert!(!scene.can_list());
        scene.check(&["logout", "HOST"], "", 0, "Not logged in to HOST.\n", "");
    }
}

#[test]
fn what_the_registry_refuses_is_not_kept() {
    let scene = Scene::new();
    let ran = scene.run(&["login", "-u", "me", "HOST"], "s3cret");
    assert_eq!((ran.code, ran.stdout.as_str()), (4, ""));
    assert!(
        ran.stderr
            .starts_with("error: HOST does not accept this user and password\n  because: "),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.ends_with(
            "hint: check both; many registries want an access token in place of the password\n"
        ),
        "{}",
        ran.stderr
    );
    assert!(!scene.shell.path(CONFIG).exists());
    let login = ["login", "-u", "me", "HOST"];
    for (input, says) in [
        ("", "stdin is empty, so there is no password"),
        ("\n", "stdin is empty"),
        ("a\nb\n", "stdin has more than one line"),
        (&"x".repeat(70_000), "more than 65536 bytes"),
    ] {
        scene.says(&login, input, 2, says);
    }
    scene.says(&["login", "HOST"], "pw", 2, "--username says who logs in");
    scene.says(
        &["login", "-u", "", "HOST"],
        "pw",
        2,
        "the name of the user is empty",
    );
    scene.says(
        &["login", "-u", "me", "-p", "", "HOST"],
        "",
        2,
        "the password is empty",
    );
    scene.says(&["login", "-p", "pw", "HOST"], "", 2, "--username <NAME>");
    scene.says(
        &["login", "-u", "me", "-p", "pw", "--password-stdin", "HOST"],
        "",
        2,
        "cannot be used with",
    );
    scene.says(&["login", "-u", "me", "HOST/a"], "pw", 2, "HOST/a");
    scene.says(
        &["login", "-u", "me", "localhost:1"],
        "pw",
        5,
        "Connection refused",
    );
    assert!(!scene.shell.path(CONFIG).exists());
}

#[test]
fn a_password_among_the_arguments_is_warned_about() {
    let scene = Scene::new();
    let ran = scene.run(&["login", "-u", "me", "-p", "pw", "HOST", "--json"], "");
    assert_eq!(json(&ran.stdout)["answer"], "accepted");
    assert!(
        ran.stderr
            .starts_with("warning: other users of this machine can see --password"),
        "{}",
        ran.stderr
    );
    let quiet = scene.run(&["login", "-u", "me", "-p", "pw", "HOST", "-q"], "");
    assert_eq!(
        (quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()),
        (0, "", "")
    );
}

#[test]
fn the_file_is_that_of_the_flag_the_variable_or_docker() {
    let scene = Scene::new();
    scene.shell.write("mine.json", "");
    let into = ["login", "-u", "me", "--authfile", "mine.json", "HOST"];
    assert_eq!(scene.run(&into, "pw").code, 0);
    assert!(scene.text("mine.json").contains("bWU6cHc="));
    assert!(!scene.shell.path(CONFIG).exists());
    // Without a user it is where user and password come from.
    scene.check(
        &["login", "--authfile", "mine.json", "HOST"],
        "",
        0,
        "Login Succeeded.\n",
        KEPT,
    );
    assert!(scene.text(CONFIG).contains("bWU6cHc="));
    scene.says(
        &["login", "--authfile", "mine.json", "other.example"],
        "",
        2,
        "has no user and password for other.example",
    );
    scene.says(
        &["login", "--authfile", "none.json", "HOST"],
        "",
        2,
        "none.json is not there",
    );
    for (name, value, file) in [
        ("REGISTRY_AUTH_FILE", "auth.json", "auth.json"),
        ("DOCKER_CONFIG", "docker", "docker/config.json"),
    ] {
        let arguments = ["login", "-u", "me", "-p", "pw", "--plain-http", &scene.host];
        let mut command = scene.shell.command(&arguments);
        let output = command.env(name, value).output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        assert!(scene.text(file).contains("bWU6cHc="));
    }
    scene.check(
        &["logout", "--authfile", "mine.json", "HOST"],
        "",
        0,
        "Logout Succeeded.\n",
        "",
    );
    assert!(!scene.text("mine.json").contains("bWU6cHc="));
}

#[test]
fn another_login_that_comes_first_is_named() {
    let scene = Scene::new();
    let other = format!(r#"{{"auths":{{"{}":{{"auth":"YTpi"}}}}}}"#, scene.host);
    scene.shell.write(".config/containers/auth.json", other);
    let ran = scene.run(&["login", "-u", "me", "HOST"], "pw");
    assert!(
        ran.stderr.ends_with(
            "warning: .config/containers/auth.json has another login for HOST, which comes first\n"
        ),
        "{}",
        ran.stderr
    );
    let ran = scene.run(&["logout", "HOST"], "");
    assert_eq!(
        ran.stderr,
        "warning: .config/containers/auth.json still has a login for HOST\n"
    );
}

#[test]
fn a_file_that_is_none_stays_as_it_is() {
    let scene = Scene::new();
    scene.shell.write(CONFIG, "hello");
    let ran = scene.run(&["login", "-u", "me", "HOST"], "pw");
    assert_eq!(
        (ran.code, ran.stderr.lines().next()),
        (
            1,
            Some("error: the credentials file .docker/config.json cannot be changed")
        )
    );
    assert_eq!(scene.text(CONFIG), "hello");
    scene.says(&["logout", "HOST"], "", 1, "cannot be changed");
    std::fs::remove_file(scene.shell.path(CONFIG)).expect("removed");
    std::fs::create_dir(scene.shell.path(CONFIG)).expect("a directory");
    scene.says(
        &["login", "-u", "me", "HOST"],
        "pw",
        1,
        "because: is a directory",
    );
    scene
        .shell
        .write("helper.json", r#"{"credsStore":"nowhere"}"#);
    scene.says(
        &["login", "-u", "me", "--authfile", "helper.json", "HOST"],
        "pw",
        1,
        "the program docker-credential-nowhere, which the credentials file names, is not installed",
    );
    assert_eq!(scene.text("helper.json"), r#"{"credsStore":"nowhere"}"#);
}

#[test]
fn on_a_terminal_the_password_is_asked_for_and_not_shown() {
    let scene = Scene::new();
    let (mut ours, theirs) = screen::open();
    let mut command = scene.shell.command(&["login", &scene.host, "--plain-http"]);
    let handle = || theirs.try_clone().expect("one more handle");
    command.stdin(handle()).stdout(handle()).stderr(handle());
    let mut child = command.spawn().expect("it starts");
    drop((command, theirs));
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    let mut answers = [("Username: ", "me\n"), ("Password: ", "pw\n")]
        .into_iter()
        .peekable();
    while let Ok(count @ 1..) = ours.read(&mut buffer) {
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        if let Some((_, typed)) = answers.next_if(|(prompt, _)| seen.ends_with(prompt)) {
            ours.write_all(typed.as_bytes()).expect("it is typed");
        }
    }
    assert!(child.wait().expect("it ends").success(), "{seen}");
    assert!(
        seen.starts_with("Username: me\r\nPassword: \r\n"),
        "{seen:?}"
    );
    assert!(
        seen.ends_with("Login Succeeded.\r\n") && !seen.contains("pw"),
        "{seen:?}"
    );
    assert!(scene.can_list());
}
