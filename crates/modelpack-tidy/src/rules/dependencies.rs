//! What a crate must not pull in, directly or through others.

use crate::roles::floor;
use crate::{Package, Violation, Workspace};

/// Some crates never reach some packages.
struct Ban {
    /// No crates: every crate on a floor.
    crates: &'static [&'static str],
    packages: &'static [&'static str],
    reason: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        crates: &[
            "modelpack-spec",
            "modelpack-formats",
            "modelpack-modelfile",
            "modelpack-layer",
            "modelpack-store",
        ],
        packages: &[
            "async-trait",
            "futures",
            "futures-core",
            "futures-util",
            "h2",
            "http",
            "http-body",
            "http-body-util",
            "httparse",
            "hyper",
            "hyper-rustls",
            "hyper-util",
            "mio",
            "rustls",
            "socket2",
            "tokio",
            "tokio-rustls",
            "tokio-util",
            "tower",
            "ureq",
            "webpki-roots",
        ],
        reason: "the lower floors have never heard of the network or of an async runtime",
    },
    Ban {
        crates: &["modelpack-spec", "modelpack-formats", "modelpack-modelfile"],
        packages: &[
            "chrono", "ignore", "jiff", "memmap2", "rustix", "tempfile", "time", "walkdir",
        ],
        reason: "it works on values and bytes: no file system, no clock",
    },
    Ban {
        crates: &["modelpack-formats"],
        packages: &["oci-spec"],
        reason: "it is useful to programs that have never heard of OCI",
    },
    Ban {
        crates: &["modelpack-registry"],
        packages: &[
            "ignore",
            "memmap2",
            "modelpack-layer",
            "modelpack-store",
            "tempfile",
            "walkdir",
        ],
        reason: "the client does not know the disk: it writes into a sink",
    },
    Ban {
        crates: &["modelpack-server"],
        packages: &["hyper-rustls", "modelpack-registry"],
        reason: "the server makes no outgoing requests",
    },
    Ban {
        crates: &[],
        packages: &[
            "native-tls",
            "oci-client",
            "ocidir",
            "openssl",
            "openssl-sys",
            "reqwest",
        ],
        reason: "this project is the client and the layout, and its TLS is rustls",
    },
];

/// No crate reaches a package that its row of the invariants forbids, on any platform and with any feature.
pub fn forbidden_dependencies(workspace: &Workspace) -> Vec<Violation> {
    let on_a_floor = workspace
        .packages
        .iter()
        .filter(|package| floor(&package.name).is_some());
    on_a_floor
        .flat_map(|package| of_package(workspace, package))
        .collect()
}

fn of_package(workspace: &Workspace, package: &Package) -> Vec<Violation> {
    let name = package.name.as_str();
    let bans = BANS
        .iter()
        .filter(|ban| ban.crates.is_empty() || ban.crates.contains(&name));
    let forbidden = bans.flat_map(|ban| {
        ban.packages
            .iter()
            .map(|forbidden| (*forbidden, ban.reason))
    });
    forbidden
        .filter_map(|(forbidden, reason)| {
            let way = workspace.lockfile.way(workspace, name, forbidden)?;
            let (path, line) = workspace.manifest_line(package, &way[1]);
            let problem = format!("{name} reaches {forbidden} ({})", way.join(" → "));
            Some(Violation::new(
                &path,
                line,
                problem,
                format!("cut that way, because {reason}"),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests;
