//! Servers on loopback ports, each a process of its own that ends with its handle.

mod faulty;
mod nginx;

pub use faulty::{FaultyServer, Synthetic};
pub use nginx::Nginx;
