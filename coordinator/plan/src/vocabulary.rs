//! Token ids that the model has no embedding for.

use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::tokens::TokenMatrix;

use super::{Inputs, PlanError};

/// A token id, and where it stands.
struct Stray {
    id: u32,
    prompt: usize,
    /// In a text dataset.
    part: &'static str,
    /// In a token file.
    path: String,
}

/// Refuses tokens that are not the model's. The one that every prompt begins with has been looked at.
///
/// `lines`: where each prompt stands in a text dataset; `None`: token ids are given outright.
pub(super) fn refuse(inputs: &Inputs<'_>, context: &SweepContext, lines: Option<&[usize]>) -> Result<(), PlanError> {
    let vocabulary = context.architecture.d_vocab;
    let in_clean = in_matrix(&context.clean, vocabulary).map(|(id, prompt, pos)| Stray {
        id,
        prompt,
        part: "prompt",
        path: format!("clean[{prompt}][{pos}]"),
    });
    let mut iterations = context.iterations.iter().enumerate();
    let found =
        in_clean.or_else(|| iterations.find_map(|(index, iteration)| in_iteration(index, iteration, vocabulary)));
    let Some(Stray { id, prompt, part, path }) = found else { return Ok(()) };
    let last = vocabulary.saturating_sub(1);
    let Some(&line) = lines.and_then(|lines| lines.get(prompt)) else {
        let message = format!("{path} is token id {id}, but the model's vocabulary ends at {last}");
        return Err(PlanError::in_dataset(inputs, message));
    };
    let message = format!(
        "the {part} has the token {} (id {id}), but the model's vocabulary ends at {last}: its tokenizer knows tokens that \
         the model has no embedding for",
        inputs.token_name(id)
    );
    Err(PlanError::Dataset { file: inputs.spec.dataset_file().to_owned(), line, message })
}

fn in_iteration(index: usize, iteration: &Iteration, vocabulary: u32) -> Option<Stray> {
    let corrupted = || {
        let (id, prompt, pos) = in_matrix(&iteration.corrupted, vocabulary)?;
        Some(Stray { id, prompt, part: "corrupted prompt", path: format!("corrupted[{index}][{prompt}][{pos}]") })
    };
    let among = |tokens: &[u32], part: &'static str, list: &str| {
        let place = tokens.iter().position(|&id| id >= vocabulary)?;
        let prompt = place / iteration.reads.len().max(1);
        Some(Stray { id: tokens[place], prompt, part, path: format!("one of {list}[{prompt}]") })
    };
    corrupted()
        .or_else(|| among(&iteration.answers, "answer", "answers"))
        .or_else(|| among(&iteration.wrong_answers, "wrong answer", "wrong"))
}

/// The first token beyond the vocabulary: its id, prompt and position.
fn in_matrix(tokens: &TokenMatrix, vocabulary: u32) -> Option<(u32, usize, usize)> {
    let place = tokens.ids().iter().position(|&id| id >= vocabulary)?;
    let mut before = 0;
    (0..tokens.prompts()).find_map(|prompt| {
        let pos = place - before;
        let tokens = tokens.row(prompt);
        before += tokens.len();
        (pos < tokens.len()).then(|| (tokens[pos], prompt as usize, pos))
    })
}

#[cfg(test)]
mod tests {
    use patchsweep_core::status::PlanOptions;

    use super::super::example::{DATASET, config, spec, tokenizer};
    use crate::spec::{Source, Spec};
    use crate::{Inputs, Plan};

    /// The message that refuses the changed spec where the model lacks the last tokens that the tokenizer knows.
    fn refusal(vocabulary: u32, changes: &[(&str, &str)], dataset: &str) -> String {
        let source = Source::new(spec(changes));
        let (parsed, mut config, tokenizer) = (Spec::parse(&source).expect("a spec"), config(), tokenizer());
        config.architecture.d_vocab = vocabulary;
        let inputs = Inputs { source: &source, spec: &parsed, dataset, config: &config, tokenizer: Some(&tokenizer) };
        Plan::build(&inputs, PlanOptions::default()).expect_err("is refused").to_string()
    }

    const NO_BOS: (&str, &str) = ("path = \"d.csv\"", "path = \"d.csv\"\nprepend_bos = false");
    const ENDS: &str = "but the model's vocabulary ends at 7";

    #[test]
    fn the_line_of_a_token_beyond_the_vocabulary_is_named() {
        let changes = [NO_BOS, ("groups = [[1, 4]]", "groups = [[1, 3]]"), ("read = 3", "read = 2")];
        let refused = refusal(8, &changes, DATASET);
        assert_eq!(
            refused,
            format!(
                "d.csv line 4: the answer has the token `z` (id 8), {ENDS}: its tokenizer knows tokens that the model has no \
                 embedding for"
            )
        );
        let prompts = DATASET.replace("d a b,x", "d a z,x");
        assert!(refusal(8, &changes, &prompts).starts_with("d.csv line 5: the prompt has the token `z` (id 8), "));
        let pairs = [NO_BOS, ("kind = \"permute\"\ngroups = [[1, 4]]", "kind = \"pairs\""), ("read = 3", "read = 2")];
        let corrupted = DATASET.replace("a a a", "a a z");
        let refused = refusal(8, &pairs, &corrupted);
        assert!(refused.starts_with("d.csv line 3: the corrupted prompt has the token `z` (id 8), "), "{refused}");
    }
}
