//! Metrics of one prompt, from its logits.

use ndarray::{Array1, Array2, ArrayView1};
use patchsweep_core::context::Iteration;
use patchsweep_core::metric::{MetricKind, Reduce, ReducedSets, TokenScore};

/// A metric of one prompt: the mean over the read positions.
///
/// `logits`, `clean`: of the run that is scored and of the clean run \[positions, vocabulary\]; `reads`: the prompt's.
pub(crate) fn score(
    kind: &MetricKind,
    logits: &Array2<f64>,
    clean: &Array2<f64>,
    (iteration, reads): (&Iteration, &[u32]),
    prompt: usize,
) -> f64 {
    let at_read = |(place, &read): (usize, &u32)| {
        let (logits, clean) = (logits.row(read as usize), clean.row(read as usize));
        let entry = prompt * reads.len() + place;
        let [answer, wrong] = [&iteration.answers, &iteration.wrong_answers].map(|ids| ids.get(entry).copied());
        match kind {
            MetricKind::Difference(difference) => {
                let number = |side: &ReducedSets| reduced(side, difference.of, &logits, prompt);
                number(&difference.right) - difference.wrong.as_ref().map_or(0.0, number)
            }
            MetricKind::Kl => {
                let (p, q) = (log_softmax(&clean), log_softmax(&logits));
                (p.mapv(f64::exp) * (&p - &q)).sum()
            }
            kind => of_answer(kind, &logits, answer.expect("an answer"), wrong),
        }
    };
    let scores: Array1<f64> = reads.iter().enumerate().map(at_read).collect();
    scores.mean().expect("at least one read position")
}

/// Σ, mean, maximum or log Σ exp of what is taken of the tokens in a prompt's set.
fn reduced(side: &ReducedSets, of: TokenScore, logits: &ArrayView1<'_, f64>, prompt: usize) -> f64 {
    let numbers = match of {
        TokenScore::Logit => logits.to_owned(),
        TokenScore::Logprob => log_softmax(logits),
        TokenScore::Prob => log_softmax(logits).mapv(f64::exp),
    };
    let set: Array1<f64> = side.sets.of(prompt).iter().map(|&token| numbers[token as usize]).collect();
    match side.reduce {
        Reduce::Sum => set.sum(),
        Reduce::Mean => set.mean().expect("a token"),
        Reduce::Max => set.fold(f64::NEG_INFINITY, |a, &b| a.max(b)),
        Reduce::Logsumexp => set.mapv(f64::exp).sum().ln(),
    }
}

fn of_answer(kind: &MetricKind, logits: &ArrayView1<'_, f64>, answer: u32, wrong: Option<u32>) -> f64 {
    let logit = |token: u32| logits[token as usize];
    let others = |candidates: &[u32]| -> Array1<f64> {
        candidates.iter().filter(|&&candidate| candidate != answer).map(|&candidate| logit(candidate)).collect()
    };
    match kind {
        MetricKind::LogitDiffMax { candidates } => {
            logit(answer) - others(candidates).fold(f64::NEG_INFINITY, |a, &b| a.max(b))
        }
        MetricKind::LogitDiffMean { candidates } => {
            logit(answer) - others(candidates).mean().expect("another candidate than the answer")
        }
        MetricKind::LogitDiff => logit(answer) - logit(wrong.expect("a wrong answer")),
        MetricKind::Logprob => log_softmax(logits)[answer as usize],
        MetricKind::Prob => log_softmax(logits)[answer as usize].exp(),
        MetricKind::Kl | MetricKind::Difference(_) => unreachable!("scores no answer"),
    }
}

fn log_softmax(logits: &ArrayView1<'_, f64>) -> Array1<f64> {
    let largest = logits.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let log_sum = logits.mapv(|logit| (logit - largest).exp()).sum().ln();
    logits.mapv(|logit| logit - largest - log_sum)
}
