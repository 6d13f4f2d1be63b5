//! Corrupted prompts for each iteration.

use patchsweep_core::context::Noise;
use patchsweep_core::tokens::TokenMatrix;

use super::corruption::Scheme;
use super::positions::positions;
use super::prompts::Prompts;
use super::scoring::Scored;
use super::spots::Places;
use super::{Inputs, PlanError, permute};
use crate::spec::{Spanned, schema};

/// The corrupted prompts of one iteration.
pub(super) struct Corrupted {
    pub(super) tokens: TokenMatrix,
    pub(super) noise: Option<Noise>,
    /// Prompts that take tokens of one with the same answer; `None` where tokens do not come from other prompts, or there are
    /// no answers.
    pub(super) kept_answers: Option<u32>,
}

impl Corrupted {
    fn of(tokens: TokenMatrix) -> Self {
        Self { tokens, noise: None, kept_answers: None }
    }
}

/// One for each of the spec's iterations.
///
/// `scored`: what each of them scores.
pub(super) fn make(
    inputs: &Inputs<'_>,
    scheme: &Scheme<'_>,
    prompts: &Prompts,
    places: &Places,
    scored: &[Scored],
) -> Result<Vec<Corrupted>, PlanError> {
    if let Scheme::Permute(permute) = scheme {
        return permute::corrupt(inputs, permute, &prompts.clean, places, scored);
    }
    let corrupted = |(index, iteration): (usize, &schema::Iteration)| match scheme {
        Scheme::Tokens if !prompts.corrupted.is_empty() => given(inputs, iteration, prompts, places, index),
        Scheme::Pairs { .. } => pair(inputs, iteration, prompts, places),
        &Scheme::Noise { scale, seed } => {
            noised(inputs, iteration, &prompts.clean, places, scale, iteration_seed(seed, index))
        }
        _ => untouched(inputs, iteration, &prompts.clean),
    };
    inputs.spec.iteration.iter().enumerate().map(corrupted).collect()
}

/// The positions that an iteration corrupts, or their spots, ascending; it must say which.
pub(super) fn wanted_positions(
    inputs: &Inputs<'_>,
    iteration: &schema::Iteration,
    clean: &TokenMatrix,
    places: &Places,
) -> Result<Vec<u32>, PlanError> {
    let corrupt = iteration.corrupt.as_ref().ok_or_else(|| {
        let message = "this iteration needs `corrupt`, the positions to corrupt".to_owned();
        inputs.source.error(iteration.read.span(), message)
    })?;
    listed(inputs, corrupt, clean, places)
}

/// Positions, or spots, ascending.
fn listed(
    inputs: &Inputs<'_>,
    corrupt: &Spanned<Vec<schema::Position>>,
    clean: &TokenMatrix,
    places: &Places,
) -> Result<Vec<u32>, PlanError> {
    match places.of_list(inputs, corrupt.span(), corrupt.get_ref(), clean)? {
        Some(spots) => Ok(spots.into_iter().map(|(spot, _)| spot).collect()),
        None => positions(inputs, corrupt, clean.positions()),
    }
}

/// The clean prompts with the tokens at some positions replaced.
///
/// `positions`: of a prompt; `token`: of a prompt at a position.
pub(super) fn replaced(
    clean: &TokenMatrix,
    positions: impl Fn(u32) -> Vec<u32>,
    token: impl Fn(u32, u32) -> u32,
) -> TokenMatrix {
    let row = |prompt: u32| {
        let mut row = clean.row(prompt).to_vec();
        for pos in positions(prompt) {
            row[pos as usize] = token(prompt, pos);
        }
        row
    };
    clean.with_ids((0..clean.prompts()).flat_map(row).collect())
}

/// A token file's corrupted prompts. `corrupt` may be left out; where it is given, tokens must not differ anywhere else.
fn given(
    inputs: &Inputs<'_>,
    iteration: &schema::Iteration,
    prompts: &Prompts,
    places: &Places,
    index: usize,
) -> Result<Corrupted, PlanError> {
    let (clean, corrupted) = (&prompts.clean, &prompts.corrupted[index]);
    if let Some(corrupt) = &iteration.corrupt {
        let listed = listed(inputs, corrupt, clean, places)?;
        for prompt in 0..clean.prompts() {
            let allowed = places.of_prompt(&listed, prompt);
            let pairs = clean.row(prompt).iter().zip(corrupted.row(prompt));
            let differs = (0..).zip(pairs).find(|(pos, (a, b))| a != b && allowed.binary_search(pos).is_err());
            if let Some((pos, _)) = differs {
                let message =
                    format!("prompt {prompt} of the token file differs at position {pos}, which `corrupt` lacks");
                return Err(inputs.source.error(corrupt.span(), message).into());
            }
        }
    }
    Ok(Corrupted::of(corrupted.clone()))
}

/// The dataset's corrupted prompts, whole or at some positions only.
fn pair(
    inputs: &Inputs<'_>,
    iteration: &schema::Iteration,
    prompts: &Prompts,
    places: &Places,
) -> Result<Corrupted, PlanError> {
    let (clean, pairs) = (&prompts.clean, &prompts.corrupted[0]);
    let Some(corrupt) = &iteration.corrupt else { return Ok(Corrupted::of(pairs.clone())) };
    let wanted = listed(inputs, corrupt, clean, places)?;
    let of_prompt = |prompt| places.of_prompt(&wanted, prompt);
    Ok(Corrupted::of(replaced(clean, of_prompt, |prompt, pos| pairs.row(prompt)[pos as usize])))
}

fn noised(
    inputs: &Inputs<'_>,
    iteration: &schema::Iteration,
    clean: &TokenMatrix,
    places: &Places,
    scale: f32,
    seed: u64,
) -> Result<Corrupted, PlanError> {
    let positions = wanted_positions(inputs, iteration, clean, places)?;
    if let (Some(corrupt), true) = (&iteration.corrupt, positions.is_empty()) {
        let message = "noise needs at least one position".to_owned();
        return Err(inputs.source.error(corrupt.span(), message).into());
    }
    Ok(Corrupted { noise: Some(Noise { positions, scale, seed }), ..Corrupted::of(clean.clone()) })
}

/// Iterations that noise the same positions must not get the same numbers.
fn iteration_seed(seed: u64, index: usize) -> u64 {
    seed.wrapping_add(index as u64)
}

fn untouched(inputs: &Inputs<'_>, iteration: &schema::Iteration, clean: &TokenMatrix) -> Result<Corrupted, PlanError> {
    match &iteration.corrupt {
        Some(corrupt) if !corrupt.get_ref().is_empty() => {
            let message = "nothing says what corrupts these positions: leave `corrupt` out, or add a `[corruption]`";
            Err(inputs.source.error(corrupt.span(), message.to_owned()).into())
        }
        _ => Ok(Corrupted::of(clean.clone())),
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::context::Noise;

    use super::super::example::{DATASET, plan, plan_of, refusal, spec};

    const PERMUTE: &str = "kind = \"permute\"\ngroups = [[1, 4]]";
    const PAIRS: (&str, &str) = (PERMUTE, "kind = \"pairs\"");
    const NOISE: (&str, &str) = (PERMUTE, "kind = \"noise\"\nscale = 3\nseed = 7");

    #[test]
    fn pairs_replace_the_given_positions_or_all() {
        let some = plan(&[PAIRS]);
        let corrupted = &some.context.iterations[0].corrupted;
        assert_eq!((corrupted.row(0), corrupted.row(1)), ([0, 2, 3, 4].as_slice(), [0, 3, 2, 5].as_slice()));
        let all = plan(&[PAIRS, ("corrupt = [2]\n", "")]);
        let corrupted = &all.context.iterations[0].corrupted;
        assert_eq!((corrupted.row(0), corrupted.row(1)), ([0, 5, 3, 5].as_slice(), [0, 2, 2, 2].as_slice()));
        assert_eq!((all.seeds.corruption, all.kept_answers), (None, vec![None]));
    }

    #[test]
    fn pairs_need_a_column_of_prompts_of_the_same_length() {
        let refused = |dataset: &str| plan_of(&spec(&[PAIRS]), dataset).expect_err("is refused");
        let missing = refused("prompt,answer\na b c,x\n");
        assert!(missing.contains("line 9, column 8: `pairs` needs a dataset with a column `corrupted`"), "{missing}");
        let shorter = refused(&DATASET.replace("a a a", "a a"));
        assert!(shorter.contains("d.csv line 3: corrupted prompt of 2 tokens, but its prompt has 3"), "{shorter}");
    }

    #[test]
    fn noise_keeps_the_tokens_and_differs_between_iterations() {
        let again = ("[[grid]]", "[[iteration]]\ncorrupt = [3, 1, 1]\nread = 3\n[[grid]]");
        let plan = plan(&[NOISE, again]);
        let iterations = &plan.context.iterations;
        assert_eq!(iterations[0].noise, Some(Noise { positions: vec![2], scale: 3.0, seed: 7 }));
        assert_eq!(iterations[1].noise, Some(Noise { positions: vec![1, 3], scale: 3.0, seed: 8 }));
        assert_eq!(iterations[0].corrupted, plan.context.clean);
        assert_eq!((plan.unchanged_prompts(0), plan.seeds.corruption), (0, Some(7)));
    }

    #[test]
    fn noise_needs_positions() {
        let nowhere = refusal(&[NOISE, ("corrupt = [2]", "corrupt = []")]);
        assert!(nowhere.contains("noise needs at least one position"), "{nowhere}");
        assert!(refusal(&[NOISE, ("corrupt = [2]\n", "")]).contains("needs `corrupt`, the positions to corrupt"));
    }
}
