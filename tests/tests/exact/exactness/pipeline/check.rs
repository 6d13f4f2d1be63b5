//! A case on its way from a spec to a results folder.

use std::path::Path;

use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::Axis;
use patchsweep_core::results::SweepResults;
use patchsweep_core::status::PlanOptions;
use patchsweep_files::locate::ModelFolders;
use patchsweep_plan::spec::Source;
use patchsweep_proto::v1::Submission;
use patchsweep_reference_evaluator::{BruteForce, Model};
use patchsweep_serve::server::make_plan;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::super::active::active_features;
use super::super::sweep::{SWITCH, write_model_of};
use super::case::Case;
use super::folder::through_folder;
use super::judge::{Found, Judge};
use super::lives::Delivering;
use super::stored::store_as;
use super::written::{written_spec, written_tokens};

/// How sweeps are cut: into tiles of a few cells and prompts.
pub(super) const TILES: PlanOptions =
    PlanOptions { tile_multiply_adds: Some(100_000), tile_prompts: Some(2), for_gpus: false };

/// What was held to brute force; nothing where a feature is too near to going on or off.
pub(super) fn check(case: &Case) -> Result<Option<Found>, String> {
    let folder = write(case);
    let model = Model::load(&folder.path().join("model"));
    let brute_force = |iteration| BruteForce::new(&model, &case.context, iteration).with_dictionaries(folder.path());
    let brute_forces: Vec<BruteForce<'_>> = (0..case.context.iterations.len()).map(brute_force).collect();
    if brute_forces.iter().any(|brute_force| brute_force.nearest_switch() < SWITCH) {
        return Ok(None);
    }
    let results = results_of(case, folder.path())?;
    let context = &of_active_features(&case.context, &brute_forces);
    let rng = ChaCha8Rng::seed_from_u64(case.delivery.seed);
    let mut judge = Judge { context, brute_forces: &brute_forces, results: &results, rng };
    judge.check().map(Some).map_err(|error| format!("{error}\n{}", written_spec(case)))
}

/// A temporary folder with the case's model as `model`, and its dictionaries.
pub(super) fn write(case: &Case) -> TempDir {
    let folder = write_model_of(&case.model, &case.context.grids);
    store_as(case.stored, &folder.path().join("model"), |_, _| {});
    folder
}

/// The same with the features of grids that choose them: those that are active in any run, or all where none is.
fn of_active_features(context: &SweepContext, brute_forces: &[BruteForce<'_>]) -> SweepContext {
    let mut context = context.clone();
    for grid in context.grids.iter_mut().filter(|grid| grid.chooses_features()) {
        let active = active_features(grid, brute_forces);
        if !active.is_empty() {
            *grid = grid.clone().restricted(Axis::Feature, active).expect("features of the grid");
        }
    }
    context
}

/// What is read from the results folder in the end. `root`: the folder with the model.
pub(super) fn results_of(case: &Case, root: &Path) -> Result<SweepResults, String> {
    let (spec, dataset) = (written_spec(case), written_tokens(case));
    let folders = ModelFolders { roots: vec![root.to_owned()], hub_cache: None };
    let plan = make_plan(&folders, &Source::new(spec.clone()), &dataset, TILES);
    let plan = plan.map_err(|error| format!("{error}\n{spec}\n{dataset}"))?;
    // Where positions are counted from the end, the plan has spots of its own.
    if case.context.groups.is_empty() && *plan.context != case.context {
        return Err(format!("{spec}\nis {:#?}\nand not {:#?}", plan.context, case.context));
    }
    let submission = Submission { spec, dataset, options: Some(TILES.into()), ..Submission::default() };
    through_folder(&Delivering::new(root, &case.delivery).results(&submission))
}
