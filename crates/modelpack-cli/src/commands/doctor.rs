//! `modelpack doctor`.

use std::str::FromStr;

use clap::Args;
use modelpack::doctor::{Finding, Verdict, probe_registry, probe_store, worst};
use modelpack::spec::Host;
use modelpack::{Reference, Store};
use serde::Serialize;

use crate::exit::{DONE, Exit, UNWELL};
use crate::flags::{Global, Network};
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Also ask a registry what it can do: a host, or an artifact in it
    #[arg(value_name = "HOST|REF")]
    pub(crate) whom: Option<Whom>,
    /// Also hash the whole store
    #[arg(long)]
    pub(crate) verify: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Who is asked.
#[derive(Debug, Clone)]
pub(crate) enum Whom {
    Host(Host),
    Reference(Box<Reference>),
}

impl FromStr for Whom {
    type Err = modelpack::spec::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix("oci://").unwrap_or(text);
        if name.contains('/') {
            Ok(Self::Reference(Box::new(text.parse()?)))
        } else {
            Ok(Self::Host(name.parse()?))
        }
    }
}

impl Whom {
    fn host(&self) -> &Host {
        match self {
            Self::Host(host) => host,
            Self::Reference(reference) => &reference.host,
        }
    }

    fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Host(_) => None,
            Self::Reference(reference) => Some(reference),
        }
    }
}

#[derive(Serialize)]
struct Report {
    verdict: Verdict,
    findings: Vec<Finding>,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Doctor) -> anyhow::Result<Exit> {
    let control = progress::control(global);
    let path = settings::storage_directory(global)?;
    let mut probe = probe_store(path.clone()).await?;
    if args.verify && Store::open(&path).is_ok() {
        probe.verified = Some(settings::local(global)?.verify(&control).await?);
    }
    let mut findings = probe.findings();
    let whom = args.whom.as_ref();
    let survey = settings::survey(global, &args.network, whom.map(Whom::host));
    findings.extend(survey.findings);
    if let (Some(client), Some(whom)) = (survey.client, whom) {
        let mut probe = probe_registry(&client, whom.host(), whom.reference(), &control).await?;
        probe.has_login = survey.has_login;
        findings.extend(probe.findings());
    }
    let report = Report {
        verdict: worst(&findings),
        findings,
    };
    let is_quiet = printer.quiet;
    printer.result(&report, |report| text(report, is_quiet))?;
    Ok(if report.verdict == Verdict::Bad {
        UNWELL
    } else {
        DONE
    })
}

/// Findings below what they belong to; in quiet mode only those that are not good.
fn text(report: &Report, is_quiet: bool) -> String {
    let shown = |finding: &&Finding| !is_quiet || finding.verdict != Verdict::Good;
    let findings: Vec<&Finding> = report.findings.iter().filter(shown).collect();
    let width = findings.iter().map(|it| it.check.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut lines = Vec::new();
    let mut area = "";
    for finding in findings {
        if finding.area != area {
            area = &finding.area;
            lines.push(area.to_owned());
        }
        let word = match finding.verdict {
            Verdict::Good => "ok",
            Verdict::Bad => "BAD",
            _ => "note",
        };
        lines.push(format!(
            "  {word:4}  {:width$}  {}",
            finding.check, finding.says
        ));
        if let Some(hint) = &finding.hint {
            lines.push(format!("  {:4}  {:width$}  hint: {hint}", "", ""));
        }
    }
    lines.join("\n")
}
