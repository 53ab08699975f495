//! Which files, variables and logins the settings come from: what `modelpack doctor` shows of them.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use modelpack::Client;
use modelpack::doctor::Finding;
use modelpack::registry::{DockerConfig, LoginPlace, Name};
use modelpack::spec::Host;

use super::{certificates, client, credentials, hosts, proxies};
use crate::flags::{Global, Network};

/// The area of findings about files and variables.
const AREA: &str = "settings";

/// What the settings say.
pub(crate) struct Survey {
    /// What was found.
    pub(crate) findings: Vec<Finding>,
    /// The client that they make, when they can be used.
    pub(crate) client: Option<Client>,
    /// Whether they have a login for the host that was asked about.
    pub(crate) has_login: bool,
}

/// What the settings say about one host, or about every host that they name.
pub(crate) fn survey(global: &Global, network: &Network, host: Option<&Host>) -> Survey {
    let mut findings = Vec::new();
    let configs = read_credentials(network, &mut findings);
    let named = read_hosts(network, &mut findings);
    findings.extend(variables());
    let client = match client(global, network) {
        Ok(client) => client,
        Err(error) => {
            let says = error
                .chain()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(": ");
            let hint = Some("mend that; no registry can be asked before".to_owned());
            findings.push(Finding::good(AREA, "usable", says).bad(hint));
            return Survey {
                findings,
                client: None,
                has_login: false,
            };
        }
    };
    let all = match host {
        Some(host) => [host.clone()].into(),
        None => all_hosts(&configs, named),
    };
    for host in all {
        findings.push(login(&host, &configs));
        findings.extend(way(&client, &host, network));
    }
    Survey {
        has_login: host.is_some_and(|host| place(host, &configs).is_some()),
        client: Some(client),
        findings,
    }
}

fn read_credentials(
    network: &Network,
    findings: &mut Vec<Finding>,
) -> Vec<(PathBuf, DockerConfig)> {
    let mut configs = Vec::new();
    let paths = match &network.authfile {
        Some(path) => vec![path.clone()],
        None => credentials::default_files(),
    };
    for path in paths {
        let shown = path.display().to_string();
        let finding = |says: String| Finding::good(AREA, "credentials", says);
        match credentials::read(&path) {
            Ok(Some(config)) => {
                findings.push(finding(shown));
                configs.push((path, config));
            }
            Ok(None) if network.authfile.is_some() => {
                let hint = Some("take another --authfile, or `docker login` once".to_owned());
                findings.push(finding(format!("{shown} is not there")).bad(hint));
            }
            Ok(None) => findings.push(finding(format!("{shown} (not there)"))),
            Err(reason) => {
                let hint = "no credentials come from this file";
                findings.push(finding(format!("{shown} {reason}")).bad(Some(hint.to_owned())));
            }
        }
    }
    configs
}

/// The hosts that `hosts.toml` names.
fn read_hosts(network: &Network, findings: &mut Vec<Finding>) -> Vec<Host> {
    let Some(path) = network.hosts_file.clone().or_else(hosts::default_path) else {
        return Vec::new();
    };
    let shown = path.display();
    let finding = |says: String| Finding::good(AREA, "hosts", says);
    match hosts::read(network) {
        // A mistake is found again when the client is made.
        Err(_) => Vec::new(),
        Ok(_) if !path.exists() => {
            findings.push(finding(format!("{shown} (not there)")));
            Vec::new()
        }
        Ok(hosts) => {
            findings.push(finding(shown.to_string()));
            hosts.hosts.into_keys().collect()
        }
    }
}

fn variables() -> Vec<Finding> {
    let mut found = Vec::new();
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        if let Some(value) = env::var_os(name) {
            found.push((name.to_owned(), value.to_string_lossy().into_owned()));
        }
    }
    found.extend(proxies::variables());
    let variable = |(name, value)| Finding::good(AREA, "variable", format!("{name}={value}"));
    let mut findings: Vec<Finding> = found.into_iter().map(variable).collect();
    for directory in certificates::directories() {
        if directory.is_dir() {
            let says = directory.display().to_string();
            findings.push(Finding::good(AREA, "certificates", says));
        }
    }
    findings
}

/// The hosts that any file names.
fn all_hosts(configs: &[(PathBuf, DockerConfig)], named: Vec<Host>) -> BTreeSet<Host> {
    let keys = configs.iter().flat_map(|(_, config)| config.keys());
    let hosts = keys.filter_map(|key| key.split('/').next()?.parse().ok());
    named.into_iter().chain(hosts).collect()
}

/// The first file that has a login for a host, and where that comes from.
fn place<'a>(
    host: &Host,
    configs: &'a [(PathBuf, DockerConfig)],
) -> Option<(&'a Path, LoginPlace)> {
    // Any repository: what a file says about a single one is not said about the host.
    let name = Name::new(host.clone(), "doctor".parse().ok()?);
    configs
        .iter()
        .find_map(|(path, config)| Some((path.as_path(), config.login_place(&name)?)))
}

fn login(host: &Host, configs: &[(PathBuf, DockerConfig)]) -> Finding {
    let finding = |says: String| Finding::good(host.as_str(), "login", says);
    let Some((path, place)) = place(host, configs) else {
        return finding("anonymous; no file has a login for it".to_owned());
    };
    let path = path.display();
    match place {
        LoginPlace::Helper(helper) => {
            finding(format!("from {}, which {path} names", helper.program()))
        }
        LoginPlace::InvalidHelper(error) => finding(format!("{path}: {error}")).bad(Some(
            "write the plain name of a credential helper, such as `pass`".to_owned(),
        )),
        _ => finding(format!("from {path}")),
    }
}

/// Proxy and certificates on the way to a host.
fn way(client: &Client, host: &Host, network: &Network) -> Vec<Finding> {
    let area = host.as_str();
    let mut findings = Vec::new();
    let proxy = match client.proxy_of(host) {
        Ok(Some(proxy)) => Finding::good(area, "proxy", proxy.to_string()),
        Ok(None) => Finding::good(area, "proxy", "none"),
        Err(error) => Finding::good(area, "proxy", error.to_string()).bad(None),
    };
    findings.push(proxy);
    let settings = client.host_settings(host);
    let is_plain = client
        .address_of(host)
        .is_ok_and(|address| address.starts_with("http:"));
    let is_any = network.insecure || settings.danger_accept_invalid_certs == Some(true);
    let more = network.ca_file.len() + settings.ca_pem.len();
    let trust = |says: &str| Finding::good(area, "trust", says);
    findings.push(if is_plain {
        let finding = trust("plain HTTP: nobody proves to be this registry");
        if host.is_loopback() {
            finding
        } else {
            finding.notice("contents are verified by digest; passwords and tags are not protected")
        }
    } else if is_any {
        trust("any certificate is taken").notice(
            "give the authority with --ca-file instead; tags and passwords are not protected",
        )
    } else if more > 0 {
        trust(&format!(
            "the authorities of the system and of {more} more files"
        ))
    } else {
        trust("the authorities of the system")
    });
    if network.client_cert.is_some() || settings.identity.is_some() {
        findings.push(Finding::good(area, "client certificate", "shown to it"));
    }
    for mirror in &settings.mirrors {
        let says = format!("{} is asked first", mirror.url);
        findings.push(Finding::good(area, "mirror", says));
    }
    findings
}
