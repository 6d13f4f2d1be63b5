//! Files that get their names only when they are whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::CliError;

/// What content is written to.
pub(super) type Writer<'a> = BufWriter<&'a File>;

/// Writes a new file, or one in the place of another where that may be replaced. What is no file, like a pipe, is written into.
pub(super) fn write(
    path: &Path,
    overwrite: bool,
    content: impl FnOnce(&mut Writer<'_>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let refused = |error: io::Error| refused(path, error);
    let fill = |file: &File| {
        let mut writer = BufWriter::new(file);
        content(&mut writer)?;
        writer.flush().map_err(refused)
    };
    // Behind a link stands what is replaced.
    let there = fs::canonicalize(path).ok().filter(|_| overwrite);
    let target = there.as_deref().unwrap_or(path);
    let before = there.as_ref().and_then(|path| path.metadata().ok());
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        return fill(&OpenOptions::new().write(true).open(target).map_err(refused)?);
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let permissions = before.map_or(Permissions::from_mode(0o666), |before| before.permissions());
    let beside = tempfile::Builder::new().prefix(".patchsweep-").permissions(permissions).tempfile_in(folder);
    let beside = beside.map_err(refused)?;
    fill(beside.as_file())?;
    beside.as_file().sync_all().map_err(refused)?;
    let put = if overwrite { beside.persist(target) } else { beside.persist_noclobber(target) };
    put.map(drop).map_err(|error| refused(error.error))
}

/// Why a file was not written.
pub(super) fn refused(path: &Path, source: io::Error) -> CliError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::AlreadyExists => CliError::Exists { path },
        _ => CliError::WriteOutput { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path, overwrite: bool, text: &str) -> Result<(), CliError> {
        write(path, overwrite, |writer| writer.write_all(text.as_bytes()).map_err(|error| refused(path, error)))
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).expect("a folder").count()
    }

    #[test]
    fn what_is_written_in_part_is_not_there() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("table.csv");
        let broken = |overwrite| {
            write(&path, overwrite, |writer| {
                writer.write_all(&vec![b'x'; 1 << 20]).expect("room");
                Err(refused(&path, io::Error::other("the disk is full")))
            })
        };
        let error: CliError = broken(false).expect_err("half of it");
        assert!(error.to_string().contains("table.csv"), "{error}");
        assert_eq!(names(folder.path()), 0);
        put(&path, false, "old").expect("written");
        broken(true).expect_err("half of it");
        assert_eq!((fs::read_to_string(&path).expect("there"), names(folder.path())), ("old".to_owned(), 1));
    }

    #[test]
    fn only_what_may_be_replaced_is() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (path, link) = (folder.path().join("page.html"), folder.path().join("link.html"));
        put(&path, false, "one").expect("written");
        let plain = File::create(folder.path().join("plain")).expect("made").metadata().expect("it is there");
        assert_eq!(path.metadata().expect("there").permissions(), plain.permissions());
        assert!(matches!(put(&path, false, "two"), Err(CliError::Exists { .. })));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        put(&link, true, "two").expect("replaced");
        assert_eq!(fs::read_to_string(&path).expect("there"), "two");
        assert!(link.is_symlink() && path.metadata().expect("there").permissions().mode() & 0o777 == 0o600);
        assert_eq!(names(folder.path()), 3);
    }

    #[test]
    fn what_is_no_file_is_written_into() {
        put(Path::new("/dev/null"), true, "gone").expect("written");
        let full = put(Path::new("/dev/full"), true, "no room").expect_err("it is full").to_string();
        assert_eq!(full, "cannot write /dev/full");
    }
}
