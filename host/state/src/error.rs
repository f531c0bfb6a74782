//! Why there is no state, or none for now.

use std::{path::PathBuf, sync::Arc};

/// Why the file could not be opened. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What stands there is not what was written.
    #[error("the state in {} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the store says.
        problem: String,
    },
    /// Another process has it open.
    #[error("the state in {} is in use by another host", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("the state in {} cannot be opened: {problem}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
}

/// The store cannot be read or written for now (a full disk, mostly). Worth trying again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state cannot be {doing}: {problem}")]
pub struct Unavailable {
    /// `read` or `written`.
    pub doing: &'static str,
    /// What the store or the system says.
    pub problem: Arc<str>,
}

impl Unavailable {
    pub(crate) fn read(problem: impl std::fmt::Display) -> Unavailable {
        Unavailable { doing: "read", problem: problem.to_string().into() }
    }

    pub(crate) fn written(problem: impl std::fmt::Display) -> Unavailable {
        Unavailable { doing: "written", problem: problem.to_string().into() }
    }
}
