//! What is different for scripts that were written for `modctl`.
//!
//! Its command lines are understood under either name; `docs/modctl.md` has all of them. Called by a link that
//! is named `modctl`, the program also answers in that tool's words, with its defaults and its exit codes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use serde::Serialize;

use crate::exit::{DONE, Exit, FAILED};
use crate::units;

/// Flags whose default is another one there: command, flag, value.
const DEFAULTS: &[(&str, &str, &str)] = &[("login", "password_stdin", "true")];

/// Under which name the program was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persona {
    /// Its own.
    Own,
    /// `modctl`.
    Modctl,
}

impl Persona {
    /// By the first word of the command line.
    pub(crate) fn of(program: Option<&OsStr>) -> Self {
        let name = program.map(Path::new).and_then(Path::file_stem);
        if name == Some(OsStr::new("modctl")) {
            Self::Modctl
        } else {
            Self::Own
        }
    }

    /// The command line with the name and the defaults of this persona.
    pub(crate) fn command(self, command: Command) -> Command {
        if self == Self::Own {
            return command;
        }
        let mut command = command.name("modctl").bin_name("modctl");
        for (name, flag, value) in DEFAULTS {
            command = command
                .mut_subcommand(name, |it| it.mut_arg(flag, |arg| arg.default_value(*value)));
        }
        command
    }

    /// Whether the name alone, without anything after it, is no mistake but asks for the help.
    pub(crate) fn helps(self, words: usize) -> bool {
        self == Self::Modctl && words < 2
    }

    /// `modctl` knows two codes only.
    pub(crate) fn exit(self, exit: Exit) -> Exit {
        match self {
            Self::Modctl if exit != DONE => FAILED,
            _ => exit,
        }
    }

    /// The word before an error.
    pub(crate) fn error_word(self) -> &'static str {
        match self {
            Self::Own => "error",
            Self::Modctl => "Error",
        }
    }

    /// A size in a list: powers of 1000, or of 1024.
    pub(crate) fn size(self, bytes: u64) -> String {
        match self {
            Self::Own => units::bytes(bytes),
            Self::Modctl => units::binary_bytes(bytes),
        }
    }

    /// The time of what has none.
    pub(crate) fn no_time(self) -> &'static str {
        match self {
            Self::Own => "-",
            Self::Modctl => "a long while ago",
        }
    }

    /// The lines of `version`; those about the build are known when it was told them.
    pub(crate) fn version(self, version: &str, platform: &str) -> String {
        let line = |label: &str, value: &str| format!("{label:12}{value}");
        let mut lines = vec![line("Version:", version)];
        if self == Self::Modctl {
            lines.push(line(
                "Commit:",
                option_env!("MODELPACK_COMMIT").unwrap_or("unknown"),
            ));
        }
        lines.push(line("Platform:", platform));
        if self == Self::Modctl {
            lines.push(line(
                "BuildTime:",
                option_env!("MODELPACK_BUILD_TIME").unwrap_or("unknown"),
            ));
        }
        lines.join("\n")
    }

    /// JSON as `inspect` prints it: `modctl` indents with tabs and spells `<`, `>` and `&` as Go does.
    pub(crate) fn json<T: Serialize>(self, value: &T) -> anyhow::Result<String> {
        if self == Self::Own {
            return Ok(serde_json::to_string_pretty(value)?);
        }
        let mut text = Vec::new();
        let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, tabs))?;
        let text = String::from_utf8(text)?;
        // Outside of texts JSON has none of these.
        Ok(text
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace("\"Layers\": []", "\"Layers\": null"))
    }
}

/// Flags of every command of `modctl` that have no meaning here.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct IgnoredFlags {
    /// Nothing: there is no log file
    #[arg(long, global = true, hide = true, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Nothing: there is no log
    #[arg(long, global = true, hide = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Nothing: there is no profile server
    #[arg(long, global = true, hide = true)]
    pprof: bool,
    /// Nothing: there is no profile server
    #[arg(long, global = true, hide = true, value_name = "ADDRESS")]
    pprof_addr: Option<String>,
}

impl IgnoredFlags {
    /// A sentence for each of them that was given.
    pub(crate) fn notes(&self) -> Vec<String> {
        let no_log = "there is no log file, everything is said on standard error";
        let no_server = "there is no profile server";
        [
            ("--log-dir", self.log_dir.is_some(), no_log),
            ("--log-level", self.log_level.is_some(), no_log),
            ("--pprof", self.pprof, no_server),
            ("--pprof-addr", self.pprof_addr.is_some(), no_server),
        ]
        .into_iter()
        .filter(|(_, is_given, _)| *is_given)
        .map(|(flag, _, reason)| format!("note: {flag} does nothing here: {reason}"))
        .collect()
    }
}

/// Flags of `modctl` that download through Dragonfly.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Dragonfly {
    /// An error that says how Dragonfly is used here
    #[arg(long, hide = true, value_name = "ADDRESS", value_parser = no_dragonfly)]
    dragonfly_endpoint: Option<String>,
}

fn no_dragonfly(_: &str) -> Result<String, String> {
    Err(
        "Dragonfly's own protocol is not spoken; its dfdaemon is used as a mirror: write \
        `[[host.\"HOST\".mirror]]` and `url = \"http://127.0.0.1:65001\"` into hosts.toml"
            .to_owned(),
    )
}

/// Flags of `modctl modelfile generate` that fetch a model first.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ModelUrl {
    /// An error that says how a model is fetched
    #[arg(long, hide = true, value_name = "URL", value_parser = no_model_url)]
    model_url: Option<String>,
    /// Only with `--model-url`
    #[arg(short, long, hide = true, value_name = "NAME", requires = "model_url")]
    provider: Option<String>,
    /// Only with `--model-url`
    #[arg(long, hide = true, value_name = "DIR", requires = "model_url")]
    download_dir: Option<PathBuf>,
    /// Nothing: every file has a type
    #[arg(long, hide = true)]
    ignore_unrecognized_file_types: bool,
}

fn no_model_url(url: &str) -> Result<String, String> {
    let fetch = if url.contains("modelscope") {
        "modelscope download --model OWNER/NAME --local_dir DIR"
    } else if url.starts_with("models:/") {
        "mlflow artifacts download -u URL -d DIR"
    } else {
        "hf download OWNER/NAME --local-dir DIR"
    };
    Err(format!(
        "models are not fetched from hubs; run `{fetch}`, then `modelpack modelfile generate DIR`"
    ))
}

#[cfg(test)]
mod tests;
