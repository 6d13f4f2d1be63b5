//! The results folder of a finished sweep: tensors, manifest, report; and figures for papers.
//!
//! Everything is made from [`Analysed`] results alone: equal results give equal bytes, and no file says when or
//! where it was written. Nothing half-written ever carries a final name.

#![forbid(unsafe_code)]

mod analysed;
pub mod colour;
mod csv;
pub mod difference;
mod failures;
pub mod figure;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
mod folder;
mod labels;
mod manifest;
mod not_finite;
mod npz;
mod read;
mod report;
mod safetensors;
mod staging;
pub mod statistics;
mod statuses;
mod tensors;
mod text;
mod top;
mod zarr;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use patchsweep_core::{RootCause, Whole};

pub use analysed::Analysed;
pub use failures::Failures;
pub use folder::{FolderError, Overwrite, refuse_folder};
pub use labels::cell_label;
pub use manifest::ManifestError;
pub use not_finite::{NotFinite, NotFiniteCount};
pub use read::{ReadFolderError, read_folder};
pub use report::report_html;
pub use statuses::statuses;
pub use tensors::TensorError;
pub use text::short;
pub use top::{TopCell, top_cells};
pub use zarr::ZarrError;

use staging::Staging;

const NPZ: &str = "scores.npz";
const SAFETENSORS: &str = "scores.safetensors";
const ZARR: &str = "scores.zarr";
const REPORT: &str = "report.html";
const CSV: &str = "scores.csv";
const MANIFEST: &str = "manifest.json";

/// Our files, in the order in which they get their names: a reader that finds a manifest finds the others.
const FILES: [&str; 6] = [NPZ, SAFETENSORS, ZARR, CSV, REPORT, MANIFEST];

/// How a results folder is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// What may happen to a folder that is not empty.
    pub overwrite: Overwrite,
    /// Whether there is a table of all cells as well, for pandas.
    pub csv: bool,
}

impl From<Overwrite> for WriteOptions {
    fn from(overwrite: Overwrite) -> Self {
        Self { overwrite, csv: false }
    }
}

/// Where the files of a results folder are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFiles {
    /// The tensors, for numpy.
    pub npz: PathBuf,
    /// The tensors, for safetensors.
    pub safetensors: PathBuf,
    /// The tensors with their labels, for xarray: a folder.
    pub zarr: PathBuf,
    /// A line for each cell, if it was asked for.
    pub csv: Option<PathBuf>,
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
    /// Writing the numpy archive failed.
    #[error("cannot write {NPZ}")]
    Npz(#[source] RootCause),
    /// Serialising the tensors failed.
    #[error("cannot make {SAFETENSORS}")]
    Safetensors(#[source] Whole<::safetensors::SafeTensorError>),
    /// Making the arrays with labels failed.
    #[error("cannot make {ZARR}")]
    Zarr(#[from] ZarrError),
    /// Writing the table failed.
    #[error("cannot write {CSV}")]
    Csv(#[source] ::csv::Error),
    /// Writing the table of differences failed, of whose file this crate does not know the name.
    #[error("cannot write the table of differences")]
    Differences(#[source] io::Error),
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
pub fn write_folder(
    analysed: &Analysed<'_>,
    dir: &Path,
    options: impl Into<WriteOptions>,
) -> Result<ResultFiles, ResultsError> {
    let options = options.into();
    let results = analysed.results();
    let tensors = tensors::with_statistics(analysed)?;
    let manifest = manifest::pretty(&results.manifest)?;
    let report = report_html(analysed, None);
    let safetensors = safetensors::bytes(&tensors).map_err(|error| ResultsError::Safetensors(Whole(error)))?;

    let staging = Staging::new(dir, options.overwrite)?;
    zarr::write(results, &tensors, |file, content| staging.write_below(ZARR, file, content))?;
    write_with(&staging, NPZ, |writer| {
        npz::write(&tensors, writer).map_err(|error| ResultsError::Npz(RootCause::of(&error)))
    })?;
    if options.csv {
        write_with(&staging, CSV, |writer| csv::write(results, &tensors, writer).map_err(ResultsError::Csv))?;
    }
    for (file, content) in
        [(SAFETENSORS, safetensors.as_slice()), (REPORT, report.as_bytes()), (MANIFEST, manifest.as_bytes())]
    {
        staging.write(file, content).map_err(|source| ResultsError::Write { file, source })?;
    }
    staging.publish(&FILES)?;
    Ok(ResultFiles {
        npz: dir.join(NPZ),
        safetensors: dir.join(SAFETENSORS),
        zarr: dir.join(ZARR),
        csv: options.csv.then(|| dir.join(CSV)),
        report: dir.join(REPORT),
        manifest: dir.join(MANIFEST),
    })
}

/// A file that is written to disk bit by bit, never as a whole in memory.
fn write_with(
    staging: &Staging,
    file: &'static str,
    content: impl FnOnce(&mut BufWriter<&File>) -> Result<(), ResultsError>,
) -> Result<(), ResultsError> {
    let io_error = |source| ResultsError::Write { file, source };
    let created = File::create_new(staging.path(file)).map_err(io_error)?;
    let mut writer = BufWriter::new(&created);
    content(&mut writer)?;
    writer.flush().map_err(io_error)?;
    drop(writer);
    created.sync_all().map_err(io_error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use patchsweep_core::results::SweepResults;

    use super::*;
    use crate::fixtures::example;

    fn write_folder(
        results: &SweepResults,
        dir: &Path,
        options: impl Into<WriteOptions>,
    ) -> Result<ResultFiles, ResultsError> {
        super::write_folder(&Analysed::of(results).expect("consistent"), dir, options)
    }

    fn names(dir: &Path) -> Vec<String> {
        let entry = |entry: io::Result<fs::DirEntry>| entry.expect("entry").file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = fs::read_dir(dir).expect("a folder").map(entry).collect();
        names.sort();
        names
    }

    const OURS: [&str; 5] = ["manifest.json", "report.html", "scores.npz", "scores.safetensors", "scores.zarr"];

    #[test]
    fn a_new_folder_holds_our_files_and_nothing_else() {
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
        for file in [NPZ, SAFETENSORS, REPORT, MANIFEST] {
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
        assert_eq!(names(dir.path()).len(), OURS.len() + 1);
        write_folder(&example(), dir.path(), Overwrite::Replace).expect("written over a folder of ours");
        assert_eq!(names(dir.path()).len(), OURS.len() + 1);
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
        assert!(matches!(error, ResultsError::Folder(FolderError::Publish { .. })));
        assert_eq!(names(dir.path()), ["scores.npz"]);
    }

    #[test]
    fn a_table_is_written_if_asked_for_and_not_left_from_another_sweep() {
        let parent = tempfile::tempdir().expect("temporary folder");
        let dir = parent.path().join("out");
        let asked = WriteOptions { overwrite: Overwrite::Refuse, csv: true };
        let table = write_folder(&example(), &dir, asked).expect("written").csv.expect("asked for");
        assert!(fs::read_to_string(&table).expect("a table").starts_with("grid,"));
        let unasked = write_folder(&example(), &dir, Overwrite::Replace).expect("written");
        assert_eq!((unasked.csv, table.exists()), (None, false));
        assert_eq!(names(&dir), OURS);
    }
}
