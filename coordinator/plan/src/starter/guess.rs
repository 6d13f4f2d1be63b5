//! What a dataset's tokens say about the experiment that they were made for.

use std::collections::BTreeSet;

use super::Known;

/// More candidates than this are no list that a person reads.
const MOST_CANDIDATES: usize = 64;

/// One patching experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Experiment {
    /// Positions that differ between prompts and are read over; empty: all prompts are alike there.
    pub(super) corrupt: Vec<usize>,
    pub(super) read: usize,
    /// Which of the answer's tokens.
    pub(super) answer: usize,
}

/// Where corrupted prompts may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The dataset has them.
    Pairs,
    /// Other prompts.
    Permute,
    /// All prompts are alike, so that others have nothing to give.
    Noise,
}

/// What may be scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Score {
    /// Against the dataset's wrong answers.
    Wrong,
    /// Against the other capital letters.
    Letters,
    /// Against the other answers, by their text.
    Candidates(Vec<String>),
    /// By itself.
    Logprob,
}

/// One experiment for each answer token that a prompt can be read for: where prompts end with the first tokens of their
/// answers, those are read as well, each at the position before it.
pub(super) fn experiments(known: &Known<'_>) -> Vec<Experiment> {
    let outline = known.outline;
    let positions = outline.prompts[0].len();
    let begun = begun(known);
    let varying: Vec<usize> =
        (usize::from(known.has_bos)..positions - begun).filter(|&pos| varies(known, pos)).collect();
    let experiment = |answer: usize| {
        let read = positions - 1 - begun + answer;
        Experiment { corrupt: varying.iter().copied().filter(|&pos| pos <= read).collect(), read, answer }
    };
    (0..=begun).map(experiment).collect()
}

/// How many of their answers' first tokens all prompts end with; one token of the answer is always left to be written.
fn begun(known: &Known<'_>) -> usize {
    let outline = known.outline;
    let ends_with = |count: usize| {
        outline.prompts.iter().zip(&outline.answers).all(|(prompt, answer)| prompt.ends_with(&answer[..count]))
    };
    let shortest = outline.answers.iter().map(Vec::len).min().unwrap_or(1);
    let most = shortest.min(outline.prompts[0].len() - usize::from(known.has_bos)) - 1;
    (1..=most).rev().find(|&count| ends_with(count)).unwrap_or(0)
}

fn varies(known: &Known<'_>, pos: usize) -> bool {
    let prompts = &known.outline.prompts;
    prompts.iter().any(|prompt| prompt[pos] != prompts[0][pos])
}

pub(super) fn origin(known: &Known<'_>, experiments: &[Experiment]) -> Origin {
    if known.outline.has_corrupted {
        Origin::Pairs
    } else if experiments.iter().all(|experiment| experiment.corrupt.is_empty()) {
        Origin::Noise
    } else {
        Origin::Permute
    }
}

pub(super) fn score(known: &Known<'_>, experiments: &[Experiment]) -> Score {
    if known.outline.has_wrong {
        return Score::Wrong;
    }
    let answers = &known.outline.answers;
    let scored: BTreeSet<u32> =
        experiments.iter().flat_map(|experiment| answers.iter().map(|answer| answer[experiment.answer])).collect();
    let is_candidate = |text: &str, id: u32| known.tokenizer.encode_answer(text).is_ok_and(|ids| ids == [id]);
    let letters: Option<BTreeSet<u32>> = ('A'..='Z')
        .map(|letter| known.tokenizer.encode_answer(letter.encode_utf8(&mut [0; 4])).ok().filter(|ids| ids.len() == 1))
        .map(|ids| ids.map(|ids| ids[0]))
        .collect();
    if letters.is_some_and(|letters| scored.is_subset(&letters)) {
        return Score::Letters;
    }
    let texts: Vec<String> = scored.iter().map(|&id| known.tokenizer.token_text(id)).collect();
    let are_candidates = texts.iter().zip(&scored).all(|(text, &id)| is_candidate(text, id));
    if are_candidates && (2..=MOST_CANDIDATES).contains(&texts.len()) {
        Score::Candidates(texts)
    } else {
        Score::Logprob
    }
}
