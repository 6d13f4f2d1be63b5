//! Results from a folder that was written before, with no coordinator.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ::safetensors::tensor::TensorView;
use ::safetensors::{Dtype, SafeTensorError, SafeTensors};
use patchsweep_core::results::{CellStatus, GridScores, SweepResults};
use patchsweep_core::{Whole, length};
use serde::Deserialize;

use super::tensors::{TensorError, tensors};
use super::{MANIFEST, SAFETENSORS};

/// Why a folder was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFolderError {
    /// There is no such file, or it cannot be read.
    #[error("cannot read `{}`; a results folder has {MANIFEST} and {SAFETENSORS}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not one of ours.
    #[error("`{}` is no manifest of patchsweep", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The tensors are not in the form of a safetensors file.
    #[error("`{}` is no safetensors file; write the folder again with `patchsweep results`", path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Whole<SafeTensorError>,
    },
    /// A tensor that the manifest promises is not there, or of another type.
    #[error("`{}` has no {dtype:?} tensor `{name}`: manifest and tensors are not of one sweep, or an earlier release wrote them", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: Dtype,
    },
    /// A status has a number that we do not know.
    #[error("`{}` has status {number} in `{name}`, which this release does not know: read it with the one that wrote it", path.display())]
    Status {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The number.
        number: u32,
    },
    /// A number of prompts is none.
    #[error("`{}` has {count} for a number of prompts in `{name}`: the file is damaged; write the folder again with `patchsweep results`", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The number.
        count: i64,
    },
    /// The tensors have other sizes than the manifest says.
    #[error("`{}` does not fit {MANIFEST}", path.display())]
    Unfitting {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TensorError,
    },
}

/// What of the manifest the labels of the tensors are made from.
#[derive(Deserialize)]
struct Manifest {
    sweep: Sweep,
    labels: Labels,
    metrics: Vec<Metric>,
    grids: Vec<Grid>,
    #[serde(default)]
    dataset: Dataset,
}

#[derive(Deserialize)]
#[serde(default)]
struct Dataset {
    /// Missing in folders of earlier releases.
    replicates: u32,
}

impl Default for Dataset {
    fn default() -> Self {
        Self { replicates: 1 }
    }
}

#[derive(Deserialize)]
struct Sweep {
    name: String,
}

#[derive(Deserialize)]
struct Labels {
    iteration: Vec<String>,
    token: Vec<String>,
}

#[derive(Deserialize)]
struct Metric {
    name: String,
}

#[derive(Deserialize)]
struct Grid {
    name: String,
    component: String,
    /// Missing in folders of earlier releases.
    #[serde(default)]
    writes: String,
    axes: Vec<String>,
    coordinates: BTreeMap<String, Coordinates>,
}

/// What the places along an axis are known by.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Coordinates {
    Numbers(Vec<u32>),
    /// Of positions that may be others in each prompt.
    Names(Vec<String>),
}

impl Coordinates {
    fn indices(&self) -> Vec<u32> {
        match self {
            Self::Numbers(numbers) => numbers.clone(),
            Self::Names(names) => (0..length(names.len())).collect(),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Numbers(_) => Vec::new(),
            Self::Names(names) => names.clone(),
        }
    }
}

/// Reads back what [`write_folder`](super::write_folder) wrote.
pub fn read_folder(dir: &Path) -> Result<SweepResults, ReadFolderError> {
    let (manifest_path, path) = (dir.join(MANIFEST), dir.join(SAFETENSORS));
    let file = |path: &Path| {
        let path = path.to_owned();
        |source| ReadFolderError::File { path, source }
    };
    let text = fs::read_to_string(&manifest_path).map_err(file(&manifest_path))?;
    let bytes = fs::read(&path).map_err(file(&path))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|source| ReadFolderError::Manifest { path: manifest_path, source })?;
    let tensors_of = SafeTensors::deserialize(&bytes);
    let file = File {
        tensors: tensors_of.map_err(|error| ReadFolderError::Tensors { path: path.clone(), source: Whole(error) })?,
        path: &path,
    };
    let results = results(&file, manifest, text)?;
    tensors(&results).map_err(|source| ReadFolderError::Unfitting { path: path.clone(), source })?;
    Ok(results)
}

fn results(file: &File<'_>, manifest: Manifest, text: String) -> Result<SweepResults, ReadFolderError> {
    let metrics: Vec<String> = manifest.metrics.into_iter().map(|metric| metric.name).collect();
    let suffix = |metric: usize| if metric == 0 { String::new() } else { format!("@{}", metrics[metric]) };
    let baselines = |kind: &str| -> Result<Vec<Vec<f32>>, ReadFolderError> {
        (0..metrics.len()).map(|metric| file.f32(&format!("{kind}{}", suffix(metric)))).collect()
    };
    let mut grids = Vec::new();
    for metric in 0..metrics.len() {
        for grid in &manifest.grids {
            grids.push(file.grid(grid, metric, &format!("{}{}", grid.name, suffix(metric)))?);
        }
    }
    Ok(SweepResults {
        name: manifest.sweep.name,
        iteration_labels: manifest.labels.iteration,
        token_labels: manifest.labels.token,
        clean: baselines("clean")?,
        corrupted: baselines("corrupted")?,
        baselines: file.baselines()?,
        metrics,
        grids,
        manifest: text,
        replicates: manifest.dataset.replicates,
    })
}

struct File<'a> {
    tensors: SafeTensors<'a>,
    path: &'a Path,
}

impl File<'_> {
    fn grid(&self, grid: &Grid, metric: usize, name: &str) -> Result<GridScores, ReadFolderError> {
        let f32 = |suffix: &str| self.f32(&format!("{name}{suffix}"));
        let optional = |suffix: &str| {
            let is_there = self.tensors.tensor(&format!("{name}{suffix}")).is_ok();
            if is_there { f32(suffix) } else { Ok(Vec::new()) }
        };
        // The first axis is the iteration.
        let axes: Vec<String> = grid.axes.iter().skip(1).cloned().collect();
        let of_axis = |axis: &String| grid.coordinates.get(axis);
        let names: Vec<Vec<String>> =
            axes.iter().map(|axis| of_axis(axis).map(Coordinates::names).unwrap_or_default()).collect();
        let count = self.counts(&format!("{name}.count"))?;
        Ok(GridScores {
            metric,
            grid: grid.name.clone(),
            component: grid.component.clone(),
            writes: grid.writes.clone(),
            indices: axes.iter().map(|axis| of_axis(axis).map(Coordinates::indices).unwrap_or_default()).collect(),
            names: if names.iter().all(Vec::is_empty) { Vec::new() } else { names },
            axes,
            effect: f32("")?,
            value: f32(".value")?,
            normalized: optional(".normalized")?,
            stderr: f32(".stderr")?,
            count,
            status: self.statuses(&format!("{name}.status"))?,
            per_prompt: optional(".prompts")?,
            between: optional(".between")?,
            estimate: optional(".estimate")?,
        })
    }

    /// What became of the baselines; that a mean is not finite is seen by itself.
    fn baselines(&self) -> Result<Vec<CellStatus>, ReadFolderError> {
        let made = |status| if status == CellStatus::NotFinite { CellStatus::Computed } else { status };
        Ok(self.statuses("clean.status")?.into_iter().map(made).collect())
    }

    fn counts(&self, name: &str) -> Result<Vec<u64>, ReadFolderError> {
        let refused = |count| ReadFolderError::Count { path: self.path.to_owned(), name: name.to_owned(), count };
        let numbers = self.values(name, Dtype::I64, i64::from_le_bytes)?.into_iter();
        numbers.map(|count| u32::try_from(count).map(u64::from).map_err(|_| refused(count))).collect()
    }

    fn statuses(&self, name: &str) -> Result<Vec<CellStatus>, ReadFolderError> {
        let unknown = |number| ReadFolderError::Status { path: self.path.to_owned(), name: name.to_owned(), number };
        let numbers = self.values(name, Dtype::U32, u32::from_le_bytes)?.into_iter();
        numbers.map(|number| CellStatus::of_number(number).ok_or_else(|| unknown(number))).collect()
    }

    fn f32(&self, name: &str) -> Result<Vec<f32>, ReadFolderError> {
        self.values(name, Dtype::F32, f32::from_le_bytes)
    }

    fn values<T, const BYTES: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        value: fn([u8; BYTES]) -> T,
    ) -> Result<Vec<T>, ReadFolderError> {
        let missing = || ReadFolderError::Tensor { path: self.path.to_owned(), name: name.to_owned(), dtype };
        let tensor: TensorView<'_> = self.tensors.tensor(name).map_err(|_| missing())?;
        if tensor.dtype() != dtype {
            return Err(missing());
        }
        let (chunks, _) = tensor.data().as_chunks::<BYTES>();
        Ok(chunks.iter().map(|&bytes| value(bytes)).collect())
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::error_chain;

    use super::*;
    use crate::fixtures::{example, manifest_of};
    use crate::{Analysed, Overwrite, write_folder};

    fn written() -> (tempfile::TempDir, SweepResults) {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut results = example();
        results.grids[1].normalized = results.grids[1].effect.clone();
        results.baselines[2] = CellStatus::Pending;
        results.replicates = 3;
        results.manifest = manifest_of(&results);
        write_folder(&Analysed::of(&results).expect("consistent"), dir.path(), Overwrite::Refuse).expect("written");
        (dir, results)
    }

    /// Where the numbers are equal, or none is one.
    fn same(read: &[f32], written: &[f32]) -> bool {
        read.len() == written.len() && read.iter().zip(written).all(|(a, b)| a.to_bits() == b.to_bits())
    }

    #[test]
    fn what_was_written_is_read_back() {
        let (dir, written) = written();
        let read = read_folder(dir.path()).expect("a results folder");
        assert_eq!((&read.name, &read.iteration_labels), (&written.name, &written.iteration_labels));
        assert_eq!((&read.token_labels, &read.metrics), (&written.token_labels, &written.metrics));
        assert_eq!((&read.clean, &read.corrupted), (&written.clean, &written.corrupted));
        assert_eq!((&read.baselines, read.replicates), (&written.baselines, written.replicates));
        assert_eq!(read.grids.len(), written.grids.len());
        for (read, written) in read.grids.iter().zip(&written.grids) {
            assert_eq!((&read.grid, &read.axes, &read.indices), (&written.grid, &written.axes, &written.indices));
            assert_eq!((read.metric, &read.count, &read.status), (written.metric, &written.count, &written.status));
            assert!(same(&read.effect, &written.effect) && same(&read.value, &written.value));
            assert!(same(&read.stderr, &written.stderr) && same(&read.normalized, &written.normalized));
        }
    }

    #[test]
    fn a_folder_without_results_is_refused_by_the_file_that_it_lacks() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let error = error_chain(&read_folder(dir.path()).expect_err("empty"));
        assert!(error.contains("manifest.json`; ") && error.contains("a results folder has"), "{error}");
        fs::write(dir.path().join(MANIFEST), "{}").expect("written");
        let error = read_folder(dir.path()).expect_err("no tensors").to_string();
        assert!(error.contains("scores.safetensors"), "{error}");
    }

    #[test]
    fn files_that_are_not_ours_are_refused() {
        let (dir, _) = written();
        let manifest = fs::read_to_string(dir.path().join(MANIFEST)).expect("there");
        fs::write(dir.path().join(MANIFEST), "{}").expect("written");
        assert!(matches!(read_folder(dir.path()), Err(ReadFolderError::Manifest { .. })));
        fs::write(dir.path().join(MANIFEST), manifest.replace("\"resid_pre\"", "\"other\"")).expect("written");
        let error = read_folder(dir.path()).expect_err("of another sweep").to_string();
        assert!(error.contains("no I64 tensor `other.count`"), "{error}");
        fs::write(dir.path().join(MANIFEST), manifest.replace("\"Iteration 2\"", "\"2\", \"3\"")).expect("written");
        let error = error_chain(&read_folder(dir.path()).expect_err("of other sizes"));
        assert!(error.contains("does not fit manifest.json: tensor `clean` has 3 values"), "{error}");
        fs::write(dir.path().join(MANIFEST), manifest).expect("written");
        let mut tensors = fs::read(dir.path().join(SAFETENSORS)).expect("there");
        let count = 250_i64.to_le_bytes();
        let place = tensors.windows(8).position(|bytes| bytes == count).expect("a count");
        tensors[place..place + 8].copy_from_slice(&(-1_i64).to_le_bytes());
        fs::write(dir.path().join(SAFETENSORS), tensors).expect("written");
        let error = read_folder(dir.path()).expect_err("damaged").to_string();
        assert!(error.contains("has -1 for a number of prompts in `"), "{error}");
        fs::write(dir.path().join(SAFETENSORS), "half").expect("written");
        assert!(matches!(read_folder(dir.path()), Err(ReadFolderError::Tensors { .. })));
    }
}
