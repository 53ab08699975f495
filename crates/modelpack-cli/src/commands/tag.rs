//! `modelpack tag`.

use clap::Args;
use modelpack::Reference;

use crate::exit::{DONE, Exit};
use crate::flags::Global;
use crate::settings;

#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// The artifact
    pub(crate) source: Reference,
    /// Its new name
    pub(crate) target: Reference,
}

pub(crate) async fn run(global: &Global, args: Tag) -> anyhow::Result<Exit> {
    settings::local(global)?
        .tag(&args.source, &args.target)
        .await?;
    Ok(DONE)
}
