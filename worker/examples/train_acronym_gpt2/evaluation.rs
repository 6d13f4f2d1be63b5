//! How well a model does on the prompts of `acronyms.txt`.

use std::fmt;

use patchsweep_data::tokenizer::Vocabulary;
use tch::{Kind, TchError, Tensor};

use crate::{batches::test_sequences, model::Gpt2};

/// How many prompts go through the model at once.
const CHUNK: i64 = 1000;

/// The measures of each of the three letters.
pub(crate) struct Evaluation {
    /// The part of the prompts whose letter has the highest logit of the whole vocabulary.
    accuracy: Vec<f64>,
    /// The mean of the letter's logit minus the highest one of the other 25 letters.
    logit_difference: Vec<f64>,
}

impl Evaluation {
    pub(crate) fn of(model: &Gpt2, vocabulary: &Vocabulary) -> Result<Self, TchError> {
        let sequences = test_sequences(vocabulary);
        let logits = tch::no_grad(|| {
            let chunk_logits: Vec<Tensor> = sequences.chunks(CHUNK).map(|chunk| model.letter_logits(&chunk)).collect();
            Tensor::cat(&chunk_logits, 0)
        });
        let answers = sequences.letters();
        Ok(Self {
            accuracy: mean_over_prompts(&logits.argmax(-1, false).eq_tensor(&answers))?,
            logit_difference: mean_over_prompts(&logit_differences(&logits, &answers, vocabulary))?,
        })
    }
}

fn logit_differences(logits: &Tensor, answers: &Tensor, vocabulary: &Vocabulary) -> Tensor {
    let answers = answers.unsqueeze(-1);
    let answer_logits = logits.gather(-1, &answers, false);
    let without_answer = logits.scatter_value(-1, &answers, f64::NEG_INFINITY);
    let letter_ids: Vec<i64> = vocabulary.letter_ids().into_iter().map(i64::from).collect();
    let best_other = without_answer.index_select(-1, &Tensor::from_slice(&letter_ids)).amax([-1].as_slice(), true);
    (answer_logits - best_other).squeeze_dim(-1)
}

/// `[prompt, letter]` to one mean per letter.
fn mean_over_prompts(values: &Tensor) -> Result<Vec<f64>, TchError> {
    values.mean_dim([0].as_slice(), false, Kind::Double).try_into()
}

impl fmt::Display for Evaluation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, accuracy) in self.accuracy.iter().enumerate() {
            let difference = self.logit_difference[letter];
            writeln!(
                formatter,
                "letter {letter}: {:.2} % right, mean logit difference {difference:.2}",
                100.0 * accuracy
            )?;
        }
        Ok(())
    }
}
