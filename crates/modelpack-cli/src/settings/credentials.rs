//! Where credentials are read from, and in which order.

use std::env;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use modelpack::HelperPrograms;
use modelpack::registry::{
    Credential, CredentialSource, DockerConfig, FirstOf, Name, Secret, WithHelpers,
};
use modelpack::spec::Host;

use super::{absolute, config_home, home};
use crate::exit::UsageError;
use crate::flags::Network;
use crate::printer::note;

/// One byte more than a credentials file may have, so that a longer one is seen to be too long.
const READ_BYTES: u64 = 4 * 1024 * 1024 + 1;

/// The file that the user names (`--authfile`, `REGISTRY_AUTH_FILE`), and no other; else those of the
/// containers tools and of Docker, as far as they are there.
pub(super) fn sources(network: &Network) -> anyhow::Result<FirstOf> {
    let programs = Arc::new(HelperPrograms::default());
    let mut sources: Vec<Arc<dyn CredentialSource>> = Vec::new();
    let mut add = |config| {
        let runner = Arc::clone(&programs);
        sources.push(Arc::new(WithHelpers::new(config, runner)));
    };
    if let Some(path) = &network.authfile {
        let config = read(path).and_then(|config| config.ok_or("is not there".to_owned()));
        let config = config.map_err(|reason| {
            UsageError(format!("the credentials file {} {reason}", path.display()))
        })?;
        warn_if_open(path, &config);
        add(config);
        return Ok(FirstOf::new(sources));
    }
    for path in default_files() {
        match read(&path) {
            Ok(Some(config)) => {
                warn_if_open(&path, &config);
                add(config);
            }
            Ok(None) => {}
            Err(reason) => note(&format!(
                "warning: no credentials come from {}: it {reason}",
                path.display()
            )),
        }
    }
    Ok(FirstOf::new(sources))
}

/// The files that are read when none is named, the first one first.
pub(super) fn default_files() -> Vec<PathBuf> {
    let files = [
        absolute("XDG_RUNTIME_DIR").map(|directory| directory.join("containers/auth.json")),
        config_home().map(|directory| directory.join("containers/auth.json")),
        docker_file(),
    ];
    files.into_iter().flatten().collect()
}

/// Docker's file, whether it is there or not.
fn docker_file() -> Option<PathBuf> {
    let docker = env::var_os("DOCKER_CONFIG").filter(|directory| !directory.is_empty());
    let docker = match docker {
        Some(directory) => Some(PathBuf::from(directory)),
        None => home().map(|home| home.join(".docker")),
    };
    docker.map(|directory| directory.join("config.json"))
}

/// The file that a login is written to: the one that the user names, else Docker's. When the login comes
/// out of the file that a flag names, that is not where it goes.
pub(crate) fn login_file(network: &Network, is_from_flag: bool) -> anyhow::Result<PathBuf> {
    let named = match is_from_flag {
        true => variable(),
        false => network.authfile.clone(),
    };
    named.or_else(docker_file).ok_or_else(|| {
        UsageError(
            "there is no home directory; say where logins are kept with --authfile".to_owned(),
        )
        .into()
    })
}

fn variable() -> Option<PathBuf> {
    let path = env::var_os("REGISTRY_AUTH_FILE").filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// As `modctl` has it: without a user, `--authfile` is where user and password come from.
pub(crate) fn login_in_file(
    network: &Network,
    host: &Host,
    username: &Option<String>,
) -> anyhow::Result<Option<(String, Secret)>> {
    let flag = network.authfile.as_ref().filter(|_| username.is_none());
    let Some(path) = flag.filter(|path| variable().as_ref() != Some(*path)) else {
        return Ok(None);
    };
    let mistake = |reason: String| {
        UsageError(format!(
            "the credentials file {} {reason}; with --username it is where the login is kept",
            path.display()
        ))
    };
    let config = read(path).and_then(|config| config.ok_or("is not there".to_owned()));
    let config = config.map_err(mistake)?;
    warn_if_open(path, &config);
    match config.lookup(&name_of(host)) {
        Some(Credential::Password { username, password }) => {
            Ok(Some((username.clone(), password.clone())))
        }
        _ => Err(mistake(format!("has no user and password for {host}")).into()),
    }
}

/// A file that is read before `path` when a registry asks who we are, and has a login for it.
pub(crate) fn login_elsewhere(network: &Network, path: &Path, host: &Host) -> Option<PathBuf> {
    if network.authfile.is_some() {
        return None;
    }
    let files = default_files();
    let earlier = files.into_iter().take_while(|file| file != path);
    let has_login = |file: &PathBuf| {
        let config = read(file).ok().flatten();
        config.is_some_and(|config| config.lookup(&name_of(host)).is_some())
    };
    earlier.filter(has_login).last()
}

/// The registry as credentials are looked up by.
fn name_of(host: &Host) -> Name {
    let repository = "login".parse().expect("a path component is a repository");
    Name::new(host.clone(), repository)
}

/// The file; nothing when there is none. The error says what the file is instead.
pub(super) fn read(path: &Path) -> Result<Option<DockerConfig>, String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) => {
            use io::ErrorKind::{NotADirectory, NotFound};
            return match error.kind() {
                NotFound | NotADirectory => Ok(None),
                _ => Err(format!("cannot be read: {error}")),
            };
        }
    };
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(
            "is a directory; it should be a file such as `modelpack login` writes".to_owned(),
        );
    }
    let mut content = Vec::new();
    file.take(READ_BYTES)
        .read_to_end(&mut content)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if content.trim_ascii().is_empty() {
        return Err(
            "is empty; `modelpack login HOST` fills it, `{}` stands for no logins".to_owned(),
        );
    }
    let config = DockerConfig::parse(&content);
    config
        .map(Some)
        .map_err(|error| format!("cannot be used: {error}"))
}

/// Says so when others may read the secrets in a file.
fn warn_if_open(path: &Path, config: &DockerConfig) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o044 != 0 && config.holds_secrets() {
        let path = path.display();
        note(&format!(
            "warning: other users may read the passwords in {path}; `chmod 600 {path}` closes it"
        ));
    }
}
