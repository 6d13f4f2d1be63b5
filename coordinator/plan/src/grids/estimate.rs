//! Whether a grid's effects are estimated, and how.

use std::ops::Range;

use patchsweep_core::estimate::{Estimate, EstimateError, Gradients, Verify};
use patchsweep_core::grid::Grid;

use super::super::{Inputs, PlanError};
use crate::spec::Spanned;
use crate::spec::schema::{self, DEFAULT_STEPS, Gradient};

/// The grid with the estimate that the spec gives, if it gives one.
pub(super) fn read(inputs: &Inputs<'_>, given: &schema::Grid, grid: Grid) -> Result<Grid, PlanError> {
    let refuse = |place: Range<usize>, message: String| Err(inputs.source.error(place, message).into());
    let Some(method) = &given.estimate else {
        let strays = [
            given.steps.as_ref().map(|key| (key.span(), "steps")),
            given.recompute_pattern.as_ref().map(|key| (key.span(), "recompute_pattern")),
            given.verify.as_ref().map(|key| (key.span(), "verify")),
        ];
        return match strays.into_iter().flatten().next() {
            Some((place, key)) => refuse(
                place,
                format!(
                    "`{key}` belongs to `estimate`, and this grid's effects are computed: add `estimate = \"gradient\"`, or leave \
                     `{key}` out"
                ),
            ),
            None => Ok(grid),
        };
    };
    if let Some(per_prompt) = inputs.spec.per_prompt.as_ref().filter(|given| *given.get_ref()) {
        let message = "`per_prompt` keeps effects of all cells, and a grid with `estimate` has few or none: leave one of them out";
        return refuse(per_prompt.span(), message.to_owned());
    }
    let gradients = match (method.get_ref(), &given.steps) {
        (Gradient::Gradient, None) => Gradients::AtBase,
        (Gradient::Gradient, Some(steps)) => {
            return refuse(steps.span(), "`steps` belongs to `estimate = \"integrated\"`".to_owned());
        }
        (Gradient::Integrated, steps) => {
            Gradients::Integrated { steps: steps.as_ref().map_or(DEFAULT_STEPS, |steps| *steps.get_ref()) }
        }
    };
    let verify = given.verify.as_ref().map(|verify| {
        let schema::Verify { top, sample, seed } = verify.get_ref();
        Verify { top: *top, sample: *sample, seed: seed.unwrap_or(0) }
    });
    let recompute_pattern = given.recompute_pattern.as_ref().is_some_and(|key| *key.get_ref());
    let estimate = Estimate { gradients, recompute_pattern, verify };
    grid.estimated(estimate, &inputs.config.architecture)
        .map_err(|error| inputs.source.error(place(given, method, error), error.to_string()).into())
}

/// The key that is wrong.
fn place(given: &schema::Grid, method: &Spanned<Gradient>, error: EstimateError) -> Range<usize> {
    let key = match error {
        EstimateError::Steps => given.steps.as_ref().map(Spanned::span),
        EstimateError::NotBeforePattern { .. } | EstimateError::MixedHeads { .. } => {
            given.recompute_pattern.as_ref().map(Spanned::span)
        }
        EstimateError::VerifiesNothing => given.verify.as_ref().map(Spanned::span),
        EstimateError::SeveralWrites | EstimateError::NotOfActivations | EstimateError::NoOtherRun => None,
    };
    key.unwrap_or_else(|| method.span())
}

#[cfg(test)]
mod tests {
    use patchsweep_core::estimate::{Estimate, Gradients, Verify};

    use super::super::super::example::{plan, refusal};

    fn with(keys: &str) -> String {
        format!("{keys}\naxes")
    }

    #[test]
    fn estimates_are_read_with_their_defaults() {
        let estimate = |keys: &str| plan(&[("axes", &with(keys))]).context.grids[0].estimate;
        let gradient = Estimate { gradients: Gradients::AtBase, recompute_pattern: false, verify: None };
        assert_eq!(estimate("estimate = \"gradient\""), Some(gradient));
        let integrated = |steps| Some(Estimate { gradients: Gradients::Integrated { steps }, ..gradient });
        assert_eq!(estimate("estimate = \"integrated\""), integrated(10));
        assert_eq!(estimate("estimate = \"integrated\"\nsteps = 3"), integrated(3));
        let verify = Some(Verify { top: 2, sample: 1, seed: 0 });
        let given = estimate("estimate = \"gradient\"\nverify = { top = 2, sample = 1 }");
        assert_eq!(given, Some(Estimate { verify, ..gradient }));
        assert_eq!(plan(&[]).context.grids[0].estimate, None);
    }

    #[test]
    fn what_does_not_belong_to_an_estimate_is_refused_where_it_stands() {
        let refused = |keys: &str| refusal(&[("axes", &with(keys))]);
        let contains = |text: String, parts: &[&str]| {
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        };
        contains(refused("verify = { top = 2, sample = 1 }"), &["line 18, column 10: `verify` belongs to `estimate`"]);
        contains(refused("steps = 4"), &["line 18, column 9: `steps` belongs to `estimate`", "add `estimate = "]);
        contains(refused("recompute_pattern = true"), &["`recompute_pattern` belongs to `estimate`"]);
        let both = "estimate = \"gradient\"\nsteps = 4";
        contains(refused(both), &["line 19, column 9: `steps` belongs to `estimate = \"integrated\"`"]);
        let window = "estimate = \"gradient\"\nwindow = 2";
        contains(refused(window), &["line 18, column 12: estimates are of single writes"]);
        let path = "estimate = \"gradient\"\nto = { component = \"logits\" }";
        contains(refused(path), &["line 18, column 12: features of dictionaries and paths have no estimates"]);
        let ablated = "estimate = \"integrated\"\nablate = \"zero\"";
        contains(refused(ablated), &["line 18, column 12: `integrated` goes from one run to the other"]);
        let none = "estimate = \"integrated\"\nsteps = 0";
        contains(refused(none), &["line 19, column 9: `steps` are 1 to 1000"]);
        let behind = "estimate = \"gradient\"\nrecompute_pattern = true";
        contains(refused(behind), &["line 19, column 21: `recompute_pattern` is for `q` and `k`", "`z` is not"]);
        let nothing = "estimate = \"gradient\"\nverify = { top = 0, sample = 1 }";
        contains(refused(nothing), &["line 19, column 10: `verify` computes no effect"]);
        let kept = refusal(&[("axes", &with("estimate = \"gradient\"")), ("[model]", "per_prompt = true\n[model]")]);
        contains(kept, &["line 4, column 14: `per_prompt` keeps effects of all cells"]);
        contains(refused("estimate = \"gradeint\""), &["did you mean `gradient`?"]);
    }
}
