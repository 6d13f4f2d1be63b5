//! Results in a folder, and read back.

use patchsweep_core::results::SweepResults;
use patchsweep_results::{Analysed, Overwrite, read_folder, write_folder};
use patchsweep_tests::Scores;

/// Where files need not reach a disk: a folder has many, and each is synced.
const IN_MEMORY: &str = "/dev/shm";

/// What a results folder says that these are written into.
pub(super) fn through_folder(results: &SweepResults) -> Result<SweepResults, String> {
    let parent = tempfile::tempdir_in(IN_MEMORY).or_else(|_| tempfile::tempdir()).expect("a temporary folder");
    let folder = &parent.path().join("results");
    let analysed = Analysed::of(results).map_err(|error| error.to_string())?;
    write_folder(&analysed, folder, Overwrite::Refuse).map_err(|error| error.to_string())?;
    let read = read_folder(folder).map_err(|error| error.to_string())?;
    let mut npz = Scores::open(&folder.join("scores.npz"));
    for scores in &read.grids {
        let name = read.tensor_name(scores);
        for (part, tensor) in [("", &scores.effect), (".value", &scores.value), (".stderr", &scores.stderr)] {
            let other = npz.tensor(&format!("{name}{part}"));
            if !other.iter().zip(tensor).all(|(a, b)| a.to_bits() == b.to_bits()) || other.len() != tensor.len() {
                return Err(format!("{name}{part} differs between scores.npz and scores.safetensors"));
            }
        }
    }
    let facts = |results: &SweepResults| (results.replicates, results.metrics.clone(), results.baselines.clone());
    if facts(&read) != facts(results) {
        return Err(format!("{:?} written, {:?} read", facts(results), facts(&read)));
    }
    Ok(read)
}
