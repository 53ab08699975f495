//! Decisions without I/O: where requests may go, and when they are repeated.

mod retry;

pub use retry::RetryPolicy;
