//! Files become results only when all of them are complete.

use std::fs::{self, File};
use std::io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::folder::{FolderError, Overwrite, PREFIX, Target};

/// Files on their way to a folder. They are deleted when this is dropped unpublished.
#[derive(Debug)]
pub(super) struct Staging<'a> {
    target: Target<'a>,
    temporary: TempDir,
    files: PathBuf,
}

impl<'a> Staging<'a> {
    /// Checks the folder, and makes a temporary one on the same file system.
    pub(super) fn new(dir: &'a Path, overwrite: Overwrite) -> Result<Self, FolderError> {
        let target = Target::find(dir, overwrite)?;
        let temporary = tempfile::Builder::new().prefix(PREFIX).tempdir_in(target.place());
        let temporary = temporary.map_err(|source| target.not_writable(source))?;
        // A temporary folder is closed to others; what it holds gets the permissions that the user wants.
        let files = temporary.path().join("files");
        fs::create_dir(&files).map_err(|source| target.not_writable(source))?;
        Ok(Self { target, temporary, files })
    }

    /// Where a file is until it is published.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.files.join(file)
    }

    /// Writes a file to disk.
    pub(super) fn write(&self, file: &str, content: &[u8]) -> io::Result<()> {
        let mut file = File::create_new(self.path(file))?;
        file.write_all(content)?;
        file.sync_all()
    }

    /// Writes a file below a folder of ours to disk; makes the folders between them.
    pub(super) fn write_below(&self, folder: &str, file: &str, content: &[u8]) -> io::Result<()> {
        let path = self.path(folder).join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = File::create_new(path)?;
        file.write_all(content)?;
        file.sync_all()
    }

    /// Gives the files their final names: a new folder at once, in an existing one file by file, in this order.
    ///
    /// Of `files`, those that were not written vanish from an existing folder: they would be another sweep's.
    pub(super) fn publish(self, files: &[&str]) -> Result<(), FolderError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| FolderError::Publish { path, source }
        };
        match self.target {
            Target::New { dir, parent } => {
                sync_folders(&self.files).map_err(failed(dir))?;
                fs::rename(&self.files, dir).map_err(failed(dir))?;
                sync_folder(parent).map_err(failed(dir))?;
            }
            Target::Existing { dir } => {
                sync_folders(&self.files).map_err(failed(dir))?;
                for file in files {
                    let (staged, path) = (self.path(file), dir.join(file));
                    // A folder is renamed onto an empty folder only, so the old one goes first.
                    if !staged.is_file() && path.symlink_metadata().is_ok() {
                        fs::rename(&path, self.temporary.path().join(file)).map_err(failed(&path))?;
                    }
                    if staged.exists() {
                        fs::rename(&staged, &path).map_err(failed(&path))?;
                    }
                }
                sync_folder(dir).map_err(failed(dir))?;
            }
        }
        // The results are in place; an empty temporary folder that stays is no reason to say otherwise.
        let _ = self.temporary.close();
        Ok(())
    }
}

/// Makes the names in a folder and in those below it durable.
fn sync_folders(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync_folder(dir)
}

/// Makes the names in a folder durable, where the file system can.
fn sync_folder(dir: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(dir).and_then(|folder| folder.sync_all()) {
        // A folder may be open for writing but not for reading.
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported | PermissionDenied) => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary() -> TempDir {
        tempfile::tempdir().expect("temporary folder")
    }

    #[test]
    fn staged_files_that_are_not_published_vanish() {
        let dir = temporary();
        let out = dir.path().join("out");
        let staging = Staging::new(&out, Overwrite::Refuse).expect("staged");
        staging.write("scores.npz", b"half").expect("written");
        drop(staging);
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn a_folder_filled_by_somebody_else_in_the_meantime_is_not_replaced() {
        let dir = temporary();
        let out = dir.path().join("out");
        let staging = Staging::new(&out, Overwrite::Refuse).expect("staged");
        staging.write("scores.npz", b"ours").expect("written");
        fs::create_dir(&out).expect("made");
        fs::write(out.join("scores.npz"), "theirs").expect("written");
        assert!(matches!(staging.publish(&["scores.npz"]), Err(FolderError::Publish { .. })));
        assert_eq!(fs::read(out.join("scores.npz")).expect("kept"), b"theirs");
    }

    #[test]
    fn a_folder_takes_the_place_of_an_older_one_as_a_whole() {
        let dir = temporary();
        for (name, overwrite) in [("old", Overwrite::Refuse), ("new", Overwrite::Replace)] {
            let staging = Staging::new(dir.path(), overwrite).expect("staged");
            staging.write_below("scores.zarr", &format!("{name}/c/0"), name.as_bytes()).expect("written");
            staging.write_below("scores.zarr", "zarr.json", name.as_bytes()).expect("written");
            staging.publish(&["scores.zarr"]).expect("published");
        }
        let store = dir.path().join("scores.zarr");
        assert_eq!(fs::read(store.join("zarr.json")).expect("a file"), b"new");
        assert_eq!(fs::read(store.join("new/c/0")).expect("a file below folders"), b"new");
        assert!(!store.join("old").exists(), "nothing of the older one is left");
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1, "nor beside the new one");
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_is_replaced() {
        let dir = temporary();
        fs::write(dir.path().join("scores.zarr"), "a file").expect("written");
        let staging = Staging::new(dir.path(), Overwrite::Replace).expect("staged");
        staging.write_below("scores.zarr", "zarr.json", b"{}").expect("written");
        staging.publish(&["scores.zarr"]).expect("published");
        assert_eq!(fs::read(dir.path().join("scores.zarr/zarr.json")).expect("a file"), b"{}");
    }

    #[test]
    fn a_file_of_ours_that_was_not_written_again_vanishes() {
        let dir = temporary();
        for (file, overwrite) in [("scores.csv", Overwrite::Refuse), ("scores.npz", Overwrite::Replace)] {
            let staging = Staging::new(dir.path(), overwrite).expect("staged");
            staging.write(file, b"scores").expect("written");
            staging.publish(&["scores.npz", "scores.csv"]).expect("published");
            assert!(dir.path().join(file).exists());
        }
        assert!(!dir.path().join("scores.csv").exists());
    }
}
