//! What the verified cells of estimated grids say of those that were not verified.

use patchsweep_core::results::GridScores;
use patchsweep_plan::{Chosen, Plan};
use patchsweep_results::statistics::{CONFIDENCE, most_strong};
use serde_json::{Value, json};

use crate::merge::Merged;

/// The manifest's part on a sweep whose verification is planned; one entry for each grid that has one, iteration and metric.
pub(crate) fn verification(plan: &Plan, chosen: &[Chosen], merged: &Merged) -> Value {
    let metrics = plan.context.metrics.len();
    let entry = |chosen: &Chosen| -> Vec<Value> {
        let tensors = &merged.grids[chosen.grid as usize * metrics..][..metrics];
        let of_metric = |scores: &GridScores| {
            let missed = Missed::of(chosen, scores);
            json!({
                "grid": scores.grid,
                "iteration": plan.iteration_labels[chosen.iteration as usize],
                "metric": plan.context.metrics[scores.metric].name,
                "estimated": chosen.candidates,
                "without_estimate": chosen.without_estimate,
                "top": chosen.top.len(),
                "sample": chosen.sample.len(),
                "without_score": missed.without_score,
                "weakest_of_top": missed.weakest.filter(|weakest| weakest.is_finite()),
                "stronger_in_sample": missed.stronger,
                "missed_at_most": missed.at_most,
                "confidence": CONFIDENCE,
            })
        };
        tensors.iter().map(of_metric).collect()
    };
    let is_estimated = |chosen: &&Chosen| plan.context.grids[chosen.grid as usize].verify().is_some();
    chosen.iter().filter(is_estimated).flat_map(entry).collect()
}

/// How many cells that are stronger than the weakest of the top nobody has seen.
#[derive(Debug, PartialEq)]
struct Missed {
    /// Magnitude of that effect; `None` where no cell of the top has one.
    weakest: Option<f32>,
    /// Cells of the sample that are stronger: they are known, and so not missed.
    stronger: u64,
    /// Chosen cells whose tile failed, or whose effect is not finite.
    without_score: u64,
    /// At most so many others are, at the confidence of all intervals; `None` without a weakest one.
    at_most: Option<u64>,
}

impl Missed {
    fn of(chosen: &Chosen, scores: &GridScores) -> Self {
        let first = chosen.iteration as usize * scores.cells();
        let strength = |&cell: &u32| {
            let place = first + cell as usize;
            let effect = scores.effect[place].abs();
            (scores.status[place].has_effect() && effect.is_finite()).then_some(effect)
        };
        let top: Vec<f32> = chosen.top.iter().filter_map(strength).collect();
        let sample: Vec<f32> = chosen.sample.iter().filter_map(strength).collect();
        let weakest = top.iter().copied().min_by(f32::total_cmp);
        let stronger = weakest.map_or(0, |weakest| sample.iter().filter(|&&effect| effect > weakest).count() as u64);
        // Nobody knows what those without a score are: they count as strong ones that were drawn.
        let unknown = (chosen.sample.len() - sample.len()) as u64;
        let population = u64::from(chosen.candidates) - chosen.top.len() as u64;
        let at_most =
            weakest.map(|_| most_strong(population, chosen.sample.len() as u64, stronger + unknown) - stronger);
        let without_score = unknown + (chosen.top.len() - top.len()) as u64;
        Self { weakest, stronger, without_score, at_most }
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::results::CellStatus;

    use super::*;

    /// Six cells that were estimated, of which two are the top and two a sample.
    fn missed(effects: [f32; 6], failed: &[usize]) -> Missed {
        let scores = patchsweep_results::fixtures::grid("z", &["layer", "head"], &[2, 3]);
        let mut scores = GridScores { effect: [effects, effects, effects].concat(), ..scores };
        scores.status.fill(CellStatus::NotDrawn);
        for cell in [0, 1, 3, 5] {
            scores.status[6 + cell] = CellStatus::Computed;
        }
        for cell in failed {
            scores.status[6 + cell] = CellStatus::Failed;
        }
        let chosen = Chosen {
            grid: 0,
            iteration: 1,
            candidates: 6,
            without_estimate: 0,
            top: vec![0, 1],
            sample: vec![3, 5],
            unknown: Vec::new(),
        };
        Missed::of(&chosen, &scores)
    }

    #[test]
    fn what_was_not_seen_is_bounded_by_what_was() {
        // Of the two others, which were not drawn, any may be strong: two of four are too few to say.
        let effects = [-3.0, 2.0, f32::NAN, 0.5, f32::NAN, -1.0];
        let wanted = Missed { weakest: Some(2.0), stronger: 0, without_score: 0, at_most: Some(2) };
        assert_eq!(missed(effects, &[]), wanted);
        let found = [-3.0, 2.0, f32::NAN, 0.5, f32::NAN, -2.5];
        assert_eq!(missed(found, &[]), Missed { stronger: 1, ..wanted });
    }

    #[test]
    fn a_cell_without_a_score_may_be_anything() {
        let effects = [-3.0, 2.0, f32::NAN, 0.5, f32::NAN, -1.0];
        let wanted = Missed { weakest: Some(2.0), stronger: 0, without_score: 1, at_most: Some(3) };
        assert_eq!(missed(effects, &[5]), wanted);
        let nothing = Missed { weakest: None, stronger: 0, without_score: 2, at_most: None };
        assert_eq!(missed(effects, &[0, 1]), nothing);
    }
}
