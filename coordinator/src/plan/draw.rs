//! Every random choice of a plan, from seeds in the spec.

use rand::Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Indices of the prompts to take out of `population`, in drawing order.
///
/// Without replacement `samples` must not be larger than `population`.
pub(super) fn samples(population: usize, samples: usize, replace: bool, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    if replace {
        return (0..samples).map(|_| rng.random_range(0..population)).collect();
    }
    let mut order: Vec<usize> = (0..population).collect();
    order.shuffle(&mut rng);
    order.truncate(samples);
    order
}

/// One permutation of the prompts per group of positions.
pub(super) fn permutations(prompts: usize, groups: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let permutation = |_| {
        let mut order: Vec<usize> = (0..prompts).collect();
        order.shuffle(&mut rng);
        order
    };
    (0..groups).map(permutation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_decide_and_nothing_else() {
        assert_eq!(samples(100, 20, true, 7), samples(100, 20, true, 7));
        assert_ne!(samples(100, 20, true, 7), samples(100, 20, true, 8));
        assert_eq!(permutations(9, 2, 1), permutations(9, 2, 1));
        assert_ne!(permutations(9, 2, 1)[0], permutations(9, 2, 1)[1]);
    }

    #[test]
    fn without_replacement_nothing_comes_twice() {
        let mut drawn = samples(50, 50, false, 3);
        drawn.sort_unstable();
        assert_eq!(drawn, (0..50).collect::<Vec<_>>());
    }
}
