//! Iterations: what is corrupted, what is read, which answer is scored.

use patchsweep_proto::context::Iteration;

use super::corrupted::{self, Corrupted};
use super::corruption::Scheme;
use super::prompts::Prompts;
use super::{Inputs, PlanError, scoring};

/// All iterations of a sweep.
pub(super) struct Experiments {
    /// At least one.
    pub(super) iterations: Vec<Iteration>,
    /// For each, how many prompts take tokens of one with the same answer; `None` where tokens do not come from others.
    pub(super) kept_answers: Vec<Option<u32>>,
}

pub(super) fn read(inputs: &Inputs<'_>, scheme: &Scheme<'_>, prompts: &Prompts) -> Result<Experiments, PlanError> {
    if inputs.spec.iteration.is_empty() {
        let message = "a sweep needs at least one `[[iteration]]`".to_owned();
        return Err(inputs.source.error(inputs.spec.name.span(), message).into());
    }
    let scored = scoring::read(inputs, prompts)?;
    let corrupted = corrupted::make(inputs, scheme, prompts, &scored)?;
    let kept_answers = corrupted.iter().map(|corrupted| corrupted.kept_answers).collect();
    let iteration = |(scored, corrupted): (scoring::Scored, Corrupted)| Iteration {
        corrupted: corrupted.tokens,
        noise: corrupted.noise,
        reads: scored.reads,
        answers: scored.answers,
        wrong_answers: scored.wrong,
    };
    Ok(Experiments { iterations: scored.into_iter().zip(corrupted).map(iteration).collect(), kept_answers })
}
