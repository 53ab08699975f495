//! Cases of the disk storage that the HTTP tests cannot reach.
