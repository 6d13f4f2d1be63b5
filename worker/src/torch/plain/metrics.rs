//! Metrics of one prompt at one read position, from all of its logits.

use patchsweep_core::metric::{Difference, MetricKind, Reduce, ReducedSets, TokenScore};

/// What a metric reads.
pub(crate) struct At {
    /// \[vocabulary\]
    pub(crate) logits: Vec<f64>,
    /// Of the clean run \[vocabulary\].
    pub(crate) clean: Vec<f64>,
    /// Its index in the sweep.
    pub(crate) prompt: usize,
    pub(crate) answer: Option<u32>,
    pub(crate) wrong_answer: Option<u32>,
}

pub(crate) fn score(kind: &MetricKind, at: &At) -> f64 {
    let logit = |token: u32| at.logits[token as usize];
    let answer = || at.answer.expect("a context with this metric has answers");
    let others = |candidates: &[u32]| -> Vec<f64> {
        candidates.iter().filter(|&&candidate| candidate != answer()).map(|&candidate| logit(candidate)).collect()
    };
    match kind {
        MetricKind::LogitDiffMax { candidates } => {
            logit(answer()) - others(candidates).into_iter().fold(f64::NEG_INFINITY, larger)
        }
        MetricKind::LogitDiffMean { candidates } => {
            let others = others(candidates);
            logit(answer())
                - others.iter().sum::<f64>() / f64::from(u32::try_from(others.len()).expect("no more than tokens"))
        }
        MetricKind::LogitDiff => match at.wrong_answer {
            Some(wrong) => logit(answer()) - logit(wrong),
            None => unreachable!("a context with this metric has wrong answers"),
        },
        MetricKind::Logprob => log_probability(&at.logits, answer()),
        MetricKind::Prob => log_probability(&at.logits, answer()).exp(),
        MetricKind::Kl => {
            let (clean_sum, own_sum) = (log_sum_exp(&at.clean), log_sum_exp(&at.logits));
            let term = |(&clean, &own): (&f64, &f64)| {
                let (p, q) = (clean - clean_sum, own - own_sum);
                p.exp() * (p - q)
            };
            at.clean.iter().zip(&at.logits).map(term).sum()
        }
        MetricKind::Difference(Difference { of, right, wrong }) => {
            reduced(right, *of, at) - wrong.as_ref().map_or(0.0, |wrong| reduced(wrong, *of, at))
        }
    }
}

fn reduced(side: &ReducedSets, of: TokenScore, at: &At) -> f64 {
    let number = |&token: &u32| match of {
        TokenScore::Logit => at.logits[token as usize],
        TokenScore::Logprob => log_probability(&at.logits, token),
        TokenScore::Prob => log_probability(&at.logits, token).exp(),
    };
    let numbers: Vec<f64> = side.sets.of(at.prompt).iter().map(number).collect();
    let sum = || numbers.iter().sum::<f64>();
    match side.reduce {
        Reduce::Sum => sum(),
        Reduce::Mean => sum() / f64::from(u32::try_from(numbers.len()).expect("no more than tokens")),
        Reduce::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, larger),
        Reduce::Logsumexp => log_sum_exp(&numbers),
    }
}

/// Not `f64::max`, which would pass over a NaN.
fn larger(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

fn log_probability(logits: &[f64], token: u32) -> f64 {
    logits[token as usize] - log_sum_exp(logits)
}

fn log_sum_exp(logits: &[f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use patchsweep_core::token_sets::TokenSets;

    use super::*;

    fn at(logits: &[f64]) -> At {
        At { logits: logits.to_vec(), clean: vec![0.0; 3], prompt: 1, answer: Some(0), wrong_answer: Some(2) }
    }

    #[test]
    fn metrics_are_what_their_names_say() {
        let at = at(&[2.0_f64.ln(), 0.0, 0.0]);
        let close = |kind: MetricKind, wanted: f64| assert!((score(&kind, &at) - wanted).abs() < 1e-12, "{kind:?}");
        close(MetricKind::LogitDiffMax { candidates: vec![0, 1, 2] }, 2.0_f64.ln());
        close(MetricKind::LogitDiffMean { candidates: vec![0, 1, 2] }, 2.0_f64.ln());
        close(MetricKind::LogitDiff, 2.0_f64.ln());
        close(MetricKind::Prob, 0.5);
        close(MetricKind::Logprob, 0.5_f64.ln());
        // Σ ⅓ ln(⅓ / q) with q = ½, ¼, ¼.
        close(MetricKind::Kl, (2.0_f64 / 3.0).ln() / 3.0 + 2.0 * (4.0_f64 / 3.0).ln() / 3.0);
    }

    #[test]
    fn differences_are_what_the_definition_says() {
        // softmax: 0.6439, 0.0871, 0.2369, 0.0321.
        let at = At { clean: Vec::new(), answer: None, wrong_answer: None, ..at(&[2.0, 0.0, 1.0, -1.0]) };
        let side = |sets: &[&[u32]], reduce| {
            let sizes = sets.iter().map(|set| u32::try_from(set.len()).expect("small"));
            ReducedSets { sets: TokenSets::new(sets.concat(), sizes).expect("sets"), reduce }
        };
        let close = |of, right: ReducedSets, wrong: Option<ReducedSets>, wanted: f64| {
            let score = score(&MetricKind::Difference(Difference { of, right, wrong }), &at);
            assert!((score - wanted).abs() < 1e-4, "{score} for {wanted}");
        };
        // The second prompt's set, or the one that all have.
        let (right, wrong) = (|reduce| side(&[&[1], &[0, 2]], reduce), |reduce| side(&[&[1, 3]], reduce));
        close(TokenScore::Prob, right(Reduce::Sum), Some(side(&[&[1]], Reduce::Sum)), 0.7937);
        close(TokenScore::Logit, right(Reduce::Mean), Some(wrong(Reduce::Max)), 1.5);
        close(TokenScore::Logprob, right(Reduce::Logsumexp), Some(wrong(Reduce::Logsumexp)), 2.0);
        close(TokenScore::Logit, right(Reduce::Sum), None, 3.0);
    }

    #[test]
    fn a_logit_that_is_no_number_shows() {
        let kind = MetricKind::LogitDiffMax { candidates: vec![0, 1, 2] };
        assert!(score(&kind, &at(&[1.0, f64::NAN, 2.0])).is_nan());
        assert!(score(&MetricKind::Prob, &at(&[1.0, f64::NAN, 2.0])).is_nan());
    }
}
