//! Decisions without I/O: where requests may go, and when they are repeated.

mod origin;
mod reach;
mod redirect;
mod retry;
mod transfer;

pub(crate) use origin::Origin;
pub(crate) use reach::Reach;
pub(crate) use redirect::{
    Redirects, Refusal, check_reach, continuation, continuation_among, follow,
};
pub use retry::RetryPolicy;
pub(crate) use retry::{Failure, retry_after};
pub use transfer::TransferPolicy;

#[cfg(test)]
mod tests;
