//! `modelpack tag`.

use crate::cli::{Global, Tag};
use crate::exit::{DONE, Exit};
use crate::settings;

pub(crate) async fn run(global: &Global, args: Tag) -> anyhow::Result<Exit> {
    settings::local(global)?
        .tag(&args.source, &args.target)
        .await?;
    Ok(DONE)
}
