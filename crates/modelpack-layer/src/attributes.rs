//! Mode, owner and time of a file in a layer.

use std::time::{Duration, SystemTime};

/// Mode, owner and time of a file.
///
/// The default is what reproducible layers have: mode 0644, owner 0, the time 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileAttributes {
    /// Permission bits. Only the nine `rwxrwxrwx` bits are ever used; set-id and sticky bits are dropped.
    pub mode: u32,
    /// Owner, written into archives and never restored.
    pub uid: u32,
    /// Group, written into archives and never restored.
    pub gid: u32,
    /// Seconds since 1970; restored when it is not zero.
    pub mtime: u64,
}

impl FileAttributes {
    /// The default with this mode.
    #[must_use]
    pub fn with_mode(mode: u32) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }

    /// The mode that a file gets on disk: readable by its owner, writable by nobody else, and
    /// without set-id or sticky bits, whatever the artifact says.
    #[must_use]
    pub fn safe_mode(&self) -> u32 {
        (self.mode & 0o755) | 0o400
    }

    pub(crate) fn modified(&self) -> Option<SystemTime> {
        (self.mtime != 0)
            .then(|| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.mtime)))
            .flatten()
    }
}

impl Default for FileAttributes {
    fn default() -> Self {
        Self {
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
        }
    }
}
