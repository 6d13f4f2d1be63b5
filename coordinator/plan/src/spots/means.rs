//! Means at positions that are others in each prompt.

use super::super::prompts::Prompts;
use super::super::{Inputs, PlanError};
use super::lists::{of_grid, ordered};
use super::{Said, Spots};
use crate::spec::Spanned;
use crate::spec::schema::{Ablation, Position};

/// Refuses the mean at a name that is at different positions. It goes over all prompts position by position, and so over whatever
/// stands there in the others.
pub(super) fn refuse(inputs: &Inputs<'_>, prompts: &Prompts, spots: &Spots) -> Result<(), PlanError> {
    for grid in &inputs.spec.grid {
        let is_mean = |ablate: Option<Ablation>| ablate == Some(Ablation::Mean);
        let own = of_grid(grid).into_iter().filter(|_| is_mean(grid.ablate)).filter_map(|(_, given)| given);
        let also = grid.also.iter().filter(|also| is_mean(also.ablate)).filter_map(|also| also.positions.as_ref());
        own.chain(also).try_for_each(|given| refuse_list(inputs, prompts, spots, given))?;
    }
    Ok(())
}

fn refuse_list(
    inputs: &Inputs<'_>,
    prompts: &Prompts,
    spots: &Spots,
    given: &Spanned<Vec<Position>>,
) -> Result<(), PlanError> {
    let entries = ordered(inputs, &given.span(), given.get_ref(), &prompts.clean)?;
    let entries: Vec<Said> = entries.into_iter().map(|(said, _)| said).collect();
    for spot in spots.lists[&entries].clone() {
        let at = |pattern: usize| &spots.patterns[pattern].1[spot as usize];
        let Some(other) = (1..spots.patterns.len()).find(|&other| at(other) != at(0)) else { continue };
        let place = |pattern: usize| {
            let prompt = spots.pattern_of.iter().position(|&of| of == pattern).unwrap_or_default();
            let positions: Vec<String> = at(pattern).iter().map(u32::to_string).collect();
            format!("{} in {}", positions.join(" and "), prompts.name(prompt))
        };
        let message = format!(
            "the mean goes over all prompts position by position, but `{}` is at {}, and at {}: ablate with `zero`, or make a sweep of \
             those prompts in which it is at one position",
            spots.all[spot as usize].name,
            place(0),
            place(other),
        );
        return Err(inputs.source.error(given.span(), message).into());
    }
    Ok(())
}
