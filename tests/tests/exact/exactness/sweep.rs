//! What must hold of one case.

use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::grid::{Cell, Grid};
use patchsweep_core::moments::Moments;
use patchsweep_core::part::Part;
use patchsweep_core::scores::CellScore;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::Tile;
use patchsweep_plan::cut;
use patchsweep_reference_evaluator::{BruteForce, Model};
use tempfile::TempDir;

use super::compare::{Expected, tolerance};
use super::dictionaries;
use super::engine::{Scored, TiledEngine};
use super::model::ModelDraw;
use super::scenario::{Cut, Scenario};

/// Brute force's own rounding, in float64.
const EXACTLY_NOTHING: f64 = 1e-9;

/// A smaller effect than this does not show in float32.
const SOMETHING: f64 = 1e-6;

/// Numbers this near to one at which a feature goes on or off may be on its other side in float32: they are sums of some dozen
/// products of about 1.
pub(crate) const SWITCH: f64 = 2e-5;

/// How many patches of one prompt did what, under any metric.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Effects {
    /// Cannot change the score.
    pub(crate) noop: u32,
    /// Can change the score.
    pub(crate) live: u32,
    /// Do change it.
    pub(crate) moved: u32,
    /// Iterations in which a feature is so near to going on or off that float32 may see it otherwise.
    pub(crate) undecided: u32,
}

impl Effects {
    pub(crate) fn add(&mut self, other: Self) {
        self.noop += other.noop;
        self.live += other.live;
        self.moved += other.moved;
        self.undecided += other.undecided;
    }
}

/// A temporary folder with the case's model as `model`, and its dictionaries.
pub(crate) fn write_model(scenario: &Scenario) -> TempDir {
    write_model_of(&scenario.model, &scenario.context.grids)
}

/// The same of a sweep's grids.
pub(crate) fn write_model_of(model: &ModelDraw, grids: &[Grid]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    model.write(&folder.path().join("model"));
    for dictionary in grids.iter().filter_map(Grid::dictionary) {
        dictionaries::write(dictionary, folder.path());
    }
    folder
}

/// All iterations of a context.
fn iterations(context: &SweepContext) -> impl Iterator<Item = u32> + use<> {
    (0..).take(context.iterations.len())
}

/// Holds the engine's scores of a whole case to brute force.
pub(crate) fn check(scenario: &Scenario) -> Result<Effects, String> {
    let context = &scenario.context;
    let folder = write_model(scenario);
    let model = Model::load(&folder.path().join("model"));
    let mut engine = TiledEngine::new(folder.path(), context, &scenario.cut);
    let mut effects = Effects::default();
    for iteration in iterations(context) {
        let brute_force = BruteForce::new(&model, context, iteration as usize).with_dictionaries(folder.path());
        if brute_force.nearest_switch() < SWITCH {
            effects.undecided += 1;
            continue;
        }
        let unpatched = brute_force.unpatched();
        let runs = [brute_force.clean(), brute_force.corrupted()];
        for (run, Scored { scores, by_prompt: kept }) in runs.iter().zip(engine.baselines(iteration)) {
            let at = |error| format!("baseline: {error}");
            check_cell(context, run, &unpatched, &scores).map_err(at)?;
            check_metrics(run, &kept, &scores).map_err(at)?;
        }
        for (grid, index) in context.grids.iter().zip(0..) {
            let plain = engine.plain_grid(iteration, index);
            let scored = engine.grid(iteration, index).into_iter().zip(plain);
            for (place, (Scored { scores, by_prompt: kept }, plain)) in (0..).zip(scored) {
                let cell = grid.cell(place);
                let patched = brute_force.patched(&cell);
                let still = brute_force.features_stay_off(&cell);
                let noops: Vec<bool> = noops(context, iteration, (place, &cell))
                    .into_iter()
                    .zip(still)
                    .map(|(noop, still)| noop || still)
                    .collect();
                let at = |error: String| format!("iteration {iteration}, {}, cell {place}: {error}", grid.name);
                effects.add(check_noops(&patched, &unpatched, &noops).map_err(at)?);
                check_cell(context, &patched, &unpatched, &scores).map_err(at)?;
                check_prompts([&patched, &unpatched], &kept, &noops, &scores).map_err(at)?;
                let plainly = |error| at(format!("plainly: {error}"));
                check_cell(context, &patched, &unpatched, &plain.scores).map_err(plainly)?;
                check_prompts([&patched, &unpatched], &plain.by_prompt, &noops, &plain.scores).map_err(plainly)?;
                if noops.iter().all(|&noop| noop) && !scores.iter().all(|score| is_nothing(score.effect)) {
                    return Err(at(format!("an effect of a patch that cannot matter: {scores:?}")));
                }
            }
        }
    }
    Ok(effects)
}

/// Small tiles of few prompts.
pub(crate) const SMALL_TILES: PlanOptions =
    PlanOptions { tile_multiply_adds: Some(20_000), tile_prompts: Some(3), for_gpus: false };

/// The multiply-adds of a planned sweep are those that an engine executes that has room for all of it. Gives back the tiles.
pub(crate) fn check_work(scenario: &Scenario, options: PlanOptions) -> Result<Vec<Tile>, String> {
    let folder = write_model(scenario);
    let (tiles, costs) = cut(&scenario.context, options).map_err(|error| error.to_string())?;
    let everything = Cut { memory_budget: 1 << 30, ..scenario.cut.clone() };
    let executed = TiledEngine::new(folder.path(), &scenario.context, &everything).multiply_adds(&tiles);
    let planned: u64 = costs.iter().sum();
    if planned == executed { Ok(tiles) } else { Err(format!("{planned} planned, {executed} executed")) }
}

/// Files of another dictionary than the sweep was planned with are refused, also where it has been loaded.
pub(crate) fn check_digest(scenario: &Scenario) -> Result<(), String> {
    let folder = write_model(scenario);
    let context = &scenario.context;
    let dictionary = context.grids[0].dictionary().expect("a grid over a dictionary");
    let everything = Cut { memory_budget: 1 << 30, ..scenario.cut.clone() };
    let mut engine = TiledEngine::new(folder.path(), context, &everything);
    engine.grid(0, 0);
    let config = folder.path().join(&dictionary.path).join("cfg.json");
    let text = std::fs::read_to_string(&config).map_err(|error| error.to_string())?;
    std::fs::write(&config, text.replace("\"cpu\"", "\"cuda\"")).map_err(|error| error.to_string())?;
    let refused = engine.refusal(0);
    let digest = dictionary.digest.short();
    let wanted = format!("but the sweep was planned with {digest}; copy the dictionary that the coordinator has");
    if refused.starts_with("dictionary `features` (") && refused.ends_with(&wanted) { Ok(()) } else { Err(refused) }
}

/// A patch by what the patched run has there itself changes nothing, whatever the model.
pub(crate) fn check_itself(scenario: &Scenario) -> Result<(), String> {
    let folder = write_model(scenario);
    let model = Model::load(&folder.path().join("model"));
    let mut context = scenario.context.clone();
    for iteration in &mut context.iterations {
        iteration.corrupted = context.clean.clone();
        iteration.noise = None;
    }
    for iteration in 0..context.iterations.len() {
        let brute_force = BruteForce::new(&model, &context, iteration).with_dictionaries(folder.path());
        let unpatched = brute_force.unpatched();
        for grid in &context.grids {
            for place in 0..grid.cell_count().expect("few cells") {
                let patched = brute_force.patched(&grid.cell(place));
                check_noops(&patched, &unpatched, &vec![true; unpatched[0].len()])
                    .map_err(|error| format!("iteration {iteration}, {}, cell {place}: {error}", grid.name))?;
            }
        }
    }
    Ok(())
}

/// Whether the patch cannot change the score \[prompts\].
pub(crate) fn noops(context: &SweepContext, iteration: u32, (place, cell): (u32, &Cell<'_>)) -> Vec<bool> {
    let of_part = |part: Part<'_>| -> Vec<bool> {
        let own = part.context.as_ref();
        let grid = context.grids.iter().position(|grid| std::ptr::eq(grid, cell.grid())).expect("a grid of the sweep");
        let cell = own.grids[grid].cell(place);
        let prompts = 0..own.clean.prompts();
        prompts.map(|prompt| own.prompt_pair(iteration, prompt).is_noop(&cell, &own.architecture)).collect()
    };
    context.parts().flat_map(of_part).collect()
}

/// Patches that the plan calls no-ops change nothing. Metrics are \[metrics\]\[prompts\].
fn check_noops(patched: &[Vec<f64>], unpatched: &[Vec<f64>], noops: &[bool]) -> Result<Effects, String> {
    let mut effects = Effects::default();
    for (prompt, &noop) in noops.iter().enumerate() {
        let changes = patched.iter().zip(unpatched).map(|(after, before)| (after[prompt] - before[prompt]).abs());
        let largest = changes.fold(0.0, f64::max);
        if noop && largest > EXACTLY_NOTHING {
            return Err(format!("a patch of prompt {prompt} that cannot matter changes a metric by {largest}"));
        }
        effects.noop += u32::from(noop);
        effects.live += u32::from(!noop);
        effects.moved += u32::from(largest > SOMETHING);
    }
    Ok(effects)
}

/// The engine's scores of a cell \[metrics\] are brute force's.
pub(crate) fn check_cell(
    context: &SweepContext,
    patched: &[Vec<f64>],
    unpatched: &[Vec<f64>],
    scores: &[CellScore],
) -> Result<(), String> {
    for (((metric, patched), unpatched), score) in context.metrics.iter().zip(patched).zip(unpatched).zip(scores) {
        let tolerance = tolerance(patched.iter().chain(unpatched));
        let effects: Vec<f64> = patched.iter().zip(unpatched).map(|(after, before)| after - before).collect();
        let value = Expected { numbers: patched, tolerance };
        let effect = Expected { numbers: &effects, tolerance: 2.0 * tolerance };
        value.check(score.value).map_err(|error| format!("value of {}: {error}", metric.name))?;
        effect.check(score.effect).map_err(|error| format!("effect of {}: {error}", metric.name))?;
    }
    Ok(())
}

/// The engine's effects on each prompt \[metrics\]\[prompts\] are brute force's, exactly 0 where a patch cannot matter, and
/// those that its moments are of.
fn check_prompts(
    [patched, unpatched]: [&[Vec<f64>]; 2],
    kept: &[Vec<f32>],
    noops: &[bool],
    scores: &[CellScore],
) -> Result<(), String> {
    for (((patched, unpatched), kept), score) in patched.iter().zip(unpatched).zip(kept).zip(scores) {
        let bound = 2.0 * tolerance(patched.iter().chain(unpatched));
        if kept.len() != noops.len() {
            return Err(format!("effects on {} prompts, not {}", kept.len(), noops.len()));
        }
        for (prompt, (&effect, &noop)) in kept.iter().zip(noops).enumerate() {
            let wanted = patched[prompt] - unpatched[prompt];
            let is_right = if noop { effect.to_bits() == 0 } else { (f64::from(effect) - wanted).abs() <= bound };
            if !is_right {
                return Err(format!("effect on prompt {prompt} is {effect}, not {wanted}, no-op: {noop}"));
            }
        }
        let moments = Moments::of(&kept.iter().copied().map(f64::from).collect::<Vec<_>>());
        // Each effect was rounded to float32 by itself.
        let largest = kept.iter().fold(0.0, |largest, effect| f64::from(effect.abs()).max(largest));
        let bound = 1e-6 * largest;
        let is_near = |a: f64, b: f64, bound: f64| (a - b).abs() <= bound;
        let squares = f64::from(u32::try_from(kept.len()).expect("few prompts")) * 2.0 * largest * bound;
        if !is_near(moments.mean, score.effect.mean, bound) || !is_near(moments.m2, score.effect.m2, squares) {
            return Err(format!("{:?}, but of the effects on prompts {moments:?}", score.effect));
        }
    }
    Ok(())
}

/// The same of a baseline's metrics: what is kept of each prompt is the metric itself.
fn check_metrics(run: &[Vec<f64>], kept: &[Vec<f32>], scores: &[CellScore]) -> Result<(), String> {
    let nothing = vec![vec![0.0; run[0].len()]; run.len()];
    let values: Vec<CellScore> = scores.iter().map(|score| CellScore { effect: score.value, ..*score }).collect();
    check_prompts([run, &nothing], kept, &vec![false; run[0].len()], &values)
}

/// Nothing at all, not only next to nothing.
fn is_nothing(effect: Moments) -> bool {
    effect == Moments { count: effect.count, mean: 0.0, m2: 0.0 }
}

/// The engine's scores are those of the swapped case patched in the other direction.
pub(crate) fn check_swapped(scenario: &Scenario) -> Result<(), String> {
    let context = &scenario.context;
    let folder = write_model(scenario);
    let mut engine = TiledEngine::new(folder.path(), context, &scenario.cut);
    for iteration in iterations(context) {
        let swapped = swapped(context, iteration);
        let mut swapped_engine = TiledEngine::new(folder.path(), &swapped, &scenario.cut);
        for (grid, index) in context.grids.iter().zip(0..) {
            let both = engine.grid(iteration, index).into_iter().zip(swapped_engine.grid(0, index));
            for (place, (ours, theirs)) in both.enumerate() {
                let (ours, theirs) = (ours.scores, theirs.scores);
                for ((metric, ours), theirs) in context.metrics.iter().zip(ours).zip(theirs) {
                    let bound = tolerance(&[ours.value.mean, theirs.value.mean]);
                    let close = |a: Moments, b: Moments| (a.mean - b.mean).abs() <= bound;
                    if !close(ours.value, theirs.value) || !close(ours.effect, theirs.effect) {
                        return Err(format!("{}, cell {place}, {}: {ours:?}, {theirs:?}", grid.name, metric.name));
                    }
                }
            }
        }
    }
    Ok(())
}

/// One iteration with clean and corrupted prompts in each other's place, patched in the other direction.
fn swapped(context: &SweepContext, iteration: u32) -> SweepContext {
    let mut swapped = context.clone();
    let mut iteration = context.iterations[iteration as usize].clone();
    std::mem::swap(&mut swapped.clean, &mut iteration.corrupted);
    swapped.iterations = vec![iteration];
    swapped.direction = match context.direction {
        Direction::Noising => Direction::Denoising,
        Direction::Denoising => Direction::Noising,
    };
    swapped
}
