//! Logins: tried at the registry, kept in a credentials file or by the helper that it names.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use modelpack_registry::{
    ClientBuilder, Credential, CredentialSource, DockerConfig, HelperName, LoginFile, Name,
    Pending, Secret, SingleHost, login_server,
};
use modelpack_spec::Host;
use serde::Serialize;

use crate::{Error, HelperPrograms, blocking};

/// One byte more than a credentials file may have, so that a longer one is seen to be too long.
const READ_BYTES: u64 = 4 * 1024 * 1024 + 1;

/// What a registry says of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum LoginAnswer {
    /// It takes it.
    Accepted,
    /// It lets everybody in and has not looked at it.
    NotAsked,
}

/// Tries a login at a registry and its token service. The options are those of any other client; where
/// they have credentials from does not matter.
///
/// # Errors
/// [`Error::LoginRefused`]; [`Error::Registry`].
pub async fn try_login(
    options: ClientBuilder,
    host: &Host,
    username: &str,
    password: &Secret,
) -> Result<LoginAnswer, Error> {
    let asked = Arc::new(AtomicBool::new(false));
    let credential = Credential::password(username, password.expose());
    let credentials = Watched {
        inner: SingleHost::new(host.clone(), credential),
        asked: Arc::clone(&asked),
    };
    let client = options.credentials(credentials).build()?;
    match client.ping(host).await {
        Ok(()) if asked.load(Ordering::SeqCst) => Ok(LoginAnswer::Accepted),
        Ok(()) => Ok(LoginAnswer::NotAsked),
        Err(error) if error.is_unauthorized() || error.is_denied() => Err(Error::LoginRefused {
            host: host.clone(),
            source: Box::new(error),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Notices whether it is asked.
struct Watched {
    inner: SingleHost,
    asked: Arc<AtomicBool>,
}

impl CredentialSource for Watched {
    fn credential<'a>(
        &'a self,
        name: &'a Name,
    ) -> Pending<'a, Result<Option<Credential>, Box<dyn std::error::Error + Send + Sync>>> {
        self.asked.store(true, Ordering::SeqCst);
        self.inner.credential(name)
    }
}

/// Where a login is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum KeptIn {
    /// In this file, readable by whoever may read the file.
    File(PathBuf),
    /// By this program.
    Helper(String),
}

/// A credentials file whose logins change: Docker's `config.json`, or `auth.json` of the containers tools.
#[derive(Debug, Clone)]
pub struct CredentialsFile {
    path: PathBuf,
    programs: HelperPrograms,
}

impl CredentialsFile {
    /// The file at this path, which need not be there.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, programs: HelperPrograms) -> Self {
        Self {
            path: path.into(),
            programs,
        }
    }

    /// Keeps a login: by the helper that the file names for the registry or for all, else in the file
    /// itself. Everything else in the file stays, nobody but its owner can read it afterwards, and it is
    /// replaced in one step.
    ///
    /// # Errors
    /// [`Error::CredentialsFile`], [`Error::CredentialHelper`], [`Error::File`]. The file is then as it
    /// was.
    pub async fn store(
        &self,
        host: &Host,
        username: &str,
        password: &Secret,
    ) -> Result<KeptIn, Error> {
        let Some(helper) = self.helper(host).await? else {
            let (username, password) = (username.to_owned(), password.clone());
            let edit = move |file: &mut LoginFile, host: &Host| {
                file.set(host, &username, &password).map(|()| true)
            };
            self.change(host, edit).await?;
            return Ok(KeptIn::File(self.path.clone()));
        };
        let kept = self
            .programs
            .store(&helper, login_server(host), username, password);
        kept.await.map_err(|error| self.helper_failed(error))?;
        let edit = |file: &mut LoginFile, host: &Host| {
            file.set_helped(host);
            Ok(true)
        };
        self.change(host, edit).await?;
        Ok(KeptIn::Helper(helper.program()))
    }

    /// Forgets the login of a registry, in the file and by its helper; false when the file has none.
    ///
    /// # Errors
    /// Those of [`Self::store`].
    pub async fn erase(&self, host: &Host) -> Result<bool, Error> {
        let helper = self.helper(host).await?;
        if let Some(helper) = &helper {
            let erased = self.programs.erase(helper, login_server(host)).await;
            match erased {
                Err(error) if !is_unknown(&error.to_string()) => {
                    return Err(self.helper_failed(error));
                }
                _ => {}
            }
        }
        let edit = |file: &mut LoginFile, host: &Host| Ok(file.remove(host));
        let was_there = self.change(host, edit).await?;
        Ok(was_there || helper.is_some())
    }

    fn helper_failed(&self, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
        Error::CredentialHelper {
            path: self.path.clone(),
            source,
        }
    }

    /// The helper that keeps the login of a registry.
    async fn helper(&self, host: &Host) -> Result<Option<HelperName>, Error> {
        let path = self.path.clone();
        let content = blocking::run(move || read(&path)).await?;
        if content.trim_ascii().is_empty() {
            return Ok(None);
        }
        let config = DockerConfig::parse(&content).map_err(|error| unusable(&self.path, error))?;
        let repository = "login".parse().map_err(Error::Spec)?;
        config
            .helper(&Name::new(host.clone(), repository))
            .map_err(|error| self.helper_failed(Box::new(error)))
    }

    /// Reads the file, changes it and writes it when there was something to change.
    async fn change(
        &self,
        host: &Host,
        edit: impl FnOnce(&mut LoginFile, &Host) -> Result<bool, modelpack_registry::Error>
        + Send
        + 'static,
    ) -> Result<bool, Error> {
        let (path, host) = (self.path.clone(), host.clone());
        blocking::run(move || {
            // Who keeps a link to the file elsewhere wants that one to change.
            let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            let directory = match real.parent().filter(|parent| *parent != Path::new("")) {
                Some(parent) => parent.to_owned(),
                None => PathBuf::from("."),
            };
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)
                .map_err(|error| Error::file("cannot make", &directory, error))?;
            let handle = File::open(&directory)
                .map_err(|error| Error::file("cannot open", &directory, error))?;
            // Two logins at a time would lose one; a file system without locks has to do without.
            let _ = handle.lock();
            let mut file =
                LoginFile::parse(&read(&real)?).map_err(|error| unusable(&path, error))?;
            let is_changed = edit(&mut file, &host).map_err(|error| unusable(&path, error))?;
            if is_changed {
                replace(&directory, &real, &file.to_bytes())
                    .map_err(|error| Error::file("cannot write", &path, error))?;
                // The rename has to last as well.
                let _ = handle.sync_all();
            }
            Ok(is_changed)
        })
        .await
    }
}

/// A temporary file is readable by its owner only.
fn replace(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".modelpack-login-")
        .tempfile_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The content of a file; nothing when there is none.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |error| Error::file("cannot read", path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        let source = io::Error::from(io::ErrorKind::IsADirectory);
        return Err(unusable(path, source));
    }
    let mut content = Vec::new();
    file.take(READ_BYTES)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    Ok(content)
}

fn unusable(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::CredentialsFile {
        path: path.to_owned(),
        source: Box::new(source),
    }
}

/// How helpers say that they have no such login.
fn is_unknown(said: &str) -> bool {
    said.to_ascii_lowercase().contains("credentials not found")
}
