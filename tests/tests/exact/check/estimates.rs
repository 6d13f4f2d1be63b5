//! A wrong estimate is found by a check that computes it anew, and a right one is not.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_core::check::CheckOf;
use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::scores::TileScores;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_files::locate::ModelFolders;
use patchsweep_plan::spec::Source;
use patchsweep_plan::{Findings, Plan};
use patchsweep_serve::check::{CheckReport, Side, TileWorkers, compare};
use patchsweep_serve::merge::{Merged, TileOutcome, merge};
use patchsweep_serve::server::make_plan;
use patchsweep_tests::repository;
use patchsweep_worker::engine::{Cancel, Engine};
use patchsweep_worker::torch::{Devices, TorchEngine};

/// Grids beside those of the case `estimate`: AtP's correction, the mean on the way, a mean as the new value, and what is verified.
const MORE: &str = r#"
[[grid]]
name = "queries"
component = "q"
axes = ["layer", "pos", "head"]
estimate = "gradient"
recompute_pattern = true

[[grid]]
name = "keys"
component = "k"
axes = ["layer", "pos", "head"]
estimate = "integrated"
steps = 3
recompute_pattern = true

[[grid]]
component = "mlp_post"
axes = ["layer", "neuron"]
estimate = "integrated"
steps = 5

[[grid]]
name = "knocked_out"
component = "pattern"
axes = ["layer", "head", "src_pos"]
ablate = "knockout"
estimate = "gradient"

[[grid]]
name = "knocked_out_at_once"
component = "pattern"
axes = ["layer", "dest_pos"]
src_positions = [0, 2]
ablate = "knockout"
estimate = "gradient"

[[grid]]
name = "averaged"
component = "attn_out"
axes = ["layer", "pos"]
ablate = "mean"
estimate = "gradient"
verify = { top = 3, sample = 2 }
"#;

/// The sweep, and how its tiles are computed.
struct Estimated {
    plan: Plan,
    engine: TorchEngine,
    /// Of the plan's tiles.
    scores: Vec<TileScores>,
    /// A check of many cells, and what its tiles score, whatever is checked.
    check: Option<(Plan, Vec<TileScores>)>,
}

fn id() -> SweepId {
    SweepId("estimate-1".into())
}

/// The case.
fn folder() -> PathBuf {
    repository().join("tests/reference/interventions/estimate")
}

impl Estimated {
    /// Of the case's model, or of another one in a folder of that name.
    fn new(folder_of_model: &Path, metric: &str) -> Self {
        let mut sweep = Self::computed(folder_of_model, metric, "float32");
        let check = sweep.plan.check(CheckOf { sweep: id(), cells: 100_000, seed: 1 });
        assert!(check.tiles.iter().all(Tile::is_plain));
        let plainly = check.tiles.iter().map(|tile| scores(&mut sweep.engine, &check, tile)).collect();
        sweep.check = Some((check, plainly));
        sweep
    }

    /// Without a check.
    fn computed(folder_of_model: &Path, metric: &str, dtype: &str) -> Self {
        let read = |file: &str| fs::read_to_string(folder().join(file)).expect("a file of the case");
        let folders = ModelFolders { roots: vec![folder_of_model.to_owned()], hub_cache: None };
        let spec = read("spec.toml").replace("kind = \"logit_diff\"", metric);
        let spec = spec.replace("path = \"model\"", &format!("path = \"model\"\ndtype = \"{dtype}\""));
        let source = Source::new(spec + MORE);
        let options = PlanOptions { tile_multiply_adds: None, tile_prompts: Some(2), for_gpus: false };
        let plan = make_plan(&folders, &source, &read("tokens.json"), options).expect("a plan");
        let devices = Devices::open("cpu").expect("every machine has one");
        let engine = TorchEngine::new(devices, folders, 1 << 30);
        let mut sweep = Self { plan, engine, scores: Vec::new(), check: None };
        sweep.compute();
        let merged = merged(&sweep.plan, &sweep.scores);
        let metrics = sweep.plan.context.metrics.len();
        let estimates: Vec<&[f32]> =
            merged.grids.iter().step_by(metrics).map(|grid| grid.estimate.as_slice()).collect();
        let findings = Findings { estimates, activity: vec![Vec::new(); sweep.plan.context.grids.len()] };
        sweep.plan = sweep.plan.extended(&findings).expect("few tiles");
        sweep.compute();
        sweep
    }

    /// The tiles that have no scores.
    fn compute(&mut self) {
        for tile in &self.plan.tiles[self.scores.len()..] {
            self.scores.push(scores(&mut self.engine, &self.plan, tile));
        }
    }

    /// What the check says of some scores.
    fn checked(&self, scores: &[TileScores]) -> CheckReport {
        let (check, plainly) = self.check.as_ref().expect("made with the sweep");
        let workers = |plan: &Plan, name: &str| {
            let mut workers = TileWorkers::default();
            plan.tiles.iter().for_each(|tile| workers.add(tile.id, name));
            workers
        };
        let (theirs_by, ours_by) = (workers(&self.plan, "computer"), workers(check, "checker"));
        let (theirs, ours) = (merged(&self.plan, scores), merged(check, plainly));
        let (sweep, check_id) = (id(), SweepId("check-1".into()));
        compare(
            Side { sweep: &sweep, plan: &self.plan, merged: &theirs, workers: &theirs_by },
            Side { sweep: &check_id, plan: check, merged: &ours, workers: &ours_by },
        )
    }

    /// The estimates of a grid under the main metric.
    fn estimates(&self, grid: usize) -> Vec<f32> {
        let merged = merged(&self.plan, &self.scores);
        merged.grids[grid * self.plan.context.metrics.len()].estimate.clone()
    }

    /// The largest of them, by magnitude.
    fn largest(&self, grid: usize) -> f64 {
        self.estimates(grid).iter().fold(0.0, |largest: f64, &estimate| largest.max(f64::from(estimate).abs()))
    }

    /// The scores with one estimate of a grid off by so much under the main metric, over all prompts.
    fn with_a_wrong_one(&self, wrong: u32, by: f64) -> Vec<TileScores> {
        let mut scores = self.scores.clone();
        for (tile, scores) in self.plan.tiles.iter().zip(&mut scores) {
            if tile.iteration == 1 && matches!(tile.work, TileWork::Estimate { grid, .. } if grid == wrong) {
                scores.scores[0].effect.mean += by;
            }
        }
        scores
    }
}

fn scores(engine: &mut TorchEngine, plan: &Plan, tile: &Tile) -> TileScores {
    engine.evaluate(&plan.context, tile, None, &Cancel::new()).expect("the engine computes the tile").scores
}

fn merged(plan: &Plan, scores: &[TileScores]) -> Merged {
    let outcomes = (0..).zip(scores).map(|(tile, scores)| (TileId(tile), TileOutcome::Scores(scores.clone())));
    merge(plan, outcomes.map(Ok::<_, Infallible>)).expect("all tiles")
}

#[test]
fn right_estimates_agree_and_one_that_is_off_by_a_hundredth_of_the_largest_is_found_in_every_grid() {
    let sweep = Estimated::new(&folder(), "kind = \"logit_diff\"");
    what_is_off_is_found(&sweep);
    // Of the grid that is verified effects are checked, too.
    let right = sweep.scores.clone();
    let report = sweep.checked(&right);
    let effects = report.grids.iter().find(|row| row.grid == "averaged").expect("a row of effects");
    assert!(effects.cells >= 2 * 5 && effects.agreed, "{effects:?}");
}

#[test]
fn what_is_off_is_found_of_the_smallest_probabilities_too() {
    let folder = tempfile::tempdir().expect("a folder");
    sharpen(&folder.path().join("model"));
    let sweep = Estimated::new(folder.path(), "kind = \"prob\"");
    let grids = 0..sweep.plan.context.grids.len();
    let largest: Vec<f64> = grids.map(|grid| sweep.largest(grid)).collect();
    assert!(largest.iter().all(|&largest| largest > 0.0 && largest < 1e-5), "{largest:?}");
    what_is_off_is_found(&sweep);
}

/// Float16 knows nothing between 0 and 6e-8, and these gradients are smaller.
#[test]
fn estimates_of_the_smallest_probabilities_are_not_lost_in_float16() {
    let folder = tempfile::tempdir().expect("a folder");
    sharpen(&folder.path().join("model"));
    let [wide, narrow] =
        ["float32", "float16"].map(|dtype| Estimated::computed(folder.path(), "kind = \"prob\"", dtype));
    for (index, grid) in wide.plan.context.grids.iter().enumerate() {
        let (largest, pairs) = (wide.largest(index), wide.estimates(index).into_iter().zip(narrow.estimates(index)));
        let difference = pairs.fold(0.0, |most: f64, (wide, narrow)| most.max(f64::from(wide - narrow).abs()));
        eprintln!("{}: {:.1e} of the largest, {largest:.1e}", grid.name, difference / largest);
        // Logits of about 30 are rounded by some 2^-11 of themselves, which moves a probability by a part of so much.
        assert!(largest < 1e-5 && difference < 0.1 * largest, "{}: {difference} of {largest}", grid.name);
    }
}

/// The case's model with logits that are four times as large: answers are as likely as 1e-7 then.
fn sharpen(model: &Path) {
    const TIMES: f32 = 4.0;
    fs::create_dir(model).expect("a folder");
    fs::copy(folder().join("model/config.json"), model.join("config.json")).expect("a copy");
    let mut file = fs::read(folder().join("model/model.safetensors")).expect("weights");
    let header = usize::try_from(u64::from_le_bytes(file[..8].try_into().expect("a length"))).expect("it fits");
    let tensors: serde_json::Value = serde_json::from_slice(&file[8..8 + header]).expect("a header");
    for (name, tensor) in tensors.as_object().expect("tensors") {
        if name.contains("ln_f.") {
            let offset = |end: usize| tensor["data_offsets"][end].as_u64().and_then(|at| usize::try_from(at).ok());
            let [first, end] = [0, 1].map(|end| 8 + header + offset(end).expect("an offset"));
            for number in file[first..end].chunks_exact_mut(4) {
                let sharper = TIMES * f32::from_le_bytes((&*number).try_into().expect("four bytes"));
                number.copy_from_slice(&sharper.to_le_bytes());
            }
        }
    }
    fs::write(model.join("model.safetensors"), file).expect("written");
}

fn what_is_off_is_found(sweep: &Estimated) {
    let right = sweep.scores.clone();
    let report = sweep.checked(&right);
    assert!(report.agreed, "{report:?}");
    let grids = sweep.plan.context.grids.clone();
    for (index, grid) in (0..).zip(&grids) {
        let name = format!("{}.estimate", grid.name);
        let row = report.grids.iter().find(|row| row.grid == name).expect("a row of estimates");
        let compared = row.cells + row.noops;
        assert_eq!(compared, 2 * u64::from(grid.cell_count().expect("few cells")), "{name}: all in both iterations");
        let (difference, largest) = (row.largest_difference.expect("a number"), sweep.largest(index));
        eprintln!("{name}: {difference:.1e} apart, tolerance {:e}, largest {largest:.1e}", row.tolerance);
        // What is planted is found for what it is, and not because everything is.
        assert!(difference < row.tolerance / 4.0, "{row:?}");

        let wrong = sweep.with_a_wrong_one(length(index), 0.01 * largest);
        let report = sweep.checked(&wrong);
        let worst = report.worst.expect("a worst cell");
        assert!(!report.agreed, "{name}");
        assert_eq!((worst.grid.as_str(), worst.mean.as_str()), (grid.name.as_str(), "estimate"), "{worst:?}");
        assert_eq!((worst.computed_by, worst.checked_by), (vec!["computer".into()], vec!["checker".into()]));
        assert_eq!(report.grids.iter().filter(|row| !row.agreed).count(), 1, "{:?}", report.grids);
    }
}

fn length(index: usize) -> u32 {
    u32::try_from(index).expect("few grids")
}
