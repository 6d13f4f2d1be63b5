//! Results from a folder that was written before, with no coordinator.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ::safetensors::tensor::TensorView;
use ::safetensors::{Dtype, SafeTensorError, SafeTensors};
use patchsweep_core::results::{Baseline, CellStatus, GridScores, SweepResults};
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
    dataset: Dataset,
}

#[derive(Deserialize)]
struct Dataset {
    replicates: u32,
    /// Of each prompt; null where there are none.
    lines: Option<Vec<u32>>,
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
    let runs = |kind: &str| -> Result<Vec<Baseline>, ReadFolderError> {
        (0..metrics.len()).map(|metric| file.run(&format!("{kind}{}", suffix(metric)))).collect()
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
        lines: manifest.dataset.lines.unwrap_or_default(),
        clean: runs("clean")?,
        corrupted: runs("corrupted")?,
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
        let optional = |suffix: &str| self.optional(&format!("{name}{suffix}"));
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

    /// The clean or the corrupted run under one metric.
    fn run(&self, name: &str) -> Result<Baseline, ReadFolderError> {
        Ok(Baseline {
            mean: self.f32(name)?,
            stderr: self.f32(&format!("{name}.stderr"))?,
            per_prompt: self.optional(&format!("{name}.prompts"))?,
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

    /// Empty where there is no such tensor.
    fn optional(&self, name: &str) -> Result<Vec<f32>, ReadFolderError> {
        if self.tensors.tensor(name).is_ok() { self.f32(name) } else { Ok(Vec::new()) }
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

    /// A folder with everything that results may have.
    fn written() -> (tempfile::TempDir, SweepResults) {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut results = example();
        for resid in results.grids.iter_mut().filter(|grid| grid.grid == "resid_pre") {
            resid.writes = "in windows of 3 layers".to_owned();
            resid.names = vec![Vec::new(), (0..8).map(|place| format!("subject+{place}")).collect()];
            (resid.between, resid.estimate) = (resid.stderr.clone(), resid.effect.clone());
        }
        let z = &mut results.grids[1];
        (z.normalized, z.per_prompt) = (z.effect.clone(), z.effect.repeat(2));
        z.per_prompt[7] = f32::from_bits(0x7fc0_0001);
        results.baselines[2] = CellStatus::Pending;
        results.clean[1].mean[0] = f32::NAN;
        results.corrupted[0].per_prompt = results.corrupted[0].mean.repeat(2);
        (results.replicates, results.lines) = (4, vec![7, 2]);
        results.manifest = manifest_of(&results);
        write_folder(&Analysed::of(&results).expect("consistent"), dir.path(), Overwrite::Refuse).expect("written");
        (dir, results)
    }

    /// All of the results, numbers by their bits: NaN equals nothing.
    fn by_bits(mut results: SweepResults) -> (SweepResults, Vec<Vec<u32>>) {
        let mut tensors: Vec<Vec<f32>> = Vec::new();
        for grid in &mut results.grids {
            let GridScores { effect, value, normalized, stderr, per_prompt, between, estimate, .. } = grid;
            tensors.extend([effect, value, normalized, stderr, per_prompt, between, estimate].map(std::mem::take));
        }
        for Baseline { mean, stderr, per_prompt } in results.clean.iter_mut().chain(&mut results.corrupted) {
            tensors.extend([mean, stderr, per_prompt].map(std::mem::take));
        }
        // Its form is the folder's.
        let manifest: serde_json::Value = serde_json::from_str(&results.manifest).expect("JSON");
        results.manifest = manifest.to_string();
        (results, tensors.iter().map(|tensor| tensor.iter().map(|number| number.to_bits()).collect()).collect())
    }

    #[test]
    fn what_was_written_is_read_back() {
        let (dir, written) = written();
        let read = read_folder(dir.path()).expect("a results folder");
        assert_eq!(by_bits(read), by_bits(written));
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
