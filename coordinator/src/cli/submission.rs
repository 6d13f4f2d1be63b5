//! A spec and the dataset that it names, read from disk: all that is sent to a coordinator.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use patchsweep_core::status::PlanOptions;
use patchsweep_plan::spec::{Source, Spec};
use patchsweep_proto::chunk::MAX_SUBMISSION_BYTES;

use super::CliError;

/// How the work is cut into tiles; the scores do not depend on it.
#[derive(Debug, clap::Args)]
pub(super) struct TileArgs {
    /// Multiply-adds that a tile aims at [default: a 64th of the sweep, but from 5e9 to 1e12, for GPUs from 1e12 to 2e13].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    tile_multiply_adds: Option<u64>,
    /// Most prompts of a tile [default: as many as have 8192 tokens to run, at most 256].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tile_prompts: Option<u32>,
}

impl TileArgs {
    pub(super) fn options(&self) -> PlanOptions {
        PlanOptions { tile_multiply_adds: self.tile_multiply_adds, tile_prompts: self.tile_prompts, for_gpus: false }
    }
}

/// A spec as a coordinator needs it.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) source: Source,
    pub(super) dataset: String,
    /// The spec's folder: names in the spec are relative to it.
    pub(super) folder: PathBuf,
}

impl Submission {
    /// Reads a spec and its dataset; refuses what can be judged without the model.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let source = Source::new(read(path, "give the path of a spec, a TOML file")?);
        let spec = Spec::parse(&source).map_err(|source| CliError::Spec { path: path.to_owned(), source })?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        let dataset = read(&folder.join(spec.dataset_file()), "the spec names it, relative to its own folder")?;
        Ok(Self { source, dataset, folder })
    }

    /// Where this machine looks for the model: the given folders, then the spec's own.
    pub(super) fn model_roots(&self, models: Vec<PathBuf>) -> Vec<PathBuf> {
        let own = if self.folder.as_os_str().is_empty() { PathBuf::from(".") } else { self.folder.clone() };
        models.into_iter().chain([own]).collect()
    }
}

/// Reads a file, but no more of it than can be sent.
///
/// `next`: what to do where there is none.
pub(super) fn read(path: &Path, next: &'static str) -> Result<String, CliError> {
    let failed = |source| CliError::ReadInput { path: path.to_owned(), source, next };
    let most = MAX_SUBMISSION_BYTES as u64;
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_string(&mut text));
    if text.len() as u64 > most {
        let reason = format!("larger than the {most} bytes that can be submitted");
        return Err(CliError::Refused { path: path.to_owned(), reason });
    }
    read.map_err(failed)?;
    Ok(text)
}
