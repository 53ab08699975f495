//! `modelpack logout`.

use clap::Args;
use modelpack::spec::Host;
use modelpack::{CredentialsFile, HelperPrograms};

use super::login::server;
use crate::exit::{DONE, Exit};
use crate::flags::Network;
use crate::printer::{Printer, note};
use crate::settings;

#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// The registry [default: docker.io]
    #[arg(value_parser = server, default_value = "docker.io", hide_default_value = true)]
    pub(crate) server: Host,
    /// Forget the login in this file
    #[arg(long, value_name = "FILE", env = "REGISTRY_AUTH_FILE")]
    pub(crate) authfile: Option<std::path::PathBuf>,
}

pub(crate) async fn run(printer: &Printer, args: Logout) -> anyhow::Result<Exit> {
    let host = &args.server;
    let network = Network {
        authfile: args.authfile,
        ..Network::default()
    };
    let path = settings::login_file(&network, false)?;
    let was_there = CredentialsFile::new(path.clone(), HelperPrograms::default())
        .erase(host)
        .await?;
    if let Some(other) = settings::login_elsewhere(&network, &path, host)
        && !printer.quiet
    {
        let other = other.display();
        note(&format!("warning: {other} still has a login for {host}"));
    }
    if printer.json {
        let report = serde_json::json!({ "server": host.as_str(), "removed": was_there });
        printer.result(&report, |_| String::new())?;
    }
    if was_there {
        printer.done("Logout Succeeded.")?;
    } else {
        printer.done(&format!("Not logged in to {host}."))?;
    }
    Ok(DONE)
}
