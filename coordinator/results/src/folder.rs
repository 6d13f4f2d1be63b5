//! The folder that results go to, and what it must be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Temporary folders carry this, so that one left by a killed process does not count as content.
pub(super) const PREFIX: &str = ".patchsweep-";

/// What to do with a folder that is not empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// Refuse it.
    #[default]
    Refuse,
    /// Replace our files in it, and leave all others.
    Replace,
}

/// Why a folder cannot take results.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It may hold somebody's results.
    #[error("`{}` is not empty: choose another folder, or replace the results in it with `--overwrite`", dir.display())]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
    },
    /// A file or a broken link has its name.
    #[error("`{}` exists and is not a folder", dir.display())]
    NotAFolder {
        /// The name.
        dir: PathBuf,
    },
    /// Only the last folder of a path is made, so that a typing error does not make a tree.
    #[error("`{}` cannot be made, because `{}` is not a folder: make that one first", dir.display(), parent.display())]
    NoParent {
        /// The folder.
        dir: PathBuf,
        /// Where it would be.
        parent: PathBuf,
    },
    /// Nothing can be written there.
    #[error("cannot write into `{}`", dir.display())]
    NotWritable {
        /// The folder, or the one that it would be made in.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Files are complete, but did not get their final name.
    #[error("cannot put results at `{}`", path.display())]
    Publish {
        /// The final name.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Finds out whether [`write_folder`](super::write_folder) would take a folder, without leaving a trace: for before
/// a sweep starts.
pub fn refuse_folder(dir: &Path, overwrite: Overwrite) -> Result<(), FolderError> {
    Target::find(dir, overwrite).and_then(|target| target.probe())
}

/// The folder that results go to.
#[derive(Debug)]
pub(super) enum Target<'a> {
    /// To be made in its parent.
    New {
        /// Itself.
        dir: &'a Path,
        /// Where it will be.
        parent: &'a Path,
    },
    /// There already.
    Existing {
        /// Itself.
        dir: &'a Path,
    },
}

impl<'a> Target<'a> {
    /// Looks at the folder, and refuses what cannot take results.
    pub(super) fn find(dir: &'a Path, overwrite: Overwrite) -> Result<Self, FolderError> {
        if dir.is_dir() {
            let full = overwrite == Overwrite::Refuse
                && has_content(dir).map_err(|source| FolderError::NotWritable { dir: dir.to_owned(), source })?;
            return if full { Err(FolderError::NotEmpty { dir: dir.to_owned() }) } else { Ok(Self::Existing { dir }) };
        }
        // Not following links: a broken one is in the way as well.
        if dir.symlink_metadata().is_ok() {
            return Err(FolderError::NotAFolder { dir: dir.to_owned() });
        }
        let parent = match dir.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => dir,
        };
        if !parent.is_dir() {
            return Err(FolderError::NoParent { dir: dir.to_owned(), parent: parent.to_owned() });
        }
        Ok(Self::New { dir, parent })
    }

    /// The folder that temporary files go to. An existing folder takes them itself: it may be a mounted volume, onto
    /// which nothing can be renamed from outside, in a parent that is not ours to write.
    pub(super) fn place(&self) -> &'a Path {
        match self {
            Self::New { parent, .. } => parent,
            Self::Existing { dir } => dir,
        }
    }

    /// Why the temporary folder could not be made or filled.
    pub(super) fn not_writable(&self, source: io::Error) -> FolderError {
        FolderError::NotWritable { dir: self.place().to_owned(), source }
    }

    fn probe(&self) -> Result<(), FolderError> {
        tempfile::tempfile_in(self.place()).map(drop).map_err(|source| self.not_writable(source))
    }
}

fn has_content(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        if !entry?.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary() -> tempfile::TempDir {
        tempfile::tempdir().expect("temporary folder")
    }

    #[test]
    fn a_folder_with_content_needs_overwrite() {
        let dir = temporary();
        refuse_folder(dir.path(), Overwrite::Refuse).expect("empty");
        fs::write(dir.path().join("thesis.tex"), "").expect("written");
        let error = refuse_folder(dir.path(), Overwrite::Refuse).expect_err("not empty").to_string();
        assert!(error.contains(&dir.path().display().to_string()) && error.contains("`--overwrite`"), "{error}");
        refuse_folder(dir.path(), Overwrite::Replace).expect("allowed");
    }

    #[test]
    fn what_a_killed_process_left_is_no_content() {
        let dir = temporary();
        fs::create_dir(dir.path().join(".patchsweep-x1")).expect("made");
        refuse_folder(dir.path(), Overwrite::Refuse).expect("as good as empty");
    }

    #[test]
    fn a_missing_parent_is_refused() {
        let dir = temporary();
        let error = refuse_folder(&dir.path().join("a/b"), Overwrite::Replace).expect_err("no parent");
        assert!(matches!(error, FolderError::NoParent { parent, .. } if parent == dir.path().join("a")));
        assert!(matches!(refuse_folder(Path::new(""), Overwrite::Refuse), Err(FolderError::NoParent { .. })));
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let dir = temporary();
        let file = dir.path().join("out");
        fs::write(&file, "").expect("written");
        assert!(matches!(refuse_folder(&file, Overwrite::Replace), Err(FolderError::NotAFolder { .. })));
        assert!(matches!(refuse_folder(&file.join("in"), Overwrite::Replace), Err(FolderError::NoParent { .. })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_parent_that_takes_no_files_is_refused() {
        // Not even an administrator can make files there.
        let error = refuse_folder(Path::new("/proc/out"), Overwrite::Refuse).expect_err("not writable");
        assert!(matches!(error, FolderError::NotWritable { dir, .. } if dir == Path::new("/proc")));
    }

    #[cfg(unix)]
    #[test]
    fn a_broken_link_is_refused_and_a_good_one_followed() {
        let dir = temporary();
        let link = dir.path().join("out");
        std::os::unix::fs::symlink(dir.path().join("target"), &link).expect("linked");
        assert!(matches!(refuse_folder(&link, Overwrite::Refuse), Err(FolderError::NotAFolder { .. })));
        fs::create_dir(dir.path().join("target")).expect("made");
        refuse_folder(&link, Overwrite::Refuse).expect("an empty folder");
    }

    #[test]
    fn checking_leaves_no_trace() {
        let dir = temporary();
        refuse_folder(&dir.path().join("out"), Overwrite::Refuse).expect("can be made");
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
    }
}
