//! Iterations: what is corrupted, what is read, which answer is scored.

use patchsweep_core::context::Iteration;

use super::corrupted::{self, Corrupted};
use super::corruption::{self, Scheme};
use super::prompts::Prompts;
use super::scoring::{self, Scored};
use super::spots::Places;
use super::{Inputs, PlanError};

/// All iterations of a sweep.
pub(super) struct Experiments {
    /// At least one: the replicates of the spec's first iteration, then those of the second, and so on.
    pub(super) iterations: Vec<Iteration>,
    /// How often each of the spec's iterations is there.
    pub(super) replicates: u32,
    /// For each of the spec's iterations, how many prompts take tokens of one with the same answer, in all replicates
    /// together; `None` where tokens do not come from others, or there are no answers.
    pub(super) kept_answers: Vec<Option<u32>>,
    /// What each of the spec's iterations scores.
    pub(super) scored: Vec<Scored>,
}

pub(super) fn read(
    inputs: &Inputs<'_>,
    scheme: &Scheme<'_>,
    prompts: &Prompts,
    places: &Places,
) -> Result<Experiments, PlanError> {
    if inputs.spec.iteration.is_empty() {
        let message = "a sweep needs at least one `[[iteration]]`".to_owned();
        return Err(inputs.source.error(inputs.spec.name.span(), message).into());
    }
    let scored = scoring::read(inputs, prompts, places)?;
    let replicates = corruption::replicates(inputs)?;
    let replicate =
        |index| corrupted::make(inputs, &scheme.replicate(index), prompts, places, &scored).map(Vec::into_iter);
    let mut drawn = (0..replicates).map(replicate).collect::<Result<Vec<_>, _>>()?;
    let (mut iterations, mut kept_answers) = (Vec::new(), Vec::new());
    for scored in &scored {
        let corrupted: Vec<Corrupted> = drawn.iter_mut().filter_map(Iterator::next).collect();
        kept_answers.push(corrupted.iter().map(|corrupted| corrupted.kept_answers).sum());
        iterations.extend(corrupted.into_iter().map(|corrupted| iteration(scored.clone(), corrupted)));
    }
    Ok(Experiments { iterations, replicates, kept_answers, scored })
}

fn iteration(scored: Scored, corrupted: Corrupted) -> Iteration {
    Iteration {
        corrupted: corrupted.tokens,
        noise: corrupted.noise,
        reads: scored.reads,
        answers: scored.answers,
        wrong_answers: scored.wrong,
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::context::Iteration;

    use super::super::example::plan;
    use crate::Plan;

    const TWICE: (&str, &str) = ("[[grid]]", "[[iteration]]\ncorrupt = [3]\nread = 3\n[[grid]]");
    const PERMUTE: &str = "kind = \"permute\"\ngroups = [[1, 4]]";

    fn iterations(plan: &Plan) -> &[Iteration] {
        &plan.context.iterations
    }

    #[test]
    fn replicates_are_the_iterations_of_sweeps_with_seeds_that_count_up() {
        for kind in [PERMUTE, "kind = \"noise\"\nscale = 3"] {
            let seeded = |seed: u32, more: &str| plan(&[TWICE, (PERMUTE, &format!("{kind}\nseed = {seed}{more}"))]);
            let together = seeded(5, "\nreplicates = 3");
            assert_eq!((together.context.replicates, together.context.spec_iterations()), (3, 2));
            assert_eq!((together.iteration_labels.len(), together.seeds.corruption), (2, Some(5)));
            let mut kept = vec![Some(0); 2];
            for replicate in 0..3u32 {
                let alone = seeded(5 + replicate, "");
                for iteration in 0..2 {
                    let place = iteration * 3 + replicate as usize;
                    assert_eq!(iterations(&together)[place], iterations(&alone)[iteration]);
                    assert_eq!(together.context.spec_iteration(u32::try_from(place).expect("small")), iteration);
                }
                kept = kept.iter().zip(&alone.kept_answers).map(|(sum, &more)| Some((*sum)? + more?)).collect();
            }
            assert_eq!(together.kept_answers, kept);
        }
    }

    #[test]
    fn one_replicate_is_the_sweep_as_it_was() {
        assert_eq!(plan(&[("groups", "replicates = 1\ngroups")]).digest, plan(&[]).digest);
    }
}
