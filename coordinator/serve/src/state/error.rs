//! Why state cannot be used.

use std::io;
use std::path::PathBuf;

use patchsweep_proto::wire::WireError;

use crate::merge::ScoreShapeError;

/// Why state cannot be used. Whatever it is, nothing of it has been changed by the attempt.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder or file cannot be made or opened.
    #[error("cannot open {}; give a folder that this user may write to with --state", .path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{} is in use by another coordinator; stop that one, or give another folder with --state", .path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Something else wrote it.
    #[error("{} is not a coordinator's state; move it away, or give another folder with --state; nothing was changed", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another release wrote it.
    #[error(
        "{} is `{found}`, this release reads `{wanted}`; use the release that wrote it, or move it away to start afresh; nothing was changed",
        .path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: String,
        /// What it would have to be.
        wanted: &'static str,
    },
    /// It is not as it was written.
    #[error("{} is damaged: {record}; restore a backup, or move it away to start afresh; nothing was changed", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        record: String,
        /// What is wrong with it.
        source: Defect,
    },
    /// Reading or writing failed.
    #[error("cannot read or write {}", .path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<redb::Error>,
    },
    /// Somebody still reads a file that has to be opened again after a failed write.
    #[error("{} is still being read and cannot be opened again yet", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The thread that writes cannot be started.
    #[error("cannot start the thread that writes the state")]
    Thread(#[source] io::Error),
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// It, or the key that it is kept under, has changed.
    #[error("its checksum is wrong")]
    Checksum,
    /// It does not say what its schema promises.
    #[error(transparent)]
    Message(#[from] WireError),
    /// It does not fit the sweep that it belongs to.
    #[error(transparent)]
    Scores(#[from] ScoreShapeError),
    /// Its parts do not fit each other, or other records.
    #[error("{0}")]
    Parts(&'static str),
    /// The file's own structure.
    #[error(transparent)]
    File(#[from] Box<redb::Error>),
}
