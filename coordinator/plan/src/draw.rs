//! Every random choice of a plan, from seeds in the spec.

use rand::Rng;
use rand::SeedableRng;
use rand::seq::{SliceRandom, index};
use rand_chacha::ChaCha8Rng;

use super::matching::{self, Unmatched};

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

/// One permutation of the prompts per group of positions \[groups\]\[prompts\].
pub(super) fn permutations(prompts: u32, groups: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..groups).map(|_| permutation(prompts, &mut rng)).collect()
}

/// The same under a rule: `allowed` says, by group, whether one prompt may take the tokens of another.
///
/// The error is the first group that no permutation is found for, and why.
pub(super) fn allowed_permutations(
    prompts: u32,
    groups: usize,
    seed: u64,
    allowed: impl Fn(usize, u32, u32) -> bool,
) -> Result<Vec<Vec<u32>>, (usize, Unmatched)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let draw = |group| {
        let (start, order) = (permutation(prompts, &mut rng), permutation(prompts, &mut rng));
        matching::repair(&start, &order, |taker, giver| allowed(group, taker, giver)).map_err(|why| (group, why))
    };
    (0..groups).map(draw).collect()
}

/// Places drawn out of each stratum \[strata\], ascending: at least `count` over all strata, shared out by their sizes, and
/// of each that has any at least one; all, where there are fewer.
pub(super) fn stratified(sizes: &[u64], count: u64, seed: u64) -> Vec<Vec<u64>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let total: u64 = sizes.iter().sum();
    let draw = |&size: &u64| {
        let share = (u128::from(count) * u128::from(size)).div_ceil(u128::from(total.max(1)));
        let amount = usize::try_from(share.min(size.into())).expect("no more than there are");
        let length = usize::try_from(size).expect("places of cells in memory");
        let mut places: Vec<u64> =
            index::sample(&mut rng, length, amount).into_iter().map(|place| place as u64).collect();
        places.sort_unstable();
        places
    };
    sizes.iter().map(draw).collect()
}

fn permutation(length: u32, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..length).collect();
    order.shuffle(rng);
    order
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
    fn what_a_seed_gives_never_changes() {
        let drawn = permutations(9, 2, 1);
        assert_eq!(drawn, [[3, 8, 5, 2, 7, 1, 6, 0, 4], [1, 6, 8, 5, 7, 3, 2, 4, 0]]);
        assert_eq!(samples(9, 4, true, 1), [4, 3, 8, 0]);
        assert_eq!(samples(9, 4, false, 1), [3, 8, 5, 2]);
    }

    #[test]
    fn every_stratum_gives_its_share_and_at_least_one() {
        let drawn = stratified(&[1000, 0, 10, 3], 100, 5);
        assert_eq!(drawn.iter().map(Vec::len).collect::<Vec<_>>(), [99, 0, 1, 1]);
        assert!(drawn[0].windows(2).all(|pair| pair[0] < pair[1]) && drawn[0][98] < 1000);
        assert_ne!(drawn, stratified(&[1000, 0, 10, 3], 100, 6));
        assert_eq!(stratified(&[3, 2], 100, 1), [vec![0, 1, 2], vec![0, 1]]);
        assert_eq!(stratified(&[1000, 0], 2, 7), stratified(&[1000, 0], 2, 7));
    }

    #[test]
    fn a_rule_holds_in_every_group_or_the_group_is_named() {
        let rule = |group: usize, taker: u32, giver: u32| taker % 4 != giver % 4 || group == 1;
        let drawn = allowed_permutations(40, 3, 1, rule).expect("permutations");
        for (group, givers) in drawn.iter().enumerate() {
            assert!((0..).zip(givers).all(|(taker, &giver)| rule(group, taker, giver)));
            let mut sorted = givers.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..40).collect::<Vec<_>>());
        }
        assert_ne!(drawn[0], drawn[2]);
        assert_eq!(
            allowed_permutations(4, 3, 1, |group, _, giver| group < 2 || giver > 0),
            Err((2, Unmatched::Impossible))
        );
    }

    #[test]
    fn without_replacement_nothing_comes_twice() {
        let mut drawn = samples(50, 50, false, 3);
        drawn.sort_unstable();
        assert_eq!(drawn, (0..50).collect::<Vec<_>>());
    }
}
