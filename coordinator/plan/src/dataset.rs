//! Prompts from text: one per line.

use patchsweep_core::tokens::TokenMatrix;

use std::collections::BTreeMap;

use super::beginning::{Beginning, beginning};
use super::columns::Wanted;
use super::corruption::Scheme;
use super::odd_lines::OddLines;
use super::prompts::{self, Prompts};
use super::rows::Rows;
use super::single_tokens::SingleTokens;
use super::table::{self, Line, SEPARATOR};
use super::tokenizer::TextPart;
use super::{Inputs, PlanError, PromptTokenizer, draw, metrics, refuse, spots, tokenization};

pub(super) fn read(inputs: &Inputs<'_>, scheme: &Scheme<'_>) -> Result<Prompts, PlanError> {
    let tokenizer = inputs.tokenizer.ok_or_else(|| PlanError::Tokenizer {
        file: "tokenizer.json",
        message: "missing in the model's folder; without it give token ids (`tokens = \"…\"`)".to_owned(),
    })?;
    let (file, wanted) = (inputs.spec.dataset_file(), Wanted::by(inputs));
    wanted.refuse_ignored()?;
    let table::Lines { lines, remarks: mut warnings } = table::read(file, inputs.dataset, &wanted)?;
    let table = Table { file, lines: &lines, tokenizer };
    let mut columns = table.columns(inputs, scheme)?;
    let sets = table.sets(inputs, &wanted)?;
    warnings.extend(tokenization::warnings(&table, &columns));
    let Beginning { bos, warnings: more } = beginning(inputs, tokenizer)?;
    warnings.extend(more);
    let column = |name: &str| wanted.named().position(|named| named == name).expect("the spec names it");
    let (named, more) = spots::find(inputs, &table, bos.map_or(0, |_| 1), column)?;
    warnings.extend(more);
    if let Some(bos) = bos {
        warnings.extend(tokenization::begins_twice(&table, &columns, bos));
        columns.prompts.iter_mut().chain(columns.corrupted.iter_mut().flatten()).for_each(|row| row.insert(0, bos));
    }
    warnings.extend(spots::shifted(inputs, &table, &columns, &named));
    let samples = inputs.spec.dataset.get_ref().samples.as_ref();
    let count = samples.map_or(lines.len(), |samples| *samples.get_ref() as usize);
    let longest = columns.prompts.iter().map(Vec::len).max().unwrap_or(0);
    refuse::size(inputs, count, longest)?;
    let chosen = choose(inputs, lines.len())?;
    let take = |rows: &Vec<Vec<u32>>| chosen.iter().map(|&line| rows[line].clone()).collect::<Vec<_>>();
    let matrix = |rows: &Vec<Vec<u32>>| {
        TokenMatrix::from_any_rows(&take(rows)).map_err(|error| PlanError::in_dataset(inputs, error.to_string()))
    };
    let clean = matrix(&columns.prompts)?;
    let too_many = |message: String| PlanError::in_dataset(inputs, message);
    Ok(Prompts {
        labels: clean.row(0).iter().map(|&id| tokenizer.token_text(id)).collect(),
        corrupted: columns.corrupted.iter().map(matrix).collect::<Result<_, _>>()?,
        answers: columns.answers.as_ref().map(take),
        wrong: columns.wrong.as_ref().map(take),
        sets: sets
            .into_iter()
            .map(|(name, rows)| Ok((name, rows.chosen(&chosen).map_err(too_many)?)))
            .collect::<Result<_, PlanError>>()?,
        named: named.iter().map(|found| chosen.iter().map(|&line| found[line].clone()).collect()).collect(),
        digest: prompts::digest(chosen.iter().map(|&line| &lines[line].prompt)),
        lines: Some(chosen.iter().map(|&line| lines[line].number).collect()),
        clean,
        warnings,
    })
}

/// Token ids \[lines\]\[tokens\] of everything that the sweep needs; a corrupted prompt is as long as its clean one.
pub(super) struct Columns {
    pub(super) prompts: Vec<Vec<u32>>,
    pub(super) answers: Option<Vec<Vec<u32>>>,
    pub(super) wrong: Option<Vec<Vec<u32>>>,
    pub(super) corrupted: Option<Vec<Vec<u32>>>,
}

/// What turns columns into token ids.
pub(super) struct Table<'a> {
    pub(super) file: &'a str,
    pub(super) lines: &'a [Line],
    pub(super) tokenizer: &'a PromptTokenizer,
}

/// A column of a dataset.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// An absent text is empty.
    text: fn(&Line) -> &str,
    pub(super) part: TextPart,
}

pub(super) const PROMPT: Column = Column { name: "prompt", text: |line| &line.prompt, part: TextPart::Beginning };
pub(super) const ANSWER: Column =
    Column { name: "answer", text: |line| line.answer.as_deref().unwrap_or(""), part: TextPart::Continuation };
pub(super) const WRONG: Column =
    Column { name: "wrong answer", text: |line| line.wrong.as_deref().unwrap_or(""), part: TextPart::Continuation };
pub(super) const CORRUPTED: Column = Column {
    name: "corrupted prompt",
    text: |line| line.corrupted.as_deref().unwrap_or(""),
    part: TextPart::Beginning,
};

impl<'a> Table<'a> {
    fn columns(&self, inputs: &Inputs<'_>, scheme: &Scheme<'_>) -> Result<Columns, PlanError> {
        let first = &self.lines[0];
        let prompts = self.prompts()?;
        let answers = if metrics::need_answers(inputs.spec) { Some(self.answers()?) } else { None };
        answers.iter().try_for_each(|rows| self.one_text_each(ANSWER, rows))?;
        let (mut wrong, mut corrupted) = (None, None);
        if first.wrong.is_some() && metrics::need_wrong_answers(inputs.spec) {
            let rows = wrong.insert(self.encode(WRONG)?);
            self.not_empty(WRONG, rows)?;
            self.one_text_each(WRONG, rows)?;
        }
        if let Scheme::Pairs { kind } = scheme {
            if first.corrupted.is_none() {
                let message = "`pairs` needs a dataset with a column `corrupted`, a .csv file".to_owned();
                return Err(inputs.source.error(kind.clone(), message).into());
            }
            let rows = corrupted.insert(self.encode(CORRUPTED)?);
            self.as_long_as(&prompts, rows)?;
        }
        Ok(Columns { prompts, answers, wrong, corrupted })
    }

    /// Token ids \[lines\]\[tokens\].
    pub(super) fn prompts(&self) -> Result<Vec<Vec<u32>>, PlanError> {
        let prompts = self.encode(PROMPT)?;
        self.not_empty(PROMPT, &prompts)?;
        Ok(prompts)
    }

    /// Token ids \[lines\]\[tokens\]; of any lengths, because only some of the tokens are scored.
    pub(super) fn answers(&self) -> Result<Vec<Vec<u32>>, PlanError> {
        let answers = self.encode(ANSWER)?;
        self.not_empty(ANSWER, &answers)?;
        Ok(answers)
    }

    /// Token ids of the sets in each column that the spec names, a list for each line.
    fn sets(&self, inputs: &Inputs<'_>, wanted: &Wanted<'_>) -> Result<BTreeMap<String, Rows>, PlanError> {
        let mut tokens = SingleTokens::of(self.tokenizer);
        let is_set = |name: &str| metrics::columns(inputs.spec).any(|column| column.get_ref() == name);
        let columns = wanted.named().enumerate().filter(|(_, name)| is_set(name));
        columns.map(|(place, name)| Ok((name.to_owned(), self.sets_of(&mut tokens, place, name)?))).collect()
    }

    fn sets_of(&self, tokens: &mut SingleTokens<'a>, place: usize, name: &str) -> Result<Rows, PlanError> {
        let mut rows = Rows::default();
        for (index, line) in self.lines.iter().enumerate() {
            let refuse = |message: String| self.refuse(index, format!("column `{name}`: {message}"));
            if line.named[place].is_empty() {
                return Err(refuse("an empty set of tokens: give at least one".to_owned()));
            }
            for piece in line.named[place].split(SEPARATOR) {
                rows.push(tokens.id(piece).map_err(refuse)?).map_err(refuse)?;
            }
            rows.end_list();
        }
        Ok(rows)
    }

    /// The texts of a column.
    pub(super) fn texts(&self, column: Column) -> Vec<&'a str> {
        self.lines.iter().map(column.text).collect()
    }

    /// Token ids \[lines\]\[tokens\] of a column.
    fn encode(&self, column: Column) -> Result<Vec<Vec<u32>>, PlanError> {
        let ids = self.tokenizer.encode(&self.texts(column), column.part);
        ids.map_err(|error| self.refuse(error.text, error.message))
    }

    fn not_empty(&self, column: Column, rows: &[Vec<u32>]) -> Result<(), PlanError> {
        let Some(empty) = rows.iter().position(Vec::is_empty) else { return Ok(()) };
        Err(self.refuse(empty, format!("the {} is empty", column.name)))
    }

    /// Refuses sets of texts where single tokens are scored: as running text, their first token would stand for all.
    fn one_text_each(&self, column: Column, rows: &[Vec<u32>]) -> Result<(), PlanError> {
        let texts = self.texts(column);
        let are_several = |text: &str| text.split(SEPARATOR).filter(|part| !part.trim().is_empty()).count() > 1;
        let Some(set) = texts.iter().zip(rows).position(|(text, row)| row.len() > 1 && are_several(text)) else {
            return Ok(());
        };
        let (name, text) = (column.name, texts[set]);
        let message = format!(
            "the {name} `{text}` is several texts, and a metric that scores one token needs one: `{SEPARATOR}` divides texts only in a \
             `column` of a metric of kind `difference`"
        );
        Err(self.refuse(set, message))
    }

    /// Positions mean the same in a prompt and in its corrupted one, so there is no padding.
    fn as_long_as(&self, prompts: &[Vec<u32>], corrupted: &[Vec<u32>]) -> Result<(), PlanError> {
        let mut odd = OddLines::default();
        for (line, (prompt, corrupted)) in self.lines.iter().zip(prompts.iter().zip(corrupted)) {
            let (prompt, own) = (prompt.len(), corrupted.len());
            let why = || {
                format!(
                    "{} of {own} tokens, but its prompt has {prompt}: both must have the same length, padding is not \
                     supported",
                    CORRUPTED.name,
                )
            };
            if prompt != own {
                odd.add(line.number, why, || format!("prompt of {prompt} tokens, corrupted prompt of {own}"));
            }
        }
        odd.refuse(self.file, self.lines.len())
    }

    pub(super) fn refuse(&self, line: usize, message: String) -> PlanError {
        PlanError::Dataset { file: self.file.to_owned(), line: self.lines[line].number, message }
    }
}

fn choose(inputs: &Inputs<'_>, population: usize) -> Result<Vec<usize>, PlanError> {
    let dataset = inputs.spec.dataset.get_ref();
    let Some(samples) = &dataset.samples else { return Ok((0..population).collect()) };
    let refuse = |message| Err(inputs.source.error(samples.span(), message).into());
    let count = *samples.get_ref() as usize;
    if count == 0 {
        return refuse("a sweep needs at least one prompt".to_owned());
    }
    if count > population && !dataset.replaces() {
        return refuse(format!("more samples than the {population} prompts; set `replace = true`"));
    }
    Ok(draw::samples(population, count, dataset.replaces(), dataset.seed()))
}

#[cfg(test)]
mod tests {
    use crate::example::{DATASET, plan_of, spec};

    #[test]
    fn a_prompt_knows_its_line_which_is_part_of_the_sweep_s_identity() {
        let drawn = ("path = \"d.csv\"", "path = \"d.csv\"\nsamples = 6\nreplace = true\nseed = 1");
        let plan = |change: &[(&str, &str)], dataset: &str| plan_of(&spec(change), dataset).expect("a plan");
        let (all, some) = (plan(&[], DATASET), plan(&[drawn], DATASET));
        assert_eq!(all.lines, [2, 3, 4, 5]);
        assert!(some.lines.len() == 6 && some.lines.iter().all(|line| all.lines.contains(line)));
        for (prompt, line) in (0..).zip(&some.lines) {
            assert_eq!(some.context.clean.row(prompt), all.context.clean.row(line - 2), "the prompt of line {line}");
        }
        let moved = plan(&[], &DATASET.replacen('\n', "\n\n", 2));
        assert_eq!(moved.lines, [3, 5, 6, 7]);
        assert!(moved.context == all.context && moved.identity() != all.identity());
    }
}
