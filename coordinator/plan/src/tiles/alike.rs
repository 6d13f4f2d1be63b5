//! Which iterations' corrupted runs are the same.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::tokens::TokenMatrix;

/// For each iteration the first one that reads as far and corrupts the same way.
pub(super) fn first_alike(context: &SweepContext) -> Vec<u32> {
    first_alike_up_to(context, &ends(context))
}

/// The same, as far as some positions: of each iteration the first one behind them.
pub(super) fn first_alike_up_to(context: &SweepContext, ends: &[u32]) -> Vec<u32> {
    let mut first = HashMap::new();
    let runs = context.iterations.iter().zip(ends).map(|(iteration, &end)| Run::of(iteration, end));
    (0..).zip(runs).map(|(index, run)| *first.entry(run).or_insert(index)).collect()
}

/// Of each iteration the position behind the last one that is read.
pub(super) fn ends(context: &SweepContext) -> Vec<u32> {
    context.iterations.iter().map(|iteration| iteration.last_read().map_or(1, |last| last + 1)).collect()
}

/// A corrupted run, up to its last position. Compared where it is: the tokens of a sweep may take 128 MiB.
struct Run<'a> {
    positions: u32,
    corrupted: &'a TokenMatrix,
    noise: Option<(&'a [u32], u32, u64)>,
}

impl<'a> Run<'a> {
    fn of(iteration: &'a Iteration, end: u32) -> Self {
        Self {
            positions: end,
            corrupted: &iteration.corrupted,
            noise: iteration.noise.as_ref().map(|noise| (&*noise.positions, noise.scale.to_bits(), noise.seed)),
        }
    }

    fn rows(&self) -> impl Iterator<Item = &'a [u32]> {
        let (corrupted, positions) = (self.corrupted, self.positions as usize);
        (0..corrupted.prompts()).map(move |prompt| &corrupted.row(prompt)[..positions])
    }
}

impl Hash for Run<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.positions, self.noise).hash(state);
        self.rows().for_each(|row| row.hash(state));
    }
}

impl PartialEq for Run<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.positions, self.noise) == (other.positions, other.noise) && self.rows().eq(other.rows())
    }
}

impl Eq for Run<'_> {}

#[cfg(test)]
mod tests {
    use patchsweep_core::context::{Iteration, Noise};
    use patchsweep_core::tokens::TokenMatrix;

    use super::{first_alike, first_alike_up_to};
    use crate::example::plan;

    fn iteration(rows: &[Vec<u32>], read: u32, noise: Option<u64>) -> Iteration {
        Iteration {
            corrupted: TokenMatrix::from_rows(rows).expect("rows of one length"),
            noise: noise.map(|seed| Noise { positions: vec![0], scale: 1.0, seed }),
            reads: vec![read],
            answers: vec![0; rows.len()],
            wrong_answers: Vec::new(),
        }
    }

    #[test]
    fn runs_are_alike_up_to_the_last_read_position() {
        let (here, behind) = (vec![vec![1, 2, 3], vec![4, 5, 6]], vec![vec![1, 2, 7], vec![4, 5, 8]]);
        let mut context = (*plan(&[]).context).clone();
        context.iterations = vec![
            iteration(&here, 1, None),
            iteration(&behind, 1, None),
            iteration(&here, 2, None),
            iteration(&behind, 2, None),
            iteration(&here, 1, Some(3)),
            iteration(&here, 1, Some(4)),
            iteration(&behind, 1, Some(3)),
            iteration(&behind, 0, None),
        ];
        assert_eq!(first_alike(&context), [0, 0, 2, 3, 4, 5, 4, 7]);
        assert_eq!(first_alike_up_to(&context, &[3; 8]), [0, 1, 0, 1, 4, 5, 6, 1], "of what is not read, too");
    }
}
