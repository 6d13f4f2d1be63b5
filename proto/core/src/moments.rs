//! Means and variances that merge exactly.

/// Count, mean and centred second moment of some numbers.
///
/// Merging follows Chan, Golub and `LeVeque`, "Updating Formulae and a Pairwise Algorithm for Computing
/// Sample Variances" (1979): unequal batches never get equal weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many numbers.
    pub count: u64,
    /// Their mean; 0 when there are none.
    pub mean: f64,
    /// Sum of squared differences from the mean.
    pub m2: f64,
}

impl Moments {
    /// Of a list of numbers.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Self {
        if numbers.is_empty() {
            return Self::default();
        }
        let count = numbers.len() as u64;
        let mean = numbers.iter().sum::<f64>() / to_f64(count);
        let m2 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
        Self { count, mean, m2 }
    }

    /// Of both lists together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if self.count == 0 {
            return other;
        }
        if other.count == 0 {
            return self;
        }
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        let share = to_f64(other.count) / to_f64(count);
        // From infinity on, a step towards the other mean would lead nowhere.
        let mean = if delta.is_finite() { self.mean + delta * share } else { self.mean + other.mean };
        Self { count, mean, m2: self.m2 + other.m2 + delta * delta * to_f64(self.count) * share }
    }

    /// Standard error of the mean, sqrt(m2 / (n − 1) / n); NaN for fewer than two numbers.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        if self.count < 2 {
            return f64::NAN;
        }
        let n = to_f64(self.count);
        (self.m2 / (n - 1.0) / n).sqrt()
    }
}

/// Counts stay far below 2^53, where this is exact.
#[allow(clippy::cast_precision_loss)]
fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_infinite_number_makes_an_infinite_mean_on_either_side() {
        let (infinite, finite) = (Moments::of(&[f64::INFINITY, 1.0]), Moments::of(&[2.0, 3.0]));
        for merged in [infinite.merge(finite), finite.merge(infinite), infinite.merge(infinite)] {
            assert_eq!(merged.mean.to_bits(), f64::INFINITY.to_bits());
        }
        assert!(infinite.merge(Moments::of(&[f64::NEG_INFINITY])).mean.is_nan());
        assert!(finite.merge(Moments::of(&[f64::NAN])).mean.is_nan());
    }

    #[test]
    fn any_cut_merges_to_the_moments_of_the_whole() {
        let numbers: Vec<f64> = (0..37u32).map(|i| f64::from(i * i % 23) - 7.5).collect();
        let whole = Moments::of(&numbers);
        for cut in 0..=numbers.len() {
            let (left, right) = numbers.split_at(cut);
            let merged = Moments::of(left).merge(Moments::of(right));
            assert_eq!(merged.count, whole.count);
            assert!((merged.mean - whole.mean).abs() < 1e-12);
            assert!((merged.m2 - whole.m2).abs() < 1e-9);
        }
    }

    #[test]
    fn standard_error_is_that_of_the_sample() {
        // 1, 2, 3, 4: sample variance 5/3, divided by 4.
        let moments = Moments::of(&[1.0, 2.0, 3.0, 4.0]);
        assert!((moments.standard_error() - (5.0f64 / 12.0).sqrt()).abs() < 1e-15);
        assert!(Moments::of(&[1.0]).standard_error().is_nan());
    }
}
