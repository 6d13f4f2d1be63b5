//! How many of the cells that nobody looked at may be strong, from a sample of them.

/// Of `population` cells a sample without replacement of `sample` was looked at, of which `strong` were strong: the largest number
/// of strong cells in the population that is not too unlikely to show so few, at a confidence of [`super::CONFIDENCE`], one-sided.
///
/// The exact bound for finite populations: the largest K with P(X <= `strong`) > 1 - confidence, where X is hypergeometric with
/// K strong ones among the population (Clopper and Pearson's construction of 1934 for sampling without replacement; J. P.
/// Buonaccorsi, "A note on confidence intervals for proportions in finite populations", The American Statistician 41(3), 1987,
/// 215-218). It is too small in at most 5 % of all samples, whatever K is.
///
/// # Panics
/// When the sample is larger than the population, or has more strong cells than cells.
#[must_use]
pub fn most_strong(population: u64, sample: u64, strong: u64) -> u64 {
    assert!(sample <= population && strong <= sample, "{strong} of {sample} of {population}");
    let is_likely = |all: u64| at_most(population, all, sample, strong) > 1.0 - super::CONFIDENCE;
    // As many are strong as were seen, and all but as many as were seen not to be.
    let (mut likely, mut end) = (strong, population - (sample - strong) + 1);
    while end - likely > 1 {
        let middle = likely + (end - likely) / 2;
        if is_likely(middle) { likely = middle } else { end = middle }
    }
    likely
}

/// P(X <= `seen`) of a sample from a population of which `all` are strong.
fn at_most(population: u64, all: u64, sample: u64, seen: u64) -> f64 {
    let others = population - all;
    let least = sample.saturating_sub(others);
    if least > seen {
        return 0.0;
    }
    let mut term = (ln_choose(all, least) + ln_choose(others, sample - least) - ln_choose(population, sample)).exp();
    let mut sum = term;
    for count in least..seen.min(all) {
        // Of count strong ones to one more.
        term *= to_f64(all - count) / to_f64(count + 1) * to_f64(sample - count) / to_f64(others + count + 1 - sample);
        sum += term;
    }
    sum
}

/// Logarithm of the number of ways to choose some of so many.
fn ln_choose(of: u64, some: u64) -> f64 {
    let some = some.min(of - some);
    (0..some).map(|place| (to_f64(of - place) / to_f64(place + 1)).ln()).sum()
}

/// Cells are counted in 32 bits.
#[allow(clippy::cast_precision_loss)]
fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::seq::index;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::statistics::CONFIDENCE;

    fn probability(population: u64, all: u64, sample: u64, seen: u64) -> f64 {
        if seen > all || sample - seen > population - all {
            return 0.0;
        }
        (ln_choose(all, seen) + ln_choose(population - all, sample - seen) - ln_choose(population, sample)).exp()
    }

    #[test]
    fn distributions_are_hypergeometric() {
        // 3 of 10 strong, 4 drawn: 35, 105, 63 and 7 of 210.
        for (seen, sum) in [(0, 35.0), (1, 140.0), (2, 203.0), (3, 210.0), (4, 210.0)] {
            assert!((at_most(10, 3, 4, seen) - sum / 210.0).abs() < 1e-12, "{seen}");
        }
        assert!(at_most(10, 8, 4, 1) == 0.0, "two others cannot be three");
    }

    #[test]
    fn a_sample_of_all_or_of_none_says_all_or_nothing() {
        assert_eq!((most_strong(7, 7, 2), most_strong(7, 0, 0), most_strong(0, 0, 0)), (2, 7, 0));
        // The rule of three: 3 / 200 of the population, less for a part of it that was seen.
        assert_eq!(most_strong(100_000, 200, 0), 1485);
    }

    #[test]
    fn the_bound_is_too_small_in_at_most_one_of_twenty_samples_whatever_there_is() {
        for (population, sample) in [(1, 1), (9, 4), (30, 10), (60, 20), (200, 37)] {
            for all in 0..=population {
                let too_small = |&seen: &u64| most_strong(population, sample, seen) < all;
                let likely = (0..=sample.min(all)).filter(|&seen| sample - seen <= population - all);
                let missed: f64 = likely.filter(too_small).map(|seen| probability(population, all, sample, seen)).sum();
                assert!(missed <= 1.0 - CONFIDENCE + 1e-9, "{all} of {population}, {sample} seen: {missed}");
            }
        }
    }

    #[test]
    fn the_bound_holds_over_two_hundred_repetitions() {
        // Of the worst case too, at most 5 %: 10 of 200 on average; more than 21 in less than 1 of 1000.
        for (population, all, sample) in [(1000_usize, 30, 200), (400, 120, 50), (2000, 5, 200)] {
            let failed = (0..200).filter(|&seed| {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                let seen =
                    index::sample(&mut random, population, sample).into_iter().filter(|&cell| cell < all).count();
                most_strong(population as u64, sample as u64, seen as u64) < all as u64
            });
            let failed = failed.count();
            assert!(failed <= 21, "{failed} of 200 for {all} of {population}");
        }
    }
}
