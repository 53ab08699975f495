//! `modelpack ls`.

use clap::Args;
use modelpack::{ListEntry, NamePattern, Reference};
use serde::Serialize;

use crate::exit::{DONE, Exit};
use crate::flags::{Global, Network};
use crate::modctl::Persona;
use crate::printer::{Printer, table};
use crate::{progress, settings, units};

#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Only names that match, such as `qwen*` or `*:0.6b`; `*` stands for any text, also with `/`
    #[arg(value_name = "PATTERN", conflicts_with = "partial")]
    pub(crate) pattern: Option<String>,
    /// List the tags of this repository in its registry
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) remote: Option<Reference>,
    /// List downloads that are not finished
    #[arg(long, conflicts_with = "remote")]
    pub(crate) partial: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Ls) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let pattern = args.pattern.as_deref().map(NamePattern::new);
    if let Some(repository) = &args.remote {
        let mut list = toolkit
            .list_remote(repository, &progress::control(global))
            .await?;
        list.tags
            .retain(|tag| pattern.as_ref().is_none_or(|it| it.matches_text(tag)));
        printer.result(&list, |list| list.tags.join("\n"))?;
        return Ok(DONE);
    }
    if args.partial {
        return partials(&toolkit, printer);
    }
    let mut entries = toolkit.list().await?;
    entries.retain(|entry| {
        pattern
            .as_ref()
            .is_none_or(|it| it.matches(&entry.reference))
    });
    let (is_quiet, persona) = (printer.quiet, printer.persona);
    printer.result(&entries, |entries| {
        if is_quiet {
            names(entries)
        } else {
            rows(entries, persona)
        }
    })?;
    Ok(DONE)
}

fn names(entries: &[ListEntry]) -> String {
    entries
        .iter()
        .map(|entry| entry.reference.to_string())
        .collect::<Vec<_>>()
        .join("\n")
}

fn rows(entries: &[ListEntry], persona: Persona) -> String {
    let now = jiff::Timestamp::now();
    let mut rows = vec![
        ["REPOSITORY", "TAG", "DIGEST", "CREATED", "SIZE"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for entry in entries {
        let created = entry
            .created_at
            .as_ref()
            .and_then(|time| time.as_str().parse::<jiff::Timestamp>().ok())
            .map_or_else(
                || persona.no_time().to_owned(),
                |time| units::ago(now.as_second() - time.as_second()),
            );
        let size = if entry.damage.is_some() {
            "damaged".to_owned()
        } else {
            persona.size(entry.size)
        };
        let tag = entry
            .reference
            .tag
            .as_ref()
            .map_or_else(|| "-".to_owned(), ToString::to_string);
        let mut row = vec![
            entry.reference.name(),
            tag,
            entry.digest.to_string(),
            created,
            size,
        ];
        // The columns stay those that scripts know; `modctl` knows no index.
        if let (Some(variants), Persona::Own) = (&entry.variants, persona) {
            let here = variants.iter().filter(|entry| entry.is_here == Some(true));
            row.push(format!(
                "index, {} of {} variants here",
                here.count(),
                variants.len()
            ));
        }
        rows.push(row);
    }
    table(&rows)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartialRow {
    digest: String,
    size: u64,
    done: u64,
    wanted_by: Vec<String>,
}

fn partials(toolkit: &modelpack::Toolkit, printer: &Printer) -> anyhow::Result<Exit> {
    let found = toolkit.store().partials().map_err(modelpack::Error::from)?;
    let rows: Vec<_> = found
        .into_iter()
        .map(|partial| PartialRow {
            digest: partial.digest.to_string(),
            size: partial.size,
            done: partial.done.len(),
            wanted_by: partial.wanted_by,
        })
        .collect();
    printer.result(&rows, |rows| {
        let mut lines = vec![
            ["DIGEST", "DONE", "SIZE", "WANTED BY"]
                .map(str::to_owned)
                .to_vec(),
        ];
        lines.extend(rows.iter().map(|row| {
            vec![
                row.digest.clone(),
                units::bytes(row.done),
                units::bytes(row.size),
                row.wanted_by.join(", "),
            ]
        }));
        table(&lines)
    })?;
    Ok(DONE)
}
