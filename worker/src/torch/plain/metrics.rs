//! Metrics of one prompt at one read position, from all of its logits.

use patchsweep_core::metric::MetricKind;

/// What a metric reads.
pub(crate) struct At {
    /// \[vocabulary\]
    pub(crate) logits: Vec<f64>,
    /// Of the clean run \[vocabulary\].
    pub(crate) clean: Vec<f64>,
    pub(crate) answer: u32,
    pub(crate) wrong_answer: Option<u32>,
}

pub(crate) fn score(kind: &MetricKind, at: &At) -> f64 {
    let logit = |token: u32| at.logits[token as usize];
    let others = |candidates: &[u32]| -> Vec<f64> {
        candidates.iter().filter(|&&candidate| candidate != at.answer).map(|&candidate| logit(candidate)).collect()
    };
    match kind {
        MetricKind::LogitDiffMax { candidates } => {
            // Not `f64::max`, which would pass over a NaN.
            let larger = |a: f64, b: f64| if a > b || a.is_nan() { a } else { b };
            logit(at.answer) - others(candidates).into_iter().fold(f64::NEG_INFINITY, larger)
        }
        MetricKind::LogitDiffMean { candidates } => {
            let others = others(candidates);
            logit(at.answer)
                - others.iter().sum::<f64>() / f64::from(u32::try_from(others.len()).expect("no more than tokens"))
        }
        MetricKind::LogitDiff => match at.wrong_answer {
            Some(wrong) => logit(at.answer) - logit(wrong),
            None => unreachable!("a context with this metric has wrong answers"),
        },
        MetricKind::Logprob => log_probability(&at.logits, at.answer),
        MetricKind::Prob => log_probability(&at.logits, at.answer).exp(),
        MetricKind::Kl => {
            let (clean_sum, own_sum) = (log_sum_exp(&at.clean), log_sum_exp(&at.logits));
            let term = |(&clean, &own): (&f64, &f64)| {
                let (p, q) = (clean - clean_sum, own - own_sum);
                p.exp() * (p - q)
            };
            at.clean.iter().zip(&at.logits).map(term).sum()
        }
    }
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
    use super::*;

    fn at(logits: &[f64]) -> At {
        At { logits: logits.to_vec(), clean: vec![0.0; 3], answer: 0, wrong_answer: Some(2) }
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
    fn a_logit_that_is_no_number_shows() {
        let kind = MetricKind::LogitDiffMax { candidates: vec![0, 1, 2] };
        assert!(score(&kind, &at(&[1.0, f64::NAN, 2.0])).is_nan());
        assert!(score(&MetricKind::Prob, &at(&[1.0, f64::NAN, 2.0])).is_nan());
    }
}
