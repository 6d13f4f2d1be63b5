//! A spec in a folder of its own, and `patchsweep run` over it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Scores, patchsweep, repository};

/// A spec in a temporary folder, beside a link to a model.
#[derive(Debug)]
pub struct Sweep {
    folder: TempDir,
    runs: usize,
}

impl Sweep {
    /// A spec and the dataset file that it names.
    ///
    /// `model`: folder that the spec calls `model`.
    ///
    /// # Panics
    /// When the temporary folder cannot be filled.
    #[must_use]
    pub fn new(model: &Path, spec: &str, dataset_name: &str, dataset: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let model = fs::canonicalize(model).expect("the model's folder is there");
        std::os::unix::fs::symlink(model, folder.path().join("model")).expect("a link");
        fs::write(folder.path().join("spec.toml"), spec).expect("a written spec");
        fs::write(folder.path().join(dataset_name), dataset).expect("a written dataset");
        Self { folder, runs: 0 }
    }

    /// The small random model of one of the reference cases under a spec of the test's own.
    #[must_use]
    pub fn on_reference(case: &str, spec: &str, dataset: &str) -> Self {
        let model = repository().join("tests/reference").join(case).join("model");
        Self::new(&model, spec, "case.json", dataset)
    }

    /// The spec's file.
    #[must_use]
    pub fn spec(&self) -> PathBuf {
        self.folder.path().join("spec.toml")
    }

    /// The folder with spec, dataset and model.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the sweep and gives its results folder.
    ///
    /// # Panics
    /// When the run fails.
    pub fn run(&mut self, args: &[&str]) -> PathBuf {
        self.runs += 1;
        let out = self.folder.path().join(format!("results-{}", self.runs));
        run(&self.spec(), &out, args);
        out
    }

    /// Runs the sweep and opens its scores.
    pub fn scores(&mut self, args: &[&str]) -> Scores {
        Scores::open(&self.run(args).join("scores.npz"))
    }
}

/// `patchsweep run` with one thread per worker, because tests run side by side. It must succeed; gives what it printed.
///
/// # Panics
/// When the run fails.
#[allow(clippy::must_use_candidate, reason = "most tests look at the files, not at what was printed")]
pub fn run(spec: &Path, out: &Path, args: &[&str]) -> String {
    let (spec, out) = (spec.to_str().expect("a plain path"), out.to_str().expect("a plain path"));
    let output = patchsweep(&[&["run", spec, "--out", out, "--threads", "1"], args].concat()).assert().success();
    String::from_utf8(output.get_output().stdout.clone()).expect("text")
}
