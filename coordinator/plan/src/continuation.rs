//! Answers that do not go on where the prompt is read.

use std::collections::HashMap;

use patchsweep_core::metric::Metric;

use super::prompts::Prompts;
use super::scoring::Scored;
use super::spots::Places;
use super::{Inputs, PromptTokenizer};

/// Tokens that are scored as the rest of a word, and tokens of answers behind others than the answer's own.
pub(super) fn warnings(
    inputs: &Inputs<'_>,
    prompts: &Prompts,
    places: &Places,
    scored: &[Scored],
    metrics: &[Metric],
) -> Vec<String> {
    let Some(tokenizer) = inputs.tokenizer else { return Vec::new() };
    let read = Read { prompts, places, tokenizer };
    let answers = scored.iter().find_map(|scored| read.answers_without_space(scored));
    let of_metric = |metric: &Metric| scored.iter().find_map(|scored| read.sets_without_space(scored, metric));
    let sets = metrics.iter().filter_map(of_metric);
    let behind = scored.iter().find_map(|scored| read.behind_other_tokens(scored));
    answers.into_iter().chain(sets).chain(behind).collect()
}

/// Prompts, and where they are read.
struct Read<'a> {
    prompts: &'a Prompts,
    places: &'a Places,
    tokenizer: &'a PromptTokenizer,
}

/// A token that is scored behind another one.
struct Pair {
    prompt: u32,
    behind: u32,
    token: u32,
}

impl Read<'_> {
    /// A prompt's tokens up to one of the read positions, which it has.
    fn up_to(&self, scored: &Scored, read: usize, prompt: u32) -> &[u32] {
        let position = self.places.of_prompt(&scored.reads[read..=read], prompt)[0];
        &self.prompts.clean.row(prompt)[..=position as usize]
    }

    /// Each prompt with each read position that asks for the beginning of an answer.
    fn beginnings(&self, scored: &Scored) -> impl Iterator<Item = (u32, usize)> {
        // With token ids, entries are the iterations' own.
        let is_text = self.prompts.lines.is_some();
        let reads: Vec<usize> = (0..scored.reads.len()).filter(|&read| !is_text || scored.entries[read] == 0).collect();
        (0..self.prompts.clean.prompts())
            .flat_map(move |prompt| reads.clone().into_iter().map(move |read| (prompt, read)))
    }

    fn answers_without_space(&self, scored: &Scored) -> Option<String> {
        let pair = |(prompt, read): (u32, usize)| {
            let token = *scored.answers.get(prompt as usize * scored.reads.len() + read)?;
            Some(Pair { prompt, behind: *self.up_to(scored, read, prompt).last()?, token })
        };
        self.without_space(|| self.beginnings(scored).filter_map(pair), "answer", "answer")
    }

    fn sets_without_space(&self, scored: &Scored, metric: &Metric) -> Option<String> {
        let pairs = |(prompt, read): (u32, usize)| {
            let behind = self.up_to(scored, read, prompt).last().copied();
            let tokens = metric.kind.token_sets().flat_map(move |sets| sets.of(prompt as usize)).copied();
            tokens.filter_map(move |token| Some(Pair { prompt, behind: behind?, token }))
        };
        let which = format!("token of metric `{}`", metric.name);
        self.without_space(|| self.beginnings(scored).flat_map(pairs), "token", &which)
    }

    /// Where no token begins with a space, although it could, and those before them end in letters.
    ///
    /// `pairs`: prompt by prompt; there may be too many to keep.
    fn without_space<I: Iterator<Item = Pair>>(
        &self,
        pairs: impl Fn() -> I,
        what: &str,
        which: &str,
    ) -> Option<String> {
        let (mut begins, mut letters, mut spaced) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut begins_with_space =
            |pair: Pair| *begins.entry(pair.token).or_insert_with(|| self.tokenizer.begins_with_space(pair.token));
        if pairs().any(&mut begins_with_space) {
            return None;
        }
        let is_rest = |pair: &Pair| {
            *letters.entry(pair.behind).or_insert_with(|| self.tokenizer.ends_in_a_letter(pair.behind))
                && spaced.entry(pair.token).or_insert_with(|| self.tokenizer.spaced(pair.token)).is_some()
        };
        let (mut first, mut last, mut count) = (None, None, 0);
        for pair in pairs().filter(is_rest) {
            count += u32::from(last != Some(pair.prompt));
            last = Some(pair.prompt);
            first.get_or_insert(pair);
        }
        let Pair { prompt, behind, token } = first?;
        let [behind, text] = [behind, token].map(|id| self.tokenizer.token_text(id));
        Some(format!(
            "in {} the {what} `{text}` is scored behind `{behind}` as the rest of a word: no {which} begins with a space ({count} of {} \
             prompts); if a word of its own is meant, write it with the space, ` {text}`, which is a token as well",
            self.prompts.name(prompt as usize),
            self.prompts.clean.prompts(),
        ))
    }

    /// Where a token of an answer, but its first, is read behind others than the answer's tokens before it.
    fn behind_other_tokens(&self, scored: &Scored) -> Option<String> {
        let (Some(answers), Some(_)) = (&self.prompts.answers, &self.prompts.lines) else { return None };
        let prompts = 0..self.prompts.clean.prompts();
        let others = |&(prompt, read): &(u32, usize)| {
            let own = &answers[prompt as usize][..scored.entries[read]];
            !self.up_to(scored, read, prompt).ends_with(own)
        };
        let in_prompt = |prompt| (0..scored.reads.len()).map(move |read| (prompt, read)).find(others);
        let mut found = prompts.filter_map(in_prompt);
        let (prompt, read) = found.next()?;
        let count = 1 + found.count();
        let (entry, answer) = (scored.entries[read], &answers[prompt as usize]);
        let there = self.up_to(scored, read, prompt);
        Some(format!(
            "in {} `answer = {entry}` scores {} behind {}, where the answer's tokens up to it would be {} ({count} of {} prompts): the \
             score is not that of the answer",
            self.prompts.name(prompt as usize),
            self.texts(&answer[entry..=entry]),
            self.texts(&there[there.len().saturating_sub(entry)..]),
            self.texts(&answer[..entry]),
            self.prompts.clean.prompts(),
        ))
    }

    fn texts(&self, ids: &[u32]) -> String {
        let texts: Vec<String> = ids.iter().map(|&id| format!("`{}`", self.tokenizer.token_text(id))).collect();
        texts.join(" ")
    }
}

#[cfg(test)]
mod tests;
