//! Files, variables and flags about the network, seen from a registry that writes down what it is asked.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::shell::{Ran, Shell};

/// A registry with one list of tags, for one `Authorization`, or for everybody.
pub(crate) struct Registry {
    pub(crate) host: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    pub(crate) fn start(
        authorization: Option<&'static str>,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let host = listener.local_addr().expect("its address").to_string();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let head = match &tls {
                    None => answer(stream, authorization),
                    Some(config) => {
                        let session = ServerConnection::new(Arc::clone(config));
                        let session = session.expect("a good configuration");
                        answer(StreamOwned::new(session, stream), authorization)
                    }
                };
                log.lock().expect("no panic").extend(head);
            }
        });
        Self { host, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }
}

/// Answers one request and gives its head; nothing when there was none.
fn answer(stream: impl Read + Write, wanted: Option<&str>) -> Option<String> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let is_good = wanted.is_none_or(|wanted| {
        lower.contains(&format!(
            "\r\nauthorization: {}\r\n",
            wanted.to_ascii_lowercase()
        ))
    });
    let reply = if is_good {
        let body = r#"{"name":"a/b","tags":["v1"]}"#;
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len())
            + "connection: close\r\n\r\n"
            + body
    } else {
        "HTTP/1.1 401 No\r\nwww-authenticate: Basic realm=x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            .to_owned()
    };
    let stream = stream.get_mut();
    stream.write_all(reply.as_bytes()).ok()?;
    stream.flush().ok()?;
    Some(head)
}

fn write(path: impl AsRef<Path>, text: &str) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("closed");
}

/// Lists the tags of `HOST/a/b` with these variables and flags.
fn list(shell: &Shell, host: &str, variables: &[(&str, &str)], flags: &[&str]) -> Ran {
    let repository = format!("{host}/a/b");
    let mut arguments = vec!["ls", "--remote", &repository];
    arguments.extend(flags);
    let mut command = shell.command(&arguments);
    command.envs(variables.iter().copied());
    let output = command.output().expect("it starts");
    Ran {
        code: output.status.code().expect("it exits"),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

const PLAIN: &[&str] = &["--plain-http"];
/// me:pw
pub(crate) const ME: Option<&str> = Some("Basic bWU6cHc=");

fn login(host: &str) -> String {
    format!(r#"{{"auths":{{"{host}":{{"auth":"bWU6cHc="}}}}}}"#)
}

fn other_login(host: &str) -> String {
    format!(r#"{{"auths":{{"{host}":{{"username":"other","password":"s3cret"}}}}}}"#)
}

#[track_caller]
fn works(ran: &Ran) {
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "v1\n"),
        "{}",
        ran.stderr
    );
}

#[track_caller]
fn fails(ran: &Ran, code: i32, says: &[&str]) {
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (code, ""),
        "{}",
        ran.stderr
    );
    for text in says {
        assert!(
            ran.stderr.contains(text),
            "not said: {text}\n{}",
            ran.stderr
        );
    }
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

#[test]
fn hosts_toml_is_read_from_the_configuration_directory() {
    let shell = Shell::new();
    let registry = Registry::start(None, None);
    let host = registry.host.as_str();
    fails(&list(&shell, host, &[], &[]), 5, &[]);

    let settings = format!("[host.\"{host}\"]\nplain_http = true\nheaders = {{ X-Own = \"1\" }}\n");
    write(shell.path(".config/modelpack/hosts.toml"), &settings);
    works(&list(&shell, host, &[], &[]));
    let head = registry.heads().pop().expect("a request");
    assert!(head.contains("x-own: 1"), "{head}");
    // Elsewhere by XDG_CONFIG_HOME, and by a flag.
    write(
        shell.path("xdg/modelpack/hosts.toml"),
        "[default]\nuser_agent = \"xdg\"\n",
    );
    let xdg = shell.path("xdg").display().to_string();
    let variables = [("XDG_CONFIG_HOME", xdg.as_str())];
    works(&list(&shell, host, &variables, PLAIN));
    assert!(
        registry
            .heads()
            .pop()
            .expect("a request")
            .contains("user-agent: xdg")
    );
    write(shell.path("mine.toml"), &settings);
    works(&list(
        &shell,
        host,
        &variables,
        &["--hosts-file", "mine.toml"],
    ));
    fails(
        &list(&shell, host, &[], &["--hosts-file", "missing.toml"]),
        2,
        &["missing.toml"],
    );
}

#[test]
fn mistakes_in_hosts_toml_are_named_and_leave_local_commands_alone() {
    let shell = Shell::new();
    write(
        shell.path(".config/modelpack/hosts.toml"),
        "[host.\"r.example\"]\nconections = 3\n",
    );
    fails(
        &list(&shell, "r.example", &[], &[]),
        2,
        &[
            "hosts.toml: line 2, column 1: ",
            "`conections`",
            "`connections`",
        ],
    );
    write(
        shell.path(".config/modelpack/hosts.toml"),
        "[host.\"r.example\"]\nca_file = \"no.pem\"\n",
    );
    fails(
        &list(&shell, "r.example", &[], &[]),
        2,
        &["no.pem of r.example"],
    );
    shell.ok(&["prune", "--dry-run"]);
    shell.ok(&["verify"]);
}

#[test]
fn credentials_come_from_the_first_file_that_knows() {
    let shell = Shell::new();
    let registry = Registry::start(ME, None);
    let host = registry.host.as_str();
    fails(&list(&shell, host, &[], PLAIN), 4, &[]);

    let text = |name: &str| shell.path(name).display().to_string();
    write(shell.path(".docker/config.json"), &login(host));
    works(&list(&shell, host, &[], PLAIN));
    // Files of the containers tools come before it, and pass on what they do not know.
    write(
        shell.path(".config/containers/auth.json"),
        &other_login("elsewhere.example"),
    );
    works(&list(&shell, host, &[], PLAIN));
    write(
        shell.path(".config/containers/auth.json"),
        &other_login(host),
    );
    fails(&list(&shell, host, &[], PLAIN), 4, &[]);
    write(shell.path("run/containers/auth.json"), &login(host));
    let run = text("run");
    works(&list(&shell, host, &[("XDG_RUNTIME_DIR", &run)], PLAIN));
    // A file that the user names is the only one, whatever the others say.
    write(shell.path("named.json"), &login(host));
    let named = text("named.json");
    works(&list(
        &shell,
        host,
        &[("REGISTRY_AUTH_FILE", &named)],
        PLAIN,
    ));
    works(&list(
        &shell,
        host,
        &[],
        &["--plain-http", "--authfile", "named.json"],
    ));
    write(shell.path("empty.json"), "{}");
    let empty = [("XDG_RUNTIME_DIR", run.as_str())];
    let flags = ["--plain-http", "--authfile", "empty.json"];
    fails(&list(&shell, host, &empty, &flags), 4, &[]);
    fails(
        &list(
            &shell,
            host,
            &[],
            &["--plain-http", "--authfile", "no.json"],
        ),
        2,
        &["no.json is not there"],
    );
    fs::remove_file(shell.path(".config/containers/auth.json")).expect("removed");
    write(shell.path("docker/config.json"), &other_login(host));
    let docker = text("docker");
    fails(
        &list(&shell, host, &[("DOCKER_CONFIG", &docker)], PLAIN),
        4,
        &[],
    );
}

/// C15: Names with a path in them are an error of the command.
#[test]
fn c15_helpers_are_run_by_plain_name_from_the_search_path() {
    let shell = Shell::new();
    let registry = Registry::start(ME, None);
    let host = registry.host.as_str();
    let programs = shell.path("programs");
    write(
        programs.join("docker-credential-good"),
        "#!/bin/sh\nread -r server\necho \"{\\\"Username\\\":\\\"me\\\",\\\"Secret\\\":\\\"pw\\\"}\"\n",
    );
    write(
        programs.join("docker-credential-odd"),
        "#!/bin/sh\necho s3cret\n",
    );
    write(shell.path("evil"), "#!/bin/sh\ntouch evil-was-run\n");
    for program in [
        "programs/docker-credential-good",
        "programs/docker-credential-odd",
        "evil",
    ] {
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(shell.path(program), mode).expect("a program");
    }
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let with = |config: &str| {
        write(shell.path(".docker/config.json"), config);
        list(&shell, host, &[("PATH", &path)], PLAIN)
    };
    works(&with(&format!(r#"{{"credHelpers":{{"{host}":"good"}}}}"#)));
    works(&with(r#"{"credsStore":"good"}"#));
    fails(
        &with(r#"{"credsStore":"odd"}"#),
        1,
        &["docker-credential-odd printed no JSON"],
    );
    fails(
        &with(r#"{"credsStore":"missing"}"#),
        1,
        &["docker-credential-missing", "is not installed"],
    );
    fails(
        &with(r#"{"credsStore":"x/../../evil"}"#),
        1,
        &["no plain name of a program"],
    );
    assert!(!shell.path("evil-was-run").exists());
}

/// C9: The command line warns of the file and shows nothing of it.
#[test]
fn a_credentials_file_that_is_none_is_a_warning() {
    let shell = Shell::new();
    let registry = Registry::start(None, None);
    let host = registry.host.as_str();
    let warns = |says: &str| {
        let ran = list(&shell, host, &[], PLAIN);
        works(&ran);
        assert!(
            ran.stderr.contains("warning: ") && ran.stderr.contains(says),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    };
    let file = shell.path(".docker/config.json");
    fs::create_dir_all(&file).expect("a directory");
    warns("is a directory");
    fs::remove_dir(&file).expect("removed");
    write(&file, "\n");
    warns("is empty");
    write(&file, "{\"auths\": \"s3cret\"}");
    warns("line 1, column");
    write(&file, &other_login(host));
    let ran = list(&shell, host, &[], PLAIN);
    assert_eq!(ran.stderr, "", "nothing is wrong with this one");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("open");
    warns("chmod 600");
}

/// MD6: Proxies come from the environment.
#[test]
fn proxies_come_from_the_environment() {
    let shell = Shell::new();
    let proxy = Registry::start(None, None);
    let url = format!("http://me:pw@{}", proxy.host);
    // An address for documentation, which only the proxy can know.
    let there = "192.0.2.10:5000";
    works(&list(&shell, there, &[("http_proxy", &url)], PLAIN));
    works(&list(&shell, there, &[("ALL_PROXY", &url)], PLAIN));
    for head in proxy.heads() {
        assert!(
            head.starts_with("GET http://192.0.2.10:5000/v2/a/b/tags/list"),
            "{head}"
        );
        assert!(
            head.contains("proxy-authorization: Basic bWU6cHc=\r\n"),
            "{head}"
        );
    }
    assert_eq!(proxy.heads().len(), 2);

    // This machine, and what NO_PROXY lists, is asked directly.
    let registry = Registry::start(None, None);
    works(&list(
        &shell,
        &registry.host,
        &[("HTTP_PROXY", &url)],
        PLAIN,
    ));
    assert_eq!((proxy.heads().len(), registry.heads().len()), (2, 1));
    fails(
        &list(
            &shell,
            there,
            &[("HTTP_PROXY", "https://me:s3cret@proxy")],
            PLAIN,
        ),
        2,
        &["HTTP_PROXY: "],
    );
}

/// MD7: What it answers is no artifact, but it was asked.
#[test]
fn a_proxy_that_is_given_to_fetch_is_used() {
    let shell = Shell::new();
    let proxy = Registry::start(None, None);
    let url = format!("http://{}", proxy.host);
    let fetch = ["fetch", "192.0.2.10:5000/a/b:v1", "--plain-http"];
    let rest = ["--output", "out", "--patterns", "*", "--proxy", &url];
    let ran = shell.run(&[&fetch[..], &rest].concat());
    assert_ne!(ran.code, 0);
    let head = proxy.heads().remove(0);
    let expected = "GET http://192.0.2.10:5000/v2/a/b/manifests/v1";
    assert!(head.starts_with(expected), "{head}");
}

/// A certificate authority, a server for this machine that wants to see a certificate of it when asked
/// to, and the PEM of authority, client certificate and client key.
fn certificates(wants_client: bool) -> (Arc<ServerConfig>, [String; 3]) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let signed = |name: &str| {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (
            params.signed_by(&key, &authority).expect("a certificate"),
            key,
        )
    };
    let (certificate, key) = signed("127.0.0.1");
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("good versions");
    let builder = if wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("an authority");
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
    let config = builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a key that fits");
    let (client, client_key) = signed("me");
    (
        Arc::new(config),
        [authority.pem(), client.pem(), client_key.serialize_pem()],
    )
}

#[test]
fn authorities_come_from_flags_variables_and_directories() {
    let shell = Shell::new();
    let (config, [authority, ..]) = certificates(false);
    let registry = Registry::start(None, Some(config));
    let host = registry.host.as_str();
    fails(&list(&shell, host, &[], &[]), 5, &["certificate"]);
    works(&list(&shell, host, &[], &["--insecure"]));

    write(shell.path("ca.pem"), &authority);
    works(&list(&shell, host, &[], &["--ca-file", "ca.pem"]));
    works(&list(&shell, host, &[("SSL_CERT_FILE", "ca.pem")], &[]));
    fails(
        &list(&shell, host, &[("SSL_CERT_FILE", "no.pem")], &[]),
        2,
        &["SSL_CERT_FILE is no.pem"],
    );
    fails(
        &list(&shell, host, &[], &["--ca-file", "no.pem"]),
        2,
        &["no.pem"],
    );
    write(shell.path("text"), "hello");
    fails(
        &list(&shell, host, &[], &["--ca-file", "text"]),
        1,
        &["no certificate in PEM"],
    );

    let by_file = format!(
        "[host.\"{host}\"]\nca_file = \"{}\"\n",
        shell.path("ca.pem").display()
    );
    write(shell.path("hosts.toml"), &by_file);
    works(&list(&shell, host, &[], &["--hosts-file", "hosts.toml"]));

    write(
        shell.path(format!(".config/containers/certs.d/{host}/ca.crt").as_str()),
        &authority,
    );
    works(&list(&shell, host, &[], &[]));
    // A mistake of another program is no reason to stop.
    write(
        shell.path(".docker/certs.d/other.example/ca.crt"),
        "nonsense",
    );
    let ran = list(&shell, host, &[], &["--ca-file", "ca.pem"]);
    works(&ran);
    assert!(ran.stderr.contains("other.example"), "{}", ran.stderr);
}

#[test]
fn client_certificates_come_from_flags_and_directories() {
    let shell = Shell::new();
    let (config, [authority, certificate, key]) = certificates(true);
    let registry = Registry::start(None, Some(config));
    let host = registry.host.as_str();
    write(shell.path("ca.pem"), &authority);
    write(shell.path("me.pem"), &certificate);
    write(shell.path("me.key"), &key);
    let trusting = ["--ca-file", "ca.pem"];
    fails(&list(&shell, host, &[], &trusting), 5, &[]);
    let shown = [
        "--ca-file",
        "ca.pem",
        "--client-cert",
        "me.pem",
        "--client-key",
        "me.key",
    ];
    works(&list(&shell, host, &[], &shown));
    fails(&list(&shell, host, &[], &shown[..4]), 2, &["--client-key"]);

    let directory = shell.path(format!(".docker/certs.d/{host}").as_str());
    write(directory.join("client.cert"), &certificate);
    write(directory.join("client.key"), &key);
    works(&list(&shell, host, &[], &trusting));
}
