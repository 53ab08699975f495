//! `modelpack login`.

use std::io::IsTerminal as _;

use clap::Args;
use modelpack::registry::Secret;
use modelpack::spec::Host;
use modelpack::{CredentialsFile, HelperPrograms, KeptIn, LoginAnswer, try_login};
use serde::Serialize;

use crate::exit::{DONE, Exit, UsageError};
use crate::flags::{Global, Network};
use crate::printer::{Printer, note};
use crate::{ask, settings};

#[derive(Debug, Args)]
#[command(after_help = FILES)]
pub(crate) struct Login {
    /// The registry [default: docker.io]
    #[arg(value_parser = server, default_value = "docker.io", hide_default_value = true)]
    pub(crate) server: Host,
    /// The user
    #[arg(short, long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// The password or access token; others on this machine can see it here
    #[arg(short, long, value_name = "PASSWORD", requires = "username")]
    pub(crate) password: Option<String>,
    /// Read the password from a pipe, which is also the default when there is one
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", conflicts_with = "password")]
    pub(crate) password_stdin: Option<bool>,
    #[command(flatten)]
    pub(crate) network: Network,
}

const FILES: &str = "\
The login is tried at the registry, then kept where it will be read: in the file of --authfile or
REGISTRY_AUTH_FILE, else in Docker's config.json, or by the credential helper which that file names.
Without --username, --authfile is the file that user and password are taken from.";

/// A registry as people write it: also with a scheme in front and a slash behind.
pub(crate) fn server(text: &str) -> Result<Host, modelpack::spec::Error> {
    let schemes = ["https://", "http://"];
    let bare = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    // This is how Docker writes its own.
    let bare = bare.unwrap_or(text).trim_end_matches('/');
    bare.strip_suffix("/v1").unwrap_or(bare).parse()
}

/// What a login came to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    server: String,
    username: String,
    answer: LoginAnswer,
    kept_in: KeptIn,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Login) -> anyhow::Result<Exit> {
    let host = &args.server;
    let path = settings::login_file(&args.network, args.username.is_none())?;
    let (username, password) = match settings::login_in_file(&args.network, host, &args.username)? {
        Some(login) => login,
        None => typed(printer, &args).await?,
    };
    let options = settings::login_client(global, &args.network)?;
    let answer = try_login(options, host, &username, &password).await?;
    let kept_in = CredentialsFile::new(path.clone(), HelperPrograms::default())
        .store(host, &username, &password)
        .await?;
    if !printer.quiet {
        if answer == LoginAnswer::NotAsked {
            note(&format!(
                "warning: {host} lets everybody in, so nobody has looked at the password"
            ));
        }
        if let KeptIn::File(path) = &kept_in {
            let path = path.display();
            note(&format!(
                "the password is kept in {path}, for you to read only"
            ));
        }
        if let Some(other) = settings::login_elsewhere(&args.network, &path, host) {
            let other = other.display();
            note(&format!(
                "warning: {other} has another login for {host}, which comes first"
            ));
        }
    }
    if printer.json {
        let report = Report {
            server: host.to_string(),
            username,
            answer,
            kept_in,
        };
        printer.result(&report, |_| String::new())?;
    }
    printer.done("Login Succeeded.")?;
    Ok(DONE)
}

const SEEN: &str =
    "warning: other users of this machine can see --password; --password-stdin hides it";

/// User and password from flags, a pipe or the keyboard.
async fn typed(printer: &Printer, args: &Login) -> anyhow::Result<(String, Secret)> {
    let is_terminal = std::io::stdin().is_terminal();
    let username = match &args.username {
        Some(username) if username.is_empty() => {
            return Err(UsageError("the name of the user is empty".to_owned()).into());
        }
        Some(username) => username.clone(),
        None if is_terminal => ask::line("Username: ").await?,
        None => {
            return Err(UsageError("--username says who logs in".to_owned()).into());
        }
    };
    let password = match &args.password {
        Some(password) => {
            if !printer.quiet {
                note(SEEN);
            }
            password.clone()
        }
        None if is_terminal => ask::hidden_line("Password: ").await?,
        None if args.password_stdin == Some(false) => {
            return Err(
                UsageError("there is no terminal to ask for the password".to_owned()).into(),
            );
        }
        None => ask::piped_line()?,
    };
    if password.is_empty() {
        return Err(UsageError("the password is empty".to_owned()).into());
    }
    Ok((username, Secret::new(password)))
}
