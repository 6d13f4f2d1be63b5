//! Names whose tokens seem to stand elsewhere in the corrupted prompt: positions are those of the clean one.

use std::ops::Range;

use super::super::Inputs;
use super::super::dataset::{Columns, Table};
use super::Found;

/// Tokens beside a name that are looked for in the corrupted prompt; fewer than the least say nothing.
const MOST_BESIDE: usize = 3;
const LEAST_BESIDE: usize = 2;

/// Most tokens that they are looked for away from their place.
const FARTHEST: usize = 8;

/// One line for each name beside which prompts have tokens that stand elsewhere in their corrupted prompts.
///
/// `columns`: with all tokens that prompts begin with, as the names' positions count them.
pub(crate) fn shifted(inputs: &Inputs<'_>, table: &Table<'_>, columns: &Columns, found: &Found) -> Vec<String> {
    let Some(corrupted) = &columns.corrupted else { return Vec::new() };
    let of_name = |(position, spans): (&crate::spec::schema::NamedPosition, &Vec<Range<u32>>)| {
        let pairs = columns.prompts.iter().zip(corrupted).zip(spans);
        let shifts = pairs.enumerate().filter_map(|(line, ((clean, corrupted), span))| {
            Some((line, Shift::of(clean, corrupted, span.start as usize..span.end as usize)?))
        });
        let shifts: Vec<(usize, Shift)> = shifts.collect();
        let (line, Shift { beside, by }) = shifts.first()?;
        let clean = &columns.prompts[*line];
        let text = beside.clone().map(|token| format!("`{}`", table.tokenizer.token_text(clean[token])));
        let text = text.collect::<Vec<_>>().join(" ");
        let (file, number, name) = (table.file, table.lines[*line].number, position.name.get_ref());
        let side = if *by < 0 { "before" } else { "behind" };
        Some(format!(
            "{file} line {number}: {text}, beside position `{name}`, stands {} {side} its place in the corrupted prompt ({} of {} \
             prompts): names are found in the prompt, and are the same numbers in the corrupted one; make both alike, token for token",
            tokens(by.unsigned_abs()),
            shifts.len(),
            table.lines.len(),
        ))
    };
    inputs.spec.position.iter().zip(found).filter_map(of_name).collect()
}

fn tokens(count: usize) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") }
}

/// Tokens beside a name that are not at their place in the corrupted prompt, but near it.
#[derive(Debug, PartialEq, Eq)]
struct Shift {
    beside: Range<usize>,
    by: isize,
}

impl Shift {
    /// Behind the name, or else before it.
    fn of(clean: &[u32], corrupted: &[u32], name: Range<usize>) -> Option<Self> {
        let behind = name.end..clean.len().min(name.end + MOST_BESIDE);
        let before = name.start.saturating_sub(MOST_BESIDE)..name.start;
        let nearest = [(behind.start, behind), (before.end.wrapping_sub(1), before)];
        nearest.into_iter().find_map(|(next, beside)| {
            // Where the nearest token is the same, what differs is another part of the prompt.
            let differs = beside.len() >= LEAST_BESIDE && clean[next] != corrupted[next];
            let by = differs.then(|| elsewhere(&clean[beside.clone()], corrupted, beside.start))??;
            Some(Self { beside, by })
        })
    }
}

/// How far from a place a prompt has some tokens; the nearest.
fn elsewhere(tokens: &[u32], prompt: &[u32], place: usize) -> Option<isize> {
    let steps = (1..=isize::try_from(FARTHEST).unwrap_or(0)).flat_map(|far| [far, -far]);
    let is_there = |&by: &isize| {
        let start = place.checked_add_signed(by);
        start.and_then(|start| prompt.get(start..start + tokens.len())).is_some_and(|there| there == tokens)
    };
    steps.into_iter().find(is_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each letter is a token.
    fn shift(clean: &str, corrupted: &str, name: Range<usize>) -> Option<(String, isize)> {
        let tokens = |text: &str| text.chars().map(u32::from).collect::<Vec<_>>();
        assert_eq!(clean.len(), corrupted.len());
        Shift::of(&tokens(clean), &tokens(corrupted), name).map(|shift| (clean[shift.beside].to_owned(), shift.by))
    }

    #[test]
    fn what_stands_beside_a_name_is_looked_for_near_its_place() {
        let found = |text: &str, by| Some((text.to_owned(), by));
        assert_eq!(shift("^inNYhesaid", "^inOhesaid!", 3..5), found("hes", -1), "a shorter name");
        assert_eq!(shift("^inOhesaid!", "^inNYhesaid", 3..4), found("hes", 1), "a longer one");
        assert_eq!(shift("^visitNYQnow", "^tovisitPnow", 6..8), found("sit", 2), "what is shorter is longer before it");
        assert_eq!(shift("^visitNYnow", "^visitPQnow", 6..8), None, "alike");
        assert_eq!(shift("^AaandBbmet", "^BbandAamet", 1..2), None, "two names that change places");
        assert_eq!(shift("^AandBmetAx", "^BandAmetBx", 1..2), None);
        assert_eq!(shift("^NYx", "^Oxy", 1..3), None, "one token behind it says nothing");
        assert_eq!(shift("NYhe", "Ohey", 0..2), found("he", -1), "a prompt may begin with it");
    }
}
