//! Metrics of one run, read position by read position.

/// Metrics of one run of some prompts, float32 \[metrics, reads, prompts\].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RunScores {
    reads: usize,
    prompts: usize,
    numbers: Vec<f32>,
}

impl RunScores {
    /// Of one list \[metrics, prompts\] for each read position.
    pub(crate) fn new(by_read: &[&[f32]], prompts: usize) -> Self {
        let metrics = by_read.first().map_or(0, |read| read.len()) / prompts.max(1);
        let row = |metric: usize| by_read.iter().flat_map(move |read| &read[metric * prompts..][..prompts]);
        Self { reads: by_read.len(), prompts, numbers: (0..metrics).flat_map(row).copied().collect() }
    }

    /// One metric at one read position \[prompts\].
    pub(crate) fn of_mut(&mut self, metric: usize, read: usize) -> &mut [f32] {
        &mut self.numbers[(metric * self.reads + read) * self.prompts..][..self.prompts]
    }

    /// Means over the read positions \[metrics\]\[prompts\].
    pub(crate) fn averaged(&self) -> Vec<Vec<f32>> {
        let mean = |metric: &[f32], prompt: usize| {
            let sum: f64 = metric[prompt..].iter().step_by(self.prompts).map(|&score| f64::from(score)).sum();
            to_f32(sum / to_f64(self.reads))
        };
        let metrics = self.numbers.chunks(self.reads * self.prompts);
        metrics.map(|metric| (0..self.prompts).map(|prompt| mean(metric, prompt)).collect()).collect()
    }
}

/// A metric is a float32; so is the mean of some.
#[allow(clippy::cast_possible_truncation)]
fn to_f32(number: f64) -> f32 {
    number as f32
}

/// Read positions are few.
#[allow(clippy::cast_precision_loss)]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::RunScores;

    #[test]
    fn metrics_are_averaged_over_their_read_positions() {
        // Two metrics of three prompts at two read positions.
        let first = vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        let second = vec![3.0, 4.0, 5.0, 30.0, 40.0, 50.0];
        let mut scores = RunScores::new(&[&first, &second], 3);
        assert_eq!(scores.averaged(), [[2.0, 3.0, 4.0], [20.0, 30.0, 40.0]]);
        scores.of_mut(1, 0)[2] = 0.0;
        assert_eq!(scores.averaged()[1], [20.0, 30.0, 25.0]);
    }
}
