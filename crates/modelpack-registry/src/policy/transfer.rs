//! How a blob is divided over connections.

use std::num::NonZeroUsize;

/// How a blob is divided into pieces, and over how many connections.
///
/// Fetching begins with one connection. More are added as long as that makes the whole faster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferPolicy {
    /// Most connections that one blob gets, 8 by default.
    pub connections: NonZeroUsize,
    /// Connections that one blob begins with, 1 by default: on a fast network more only cost.
    pub first_connections: NonZeroUsize,
    /// Smallest piece in bytes that is asked for on its own, 8 MiB by default. A blob that is not larger
    /// is asked for as a whole.
    pub min_piece: u64,
    /// Largest piece in bytes, 64 MiB by default.
    pub max_piece: u64,
}

impl Default for TransferPolicy {
    fn default() -> Self {
        Self {
            connections: const { NonZeroUsize::new(8).expect("eight is not zero") },
            first_connections: NonZeroUsize::MIN,
            min_piece: 8 * 1024 * 1024,
            max_piece: 64 * 1024 * 1024,
        }
    }
}

impl TransferPolicy {
    /// The same policy with another number of connections for one blob.
    #[must_use]
    pub fn with_connections(self, connections: NonZeroUsize) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// The same policy, beginning with another number of connections.
    #[must_use]
    pub fn with_first_connections(self, first_connections: NonZeroUsize) -> Self {
        Self {
            first_connections,
            ..self
        }
    }

    /// The same policy with other sizes of pieces, in bytes; at least 1, and `max` at least `min`.
    #[must_use]
    pub fn with_pieces(self, min: u64, max: u64) -> Self {
        let min = min.max(1);
        Self {
            min_piece: min,
            max_piece: max.max(min),
            ..self
        }
    }
}
