//! What a `run` has computed, beside its results folder, until the results are written: an interrupted run goes on from
//! there.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use patchsweep_process::talk;
use patchsweep_serve::state::{Recovered, StateError, Store};

use super::CliError;

/// The folder with what is computed, while there is one.
#[derive(Debug)]
pub(super) struct Unfinished {
    /// `None`: in memory only.
    folder: Option<PathBuf>,
    store: Store,
    /// The command throws away what it finds.
    anew: bool,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// All scores are in the results folder.
    Whole,
    /// What there is is in the results folder; some tiles failed, or those of the check did.
    Partial,
    /// Nothing is written.
    Nothing,
}

impl Unfinished {
    /// Opens what an earlier run into the same results folder left behind, or begins; `anew` throws that away first. Where
    /// nothing can be kept, a run still runs.
    pub(super) fn open(out: &Path, anew: bool) -> Result<(Self, Store, Recovered), CliError> {
        let Some(folder) = beside(out) else { return Ok(Self::in_memory()?) };
        if anew {
            remove(&folder).map_err(|source| CliError::WriteOutput { path: folder.clone(), source })?;
        }
        match Store::open(&folder) {
            Ok((store, recovered)) => Ok((Self { folder: Some(folder), store: store.clone(), anew }, store, recovered)),
            Err(StateError::Locked { .. }) => Err(CliError::AnotherRun { out: out.to_owned() }),
            Err(error @ (StateError::Unusable { .. } | StateError::Storage { .. })) => {
                // Its next step is one for coordinators.
                let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                talk!("warning: cannot use {}, so nothing is kept if this run is ended: {cause}", folder.display());
                Ok(Self::in_memory()?)
            }
            Err(source) => Err(CliError::Unfinished { folder, source: Box::new(source) }),
        }
    }

    fn in_memory() -> Result<(Self, Store, Recovered), StateError> {
        let (store, recovered) = Store::in_memory()?;
        Ok((Self { folder: None, store: store.clone(), anew: false }, store, recovered))
    }

    /// Throws away what is written elsewhere, and what is worth nothing; else says where it is kept. The coordinator that
    /// wrote it must have ended.
    pub(super) fn close(self, reached: Reached) {
        let Some(folder) = self.folder else { return };
        let is_kept = reached != Reached::Whole && has_scores(&self.store).unwrap_or(true);
        drop(self.store);
        if is_kept {
            let with = goes_on_with(reached, self.anew);
            talk!("what is computed is kept in {}: the same command{with} goes on from there", folder.display());
        } else if let Err(error) = remove(&folder) {
            talk!("warning: cannot remove {}: {error}", folder.display());
        }
    }
}

/// How the command has to differ to find what is kept.
fn goes_on_with(reached: Reached, anew: bool) -> &'static str {
    match (reached, anew) {
        (Reached::Partial, false) => " with --overwrite",
        (Reached::Partial, true) => " with --overwrite and without --new",
        (_, true) => " without --new",
        (_, false) => "",
    }
}

/// `DIR.state` for the results folder `DIR`; a folder without a name has nothing beside it.
fn beside(out: &Path) -> Option<PathBuf> {
    let out = std::path::absolute(out).ok()?;
    let mut name = OsString::from(out.file_name()?);
    name.push(".state");
    Some(out.with_file_name(name))
}

/// Its file, and the folder if nothing else is in it.
fn remove(folder: &Path) -> io::Result<()> {
    let file = fs::remove_file(Store::file(folder));
    let removed = file.and_then(|()| match fs::remove_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => removed,
    });
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// What ends the search.
enum Found {
    Scores,
    Error(StateError),
}

impl From<StateError> for Found {
    fn from(error: StateError) -> Self {
        Self::Error(error)
    }
}

fn has_scores(store: &Store) -> Result<bool, StateError> {
    for sweep in store.sweeps()? {
        match store.for_each_result(&sweep, |_, _| Err(Found::Scores)) {
            Ok(()) => {}
            Err(Found::Scores) => return Ok(true),
            Err(Found::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_beside_the_results() {
        assert_eq!(beside(Path::new("/a/results")), Some("/a/results.state".into()));
        assert_eq!(beside(Path::new("/a/results/.")), Some("/a/results.state".into()));
        assert_eq!(beside(Path::new("/a/v1.5")), Some("/a/v1.5.state".into()));
        assert!(beside(Path::new("results")).is_some_and(|folder| folder.is_absolute()));
        assert_eq!(beside(Path::new("/")), None);
    }

    #[test]
    fn the_command_that_goes_on_neither_begins_anew_nor_is_refused() {
        let of = |anew| [Reached::Nothing, Reached::Partial].map(|reached| goes_on_with(reached, anew));
        assert_eq!(of(false), ["", " with --overwrite"]);
        assert_eq!(of(true), [" without --new", " with --overwrite and without --new"]);
    }

    #[test]
    fn what_is_worth_nothing_leaves_nothing_behind_and_other_files_stay() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("out");
        for anew in [false, true] {
            let (unfinished, store, _) = Unfinished::open(&out, anew).expect("a folder");
            assert!(matches!(Unfinished::open(&out, false), Err(CliError::AnotherRun { .. })));
            drop(store);
            unfinished.close(Reached::Nothing);
            assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
        }
        let (unfinished, store, _) = Unfinished::open(&out, false).expect("a folder");
        let notes = folder.path().join("out.state/notes");
        fs::write(&notes, "mine").expect("a file");
        drop(store);
        unfinished.close(Reached::Whole);
        assert!(notes.is_file() && !Store::file(&folder.path().join("out.state")).exists());
    }

    #[test]
    fn where_nothing_can_be_kept_a_run_still_runs() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("out.state"), "a file").expect("a file");
        let (unfinished, ..) = Unfinished::open(&folder.path().join("out"), false).expect("in memory");
        assert_eq!(unfinished.folder, None);
    }
}
