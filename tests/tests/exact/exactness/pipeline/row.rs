//! One row of the results: an iteration of the spec under one metric.

use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::results::{CellStatus, GridScores, SweepResults};
use patchsweep_reference_evaluator::BruteForce;

use super::judge::Found;
use super::wanted::Wanted;

/// What is wanted of a row, whatever the cell.
pub(super) struct Row<'a> {
    context: &'a SweepContext,
    pub(super) metric: usize,
    pub(super) iteration: usize,
    clean: Wanted,
    corrupted: Wanted,
    /// Of the run that is patched \[replicates\]\[prompts\].
    pub(super) unpatched: Vec<Vec<f64>>,
}

/// A grid's tensors, and where in them a cell is.
pub(super) type Scored<'s> = (&'s GridScores, usize);

impl<'a> Row<'a> {
    pub(super) fn new(
        context: &'a SweepContext,
        metric: usize,
        iteration: usize,
        replicates: &[BruteForce<'_>],
    ) -> Self {
        let clean: Vec<Vec<f64>> = replicates.iter().map(|run| run.clean()[metric].clone()).collect();
        let corrupted: Vec<Vec<f64>> = replicates.iter().map(|run| run.corrupted()[metric].clone()).collect();
        Self {
            context,
            metric,
            iteration,
            clean: Wanted::of_run(clean.clone()),
            corrupted: Wanted::of_run(corrupted.clone()),
            unpatched: if context.direction == Direction::Noising { clean } else { corrupted },
        }
    }

    /// Of numbers under all metrics \[replicates\]\[metrics\]\[prompts\] those under this one.
    pub(super) fn of_metric(&self, all: &[Vec<Vec<f64>>]) -> Vec<Vec<f64>> {
        all.iter().map(|metrics| metrics[self.metric].clone()).collect()
    }

    pub(super) fn check_baselines(&self, results: &SweepResults) -> Result<(), String> {
        let runs = [("clean", &self.clean, &results.clean), ("corrupted", &self.corrupted, &results.corrupted)];
        for (name, wanted, found) in runs {
            let (found, at) = (&found[self.metric], self.iteration);
            wanted.value().check(name, found.mean[at])?;
            wanted
                .standard_error(self.context.per_prompt)
                .check(&format!("standard error of {name}"), found.stderr[at])?;
            let prompts = if self.context.per_prompt { wanted.of_prompts() } else { Vec::new() };
            if found.of_prompts(at).len() != prompts.len() {
                return Err(format!("{name} has {} numbers of prompts", found.of_prompts(at).len()));
            }
            for (prompt, (near, &metric)) in prompts.into_iter().zip(found.of_prompts(at)).enumerate() {
                near.check(&format!("{name} metric of prompt {prompt}"), metric)?;
            }
            let status = results.baseline_status(at, found.mean[at]);
            if status != CellStatus::Computed {
                return Err(format!("{name} is {status:?}"));
            }
        }
        Ok(())
    }

    /// All numbers of a cell.
    pub(super) fn check_cell(
        &self,
        (scores, at): Scored<'_>,
        wanted: &Wanted,
        found: &mut Found,
    ) -> Result<(), String> {
        match scores.status[at] {
            CellStatus::Computed => found.cells[0] += 1,
            CellStatus::NoOp => found.cells[1] += 1,
            _ => {
                found.cells[2] += 1;
                return Ok(());
            }
        }
        wanted.effect().check("effect", scores.effect[at])?;
        wanted.value().check("value", scores.value[at])?;
        wanted.standard_error(self.context.per_prompt).check("standard error", scores.stderr[at])?;
        if self.context.replicates > 1 {
            found.replicated += 1;
            wanted.between().check("between replicates", scores.between[at])?;
        }
        if let Some(&number) = scores.normalized.get(at)
            && let Some(near) = wanted.normalized(&self.clean, &self.corrupted)
        {
            found.normalized += 1;
            near.check("normalized", number)?;
        }
        for (prompt, (near, &effect)) in wanted.of_prompts().into_iter().zip(scores.of_prompts(at)).enumerate() {
            found.prompts += 1;
            near.check(&format!("effect on prompt {prompt}"), effect)?;
        }
        Ok(())
    }

    /// A cell that cannot change a score has the score of the run that is patched, to the last bit.
    pub(super) fn check_noop(&self, (scores, at): Scored<'_>, results: &SweepResults) -> Result<(), String> {
        let run = if self.context.direction == Direction::Noising { &results.clean } else { &results.corrupted };
        let unpatched = run[self.metric].mean[self.iteration];
        let is_nothing = |number: &f32| number.to_bits() == 0;
        let alone = self.context.clean.prompts() == 1;
        let is_right = scores.value[at].to_bits() == unpatched.to_bits()
            && (is_nothing(&scores.stderr[at]) || alone)
            && scores.between.get(at).is_none_or(is_nothing)
            && scores.of_prompts(at).iter().all(is_nothing);
        let value = scores.value[at];
        if is_right { Ok(()) } else { Err(format!("a no-op has the value {value} and not {unpatched}, or an effect")) }
    }
}
