//! What each endpoint does; one file per kind of content.

mod blobs;
mod lists;
mod manifests;
mod uploads;
