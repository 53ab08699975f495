//! Running credential helpers: with a time limit, and reading no more than a login can have.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use modelpack_registry::{
    CredentialHelper, HelperAnswer, HelperFailed, HelperName, Pending, Secret,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longest answer that is read, in bytes; cloud tokens have some KiB.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// Most characters of a helper's words that are shown.
const MAX_SAID: usize = 200;
/// Longest wait for an answer: a person may have to unlock a keychain.
const TIME_LIMIT: Duration = Duration::from_secs(60);

type BoxError = Box<dyn StdError + Send + Sync>;

/// Runs `docker-credential-…` programs that are found in the search path.
///
/// ```
/// use std::sync::Arc;
///
/// use modelpack::HelperPrograms;
/// use modelpack::registry::{Client, DockerConfig, WithHelpers};
///
/// let config = DockerConfig::parse(br#"{"credHelpers":{"ghcr.io":"pass"}}"#)?;
/// let credentials = WithHelpers::new(config, Arc::new(HelperPrograms::default()));
/// let client = Client::builder().credentials(credentials).build()?;
/// # Ok::<(), modelpack::registry::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HelperPrograms {
    time_limit: Duration,
    search_path: Option<OsString>,
}

impl Default for HelperPrograms {
    fn default() -> Self {
        Self {
            time_limit: TIME_LIMIT,
            search_path: None,
        }
    }
}

impl HelperPrograms {
    /// The same with another longest wait for an answer, 60 s by default.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// The same with another search path (`PATH`) than that of this process.
    #[must_use]
    pub fn with_search_path(self, search_path: impl Into<OsString>) -> Self {
        let search_path = Some(search_path.into());
        Self {
            search_path,
            ..self
        }
    }

    /// Gives a login to a helper to keep.
    ///
    /// # Errors
    /// [`HelperProgramFailed`], or [`HelperFailed`] with the words of the helper.
    pub async fn store(
        &self,
        helper: &HelperName,
        server: &str,
        username: &str,
        secret: &Secret,
    ) -> Result<(), BoxError> {
        let login = serde_json::json!({
            "ServerURL": server,
            "Username": username,
            "Secret": secret.expose(),
        });
        let answer = self.run(helper, "store", &login.to_string()).await?;
        done(helper, &answer, secret.expose())
    }

    /// Has a helper forget the login of a registry.
    ///
    /// # Errors
    /// Those of [`Self::store`].
    pub async fn erase(&self, helper: &HelperName, server: &str) -> Result<(), BoxError> {
        let answer = self.run(helper, "erase", server).await?;
        done(helper, &answer, "")
    }

    async fn run(
        &self,
        helper: &HelperName,
        verb: &str,
        input: &str,
    ) -> Result<HelperAnswer, HelperProgramFailed> {
        // Dropping the child kills it, whichever way this ends.
        let mut child = self.start(helper, verb)?;
        let program = || helper.program();
        match timeout(self.time_limit, converse(&mut child, input)).await {
            Err(_) => Err(HelperProgramFailed::TooSlow {
                program: program(),
                waited: self.time_limit,
            }),
            Ok(Err(source)) => Err(HelperProgramFailed::Run {
                program: program(),
                source,
            }),
            Ok(Ok(None)) => Err(HelperProgramFailed::TooMuch { program: program() }),
            Ok(Ok(Some((status, output)))) => Ok(HelperAnswer {
                is_success: status.success(),
                output,
            }),
        }
    }

    fn start(&self, helper: &HelperName, verb: &str) -> Result<Child, HelperProgramFailed> {
        let program = helper.program();
        let mut command = Command::new(&program);
        command
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Some(path) = &self.search_path {
            command.env("PATH", path);
        }
        command.spawn().map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                HelperProgramFailed::NotInstalled { program }
            } else {
                HelperProgramFailed::Run { program, source }
            }
        })
    }
}

/// A credential helper could not be run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperProgramFailed {
    /// There is no such program.
    #[error(
        "the program {program}, which the credentials file names, is not installed; install it, or log in without it"
    )]
    NotInstalled {
        /// The program.
        program: String,
    },
    /// It did not answer.
    #[error("{program} has given no answer for {} s, so it was stopped", waited.as_secs_f32())]
    TooSlow {
        /// The program.
        program: String,
        /// How long was waited.
        waited: Duration,
    },
    /// It printed more than a login can have.
    #[error("{program} printed more than {MAX_ANSWER_BYTES} bytes, so it was stopped")]
    TooMuch {
        /// The program.
        program: String,
    },
    /// It could not be started, or talking to it failed.
    #[error("cannot run {program}")]
    Run {
        /// The program.
        program: String,
        /// The cause.
        source: io::Error,
    },
}

impl CredentialHelper for HelperPrograms {
    fn get<'a>(
        &'a self,
        helper: &'a HelperName,
        server: &'a str,
    ) -> Pending<'a, Result<HelperAnswer, BoxError>> {
        Box::pin(async move { Ok(self.run(helper, "get", server).await?) })
    }
}

/// What a helper says is shown in one line, and never the secret that it was given.
fn done(helper: &HelperName, answer: &HelperAnswer, secret: &str) -> Result<(), BoxError> {
    if answer.is_success {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&answer.output);
    let is_secret = !secret.is_empty() && said.contains(secret);
    let line = said.lines().map(str::trim).find(|line| !line.is_empty());
    let said = line
        .filter(|line| !is_secret && !line.starts_with('{'))
        .map_or_else(
            || "it gave no reason".to_owned(),
            |line| {
                line.chars()
                    .filter(|c| !c.is_control())
                    .take(MAX_SAID)
                    .collect()
            },
        );
    let program = helper.program();
    Err(HelperFailed::Said { program, said }.into())
}

/// Asks, and waits for the answer; nothing when it is too long.
async fn converse(child: &mut Child, input: &str) -> io::Result<Option<(ExitStatus, Vec<u8>)>> {
    let stdin = child.stdin.take();
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let ask = async {
        if let Some(mut stdin) = stdin {
            // A helper that answers without reading is its own affair.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let ((), output) = tokio::join!(ask, read_answer(stdout));
    let Some(output) = output? else {
        return Ok(None);
    };
    Ok(Some((child.wait().await?, output)))
}

async fn read_answer(stdout: impl AsyncRead + Unpin) -> io::Result<Option<Vec<u8>>> {
    let mut output = Vec::new();
    let mut limited = stdout.take(MAX_ANSWER_BYTES + 1);
    limited.read_to_end(&mut output).await?;
    Ok((output.len() as u64 <= MAX_ANSWER_BYTES).then_some(output))
}
