//! What the code of a crate must not do itself.

use crate::roles::{FAULTY, floor};
use crate::{Violation, Workspace, is_library};

/// Words that must not stand in the code of some crates. Tests, examples and programs may do what they like.
struct Ban {
    /// No crates: every library.
    crates: &'static [&'static str],
    words: &'static [&'static str],
    /// Crates that are excused, each with a reason beside it.
    except: &'static [&'static str],
    advice: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        crates: &[],
        words: &[
            "print!",
            "println!",
            "eprint!",
            "eprintln!",
            "dbg!",
            "io::stdout",
            "io::stderr",
            "io::stdin",
        ],
        except: &[],
        advice: "a library prints nothing: return it, or report it as progress",
    },
    Ban {
        crates: &[],
        words: &[
            "env::args",
            "env::current_dir",
            "env::home_dir",
            "env::set_var",
            "env::temp_dir",
            "env::var",
            "env::var_os",
            "env::vars",
            "env::vars_os",
            "env::{",
        ],
        except: &[],
        advice: "a library reads no environment and no home directory: take the value as an argument",
    },
    Ban {
        crates: &[],
        words: &["SystemTime::now", "Timestamp::now", "Zoned::now"],
        // A server: its `Retry-After` dates are about the time at which it answers.
        except: &[FAULTY],
        advice: "a library does not know what time it is: take the time as an argument",
    },
    Ban {
        crates: &[
            "modelpack-spec",
            "modelpack-formats",
            "modelpack-modelfile",
            "modelpack-layer",
        ],
        words: &["Instant::now"],
        except: &[],
        advice: "this crate reads no clock, not even to measure: that is for its caller to do",
    },
    Ban {
        crates: &[
            "modelpack-spec",
            "modelpack-formats",
            "modelpack-modelfile",
            "modelpack-registry",
        ],
        words: &[
            "File::create",
            "File::open",
            "OpenOptions",
            "fs::",
            "std::fs",
            "std::{fs",
            "tokio::fs",
        ],
        except: &[],
        advice: "this crate never touches the disk: take a reader, a sink or bytes",
    },
    Ban {
        crates: &[
            "modelpack-spec",
            "modelpack-formats",
            "modelpack-modelfile",
            "modelpack-layer",
            "modelpack-store",
        ],
        words: &[
            "TcpListener",
            "TcpStream",
            "UdpSocket",
            "UnixStream",
            "async fn",
            ".await",
        ],
        except: &[],
        advice: "this crate is synchronous and has never heard of the network: that belongs to floor 3 and above",
    },
    Ban {
        crates: &["modelpack-server"],
        words: &[
            "TcpStream::connect",
            "TcpSocket",
            "TlsConnector",
            "ClientConfig",
            "client::conn",
            "hyper::client",
            "hyper_util::client",
            "lookup_host",
        ],
        except: &[],
        advice: "the server makes no outgoing requests",
    },
    Ban {
        crates: &[
            "modelpack-store",
            "modelpack-layer",
            "modelpack-spec",
            "modelpack-formats",
            "modelpack-modelfile",
        ],
        words: &["Command::new", "process::exit", "process::Command"],
        except: &[],
        advice: "this crate starts and ends no process",
    },
];

/// No crate does what its row of the invariants forbids.
pub fn forbidden_code(workspace: &Workspace) -> Vec<Violation> {
    let tests = workspace.test_paths();
    let mut violations = Vec::new();
    for package in workspace
        .packages
        .iter()
        .filter(|package| floor(&package.name).is_some())
    {
        let source_directory = format!("{}/src/", package.directory);
        let bans = BANS.iter().filter(|ban| match ban.crates {
            [] => is_library(&package.name) && !ban.except.contains(&package.name.as_str()),
            crates => crates.contains(&package.name.as_str()),
        });
        let bans: Vec<&Ban> = bans.collect();
        for file in workspace.sources_of(package) {
            let is_program = package
                .targets
                .iter()
                .any(|target| target.kind == "bin" && target.path == file.path);
            if !file.path.starts_with(&source_directory)
                || tests.contains(file.path.as_str())
                || is_program
            {
                continue;
            }
            for (word, advice) in bans
                .iter()
                .flat_map(|ban| ban.words.iter().map(|word| (*word, ban.advice)))
            {
                for line in file.lines_with(word) {
                    violations.push(Violation::new(
                        &file.path,
                        line,
                        format!("{} uses `{word}`", package.name),
                        advice,
                    ));
                }
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests;
