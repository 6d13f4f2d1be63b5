//! The results folder of a finished sweep: tensors, manifest, report; and figures for papers.
//!
//! Everything is made from [`SweepResults`] alone: equal results give equal bytes, and no file says when or
//! where it was written. Nothing half-written ever carries a final name.

pub mod colour;
pub mod difference;
mod failures;
pub mod figure;
mod folder;
mod labels;
mod manifest;
mod npz;
mod read;
mod report;
mod safetensors;
mod staging;
mod tensors;
mod text;
mod top;

#[cfg(test)]
pub(crate) mod example;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use patchsweep_proto::results::SweepResults;

pub use failures::Failures;
pub use folder::{FolderError, Overwrite, check_folder};
pub use labels::cell_label;
pub use manifest::ManifestError;
pub use read::{ReadFolderError, read_folder};
pub use report::{ReportError, report_html};
pub use tensors::TensorError;
pub use top::{TopCell, top_cells};

use staging::Staging;

const NPZ: &str = "scores.npz";
const SAFETENSORS: &str = "scores.safetensors";
const REPORT: &str = "report.html";
const MANIFEST: &str = "manifest.json";

/// Our files, in the order in which they get their names: who finds a manifest finds the others.
const FILES: [&str; 4] = [NPZ, SAFETENSORS, REPORT, MANIFEST];

/// Where the files of a results folder are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFiles {
    /// The tensors, for numpy.
    pub npz: PathBuf,
    /// The tensors, for safetensors.
    pub safetensors: PathBuf,
    /// The page with the heat maps.
    pub report: PathBuf,
    /// What went into the sweep.
    pub manifest: PathBuf,
}

/// Why a results folder was not written.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The folder is not there for us.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The results contradict themselves.
    #[error(transparent)]
    Tensors(#[from] TensorError),
    /// The manifest is no JSON object.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The page could not be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Writing the numpy archive failed.
    #[error("cannot write {NPZ}")]
    Npz(#[source] ndarray_npy::WriteNpzError),
    /// Serialising the tensors failed.
    #[error("cannot make {SAFETENSORS}")]
    Safetensors(#[source] ::safetensors::SafeTensorError),
    /// Writing a file failed.
    #[error("cannot write {file}")]
    Write {
        /// Its name.
        file: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// Writes a finished sweep into `dir`, which is made if it does not exist.
///
/// All files are written and synced under temporary names before the first gets its final one. A new folder
/// appears as a whole; in an existing one file after file is replaced, and what is not ours is left alone.
pub fn write_folder(results: &SweepResults, dir: &Path, overwrite: Overwrite) -> Result<ResultFiles, ResultsError> {
    let tensors = tensors::with_statistics(results)?;
    let manifest = manifest::pretty(&results.manifest)?;
    let report = report::report_html(results, None)?;
    let safetensors = safetensors::bytes(&tensors).map_err(ResultsError::Safetensors)?;

    let staging = Staging::new(dir, overwrite)?;
    write_npz(&tensors, &staging)?;
    for (file, content) in
        [(SAFETENSORS, safetensors.as_slice()), (REPORT, report.as_bytes()), (MANIFEST, manifest.as_bytes())]
    {
        staging.write(file, content).map_err(|source| ResultsError::Write { file, source })?;
    }
    staging.publish(&FILES)?;
    Ok(ResultFiles {
        npz: dir.join(NPZ),
        safetensors: dir.join(SAFETENSORS),
        report: dir.join(REPORT),
        manifest: dir.join(MANIFEST),
    })
}

fn write_npz(tensors: &[tensors::Tensor<'_>], staging: &Staging) -> Result<(), ResultsError> {
    let io_error = |source| ResultsError::Write { file: NPZ, source };
    let file = File::create_new(staging.path(NPZ)).map_err(io_error)?;
    npz::write(tensors, BufWriter::new(&file)).map_err(ResultsError::Npz)?;
    file.sync_all().map_err(io_error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::results::example::example;

    fn names(dir: &Path) -> Vec<String> {
        let entry = |entry: io::Result<fs::DirEntry>| entry.expect("entry").file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = fs::read_dir(dir).expect("a folder").map(entry).collect();
        names.sort();
        names
    }

    const OURS: [&str; 4] = ["manifest.json", "report.html", "scores.npz", "scores.safetensors"];

    #[test]
    fn a_new_folder_holds_the_four_files_and_nothing_else() {
        let parent = tempfile::tempdir().expect("temporary folder");
        let dir = parent.path().join("out");
        let files = write_folder(&example(), &dir, Overwrite::Refuse).expect("written");
        assert_eq!(names(&dir), OURS);
        assert_eq!(names(parent.path()), ["out"]);
        assert_eq!(files.npz, dir.join("scores.npz"));
    }

    #[test]
    fn an_empty_folder_is_filled() {
        let dir = tempfile::tempdir().expect("temporary folder");
        write_folder(&example(), dir.path(), Overwrite::Refuse).expect("written");
        assert_eq!(names(dir.path()), OURS);
    }

    #[test]
    fn equal_results_give_equal_bytes() {
        let parent = tempfile::tempdir().expect("temporary folder");
        let [one, two] = ["one", "two"].map(|name| parent.path().join(name));
        write_folder(&example(), &one, Overwrite::Refuse).expect("written");
        write_folder(&example(), &two, Overwrite::Refuse).expect("written");
        for file in FILES {
            assert!(fs::read(one.join(file)).expect("one") == fs::read(two.join(file)).expect("two"), "{file}");
        }
    }

    #[test]
    fn overwriting_replaces_our_files_and_leaves_others() {
        let dir = tempfile::tempdir().expect("temporary folder");
        fs::write(dir.path().join("notes.txt"), "mine").expect("written");
        fs::write(dir.path().join("manifest.json"), "old").expect("written");
        let refused = write_folder(&example(), dir.path(), Overwrite::Refuse).expect_err("not empty");
        assert!(matches!(refused, ResultsError::Folder(FolderError::NotEmpty { .. })));
        assert_eq!(names(dir.path()), ["manifest.json", "notes.txt"]);

        write_folder(&example(), dir.path(), Overwrite::Replace).expect("written");
        assert_eq!(fs::read_to_string(dir.path().join("notes.txt")).expect("still there"), "mine");
        assert!(fs::read_to_string(dir.path().join("manifest.json")).expect("replaced").starts_with('{'));
        assert_eq!(names(dir.path()).len(), 5);
    }

    #[test]
    fn results_that_cannot_be_written_leave_nothing() {
        let parent = tempfile::tempdir().expect("temporary folder");
        let broken = SweepResults { manifest: "[]".to_owned(), ..example() };
        let error = write_folder(&broken, &parent.path().join("out"), Overwrite::Refuse).expect_err("no object");
        assert_eq!(error.to_string(), "the sweep's manifest is not a JSON object");
        assert!(names(parent.path()).is_empty());
    }

    #[test]
    fn a_failure_while_files_get_their_names_leaves_no_temporary_ones() {
        let dir = tempfile::tempdir().expect("temporary folder");
        // A folder in the place of a file cannot be replaced by a rename.
        fs::create_dir_all(dir.path().join("scores.npz/in the way")).expect("made");
        let error = write_folder(&example(), dir.path(), Overwrite::Replace).expect_err("in the way");
        assert!(matches!(error, ResultsError::Folder(FolderError::Place { .. })));
        assert_eq!(names(dir.path()), ["scores.npz"]);
    }
}
