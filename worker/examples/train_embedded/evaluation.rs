//! How well a model does.

use tch::{Kind, TchError, Tensor};

use crate::{model::Gpt2, sequences::Sequences};

/// How many prompts go through the model at once.
const CHUNK: i64 = 1000;

/// The measures of each target.
pub(crate) struct Evaluation {
    /// The part of the prompts whose target has the highest logit of the whole vocabulary.
    accuracy: Vec<f64>,
    /// The mean of the target's logit minus the highest one of the other candidates.
    logit_difference: Vec<f64>,
}

impl Evaluation {
    pub(crate) fn of(model: &Gpt2, sequences: &Sequences, candidates: &[u32]) -> Result<Self, TchError> {
        let logits = tch::no_grad(|| {
            let chunk_logits: Vec<Tensor> = sequences.chunks(CHUNK).map(|chunk| model.logits(&chunk)).collect();
            Tensor::cat(&chunk_logits, 0)
        });
        let answers = sequences.answers();
        Ok(Self {
            accuracy: mean_over_prompts(&logits.argmax(-1, false).eq_tensor(&answers))?,
            logit_difference: mean_over_prompts(&logit_differences(&logits, &answers, candidates))?,
        })
    }

    /// Accuracy and logit difference of one target after the other.
    pub(crate) fn per_target(&self) -> impl Iterator<Item = (f64, f64)> {
        self.accuracy.iter().copied().zip(self.logit_difference.iter().copied())
    }
}

fn logit_differences(logits: &Tensor, answers: &Tensor, candidates: &[u32]) -> Tensor {
    let answers = answers.unsqueeze(-1);
    let answer_logits = logits.gather(-1, &answers, false);
    let without_answer = logits.scatter_value(-1, &answers, f64::NEG_INFINITY);
    let candidates: Vec<i64> = candidates.iter().copied().map(i64::from).collect();
    let best_other = without_answer.index_select(-1, &Tensor::from_slice(&candidates)).amax([-1].as_slice(), true);
    (answer_logits - best_other).squeeze_dim(-1)
}

/// `[prompt, target]` to one mean per target.
fn mean_over_prompts(values: &Tensor) -> Result<Vec<f64>, TchError> {
    values.mean_dim([0].as_slice(), false, Kind::Double).try_into()
}
