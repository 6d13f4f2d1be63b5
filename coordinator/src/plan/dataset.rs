//! Prompts from text: one per line.

use patchsweep_proto::tokens::TokenMatrix;

use super::corruption::Scheme;
use super::prompts::Prompts;
use super::table::{self, Line};
use super::{Inputs, PlanError, PromptTokenizer, checks, draw, metrics};

pub(super) fn read(inputs: &Inputs<'_>, scheme: &Scheme<'_>) -> Result<Prompts, PlanError> {
    let tokenizer = inputs.tokenizer.ok_or_else(|| PlanError::Tokenizer {
        message: "missing in the model's folder; without it give token ids (`tokens = \"…\"`)".to_owned(),
    })?;
    let file = inputs.spec.dataset_file();
    let lines = table::read(file, inputs.dataset)?;
    let mut columns = Table { file, lines: &lines, tokenizer }.columns(inputs, scheme)?;
    if let Some(bos) = bos(inputs)? {
        columns.prompts.iter_mut().chain(columns.corrupted.iter_mut().flatten()).for_each(|row| row.insert(0, bos));
    }
    let samples = inputs.spec.dataset.get_ref().samples.as_ref();
    let count = samples.map_or(lines.len(), |samples| *samples.get_ref() as usize);
    checks::size(inputs, count, columns.prompts[0].len())?;
    let chosen = choose(inputs, lines.len())?;
    let take = |rows: &Vec<Vec<u32>>| chosen.iter().map(|&line| rows[line].clone()).collect::<Vec<_>>();
    let matrix = |rows: &Vec<Vec<u32>>| {
        TokenMatrix::from_rows(&take(rows)).map_err(|error| PlanError::in_dataset(inputs, error.to_string()))
    };
    let clean = matrix(&columns.prompts)?;
    Ok(Prompts {
        labels: clean.row(0).iter().map(|&id| tokenizer.token_text(id)).collect(),
        corrupted: columns.corrupted.iter().map(matrix).collect::<Result<_, _>>()?,
        answers: take(&columns.answers),
        wrong: columns.wrong.as_ref().map(take),
        lines: Some(chosen.iter().map(|&line| lines[line].number).collect()),
        clean,
    })
}

/// Token ids \[lines\]\[tokens\] of everything that the sweep needs; within a column all have the same length.
struct Columns {
    prompts: Vec<Vec<u32>>,
    answers: Vec<Vec<u32>>,
    wrong: Option<Vec<Vec<u32>>>,
    corrupted: Option<Vec<Vec<u32>>>,
}

/// What turns columns into token ids.
pub(super) struct Table<'a> {
    pub(super) file: &'a str,
    pub(super) lines: &'a [Line],
    pub(super) tokenizer: &'a PromptTokenizer,
}

impl Table<'_> {
    fn columns(&self, inputs: &Inputs<'_>, scheme: &Scheme<'_>) -> Result<Columns, PlanError> {
        let first = &self.lines[0];
        let (prompts, answers) = (self.prompts()?, self.answers()?);
        let (mut wrong, mut corrupted) = (None, None);
        if first.wrong.is_some() && metrics::need_wrong_answers(inputs) {
            let rows = wrong.insert(self.encode(|line| line.wrong.as_ref())?);
            let wanted = answers[0].len();
            self.same_lengths("wrong answer", rows, wanted, &format!("the answers have {wanted}"))?;
        }
        if let Scheme::Pairs { kind } = scheme {
            if first.corrupted.is_none() {
                let message = "`pairs` needs a dataset with a column `corrupted`, a .csv file".to_owned();
                return Err(inputs.source.error(kind.clone(), message).into());
            }
            let rows = corrupted.insert(self.encode(|line| line.corrupted.as_ref())?);
            let wanted = prompts[0].len();
            self.same_lengths("corrupted prompt", rows, wanted, &format!("the prompts have {wanted}"))?;
        }
        Ok(Columns { prompts, answers, wrong, corrupted })
    }

    /// Token ids \[lines\]\[tokens\].
    pub(super) fn prompts(&self) -> Result<Vec<Vec<u32>>, PlanError> {
        let prompts = self.encode(|line| Some(&line.prompt))?;
        self.like_first("prompt", prompts)
    }

    /// Token ids \[lines\]\[tokens\].
    pub(super) fn answers(&self) -> Result<Vec<Vec<u32>>, PlanError> {
        let answers = self.encode(|line| Some(&line.answer))?;
        self.like_first("answer", answers)
    }

    fn like_first(&self, what: &str, rows: Vec<Vec<u32>>) -> Result<Vec<Vec<u32>>, PlanError> {
        let wanted = rows[0].len();
        self.same_lengths(what, &rows, wanted, &format!("line {} has one of {wanted}", self.lines[0].number))?;
        Ok(rows)
    }

    /// Token ids \[lines\]\[tokens\] of a column; an absent text has none.
    fn encode(&self, column: fn(&Line) -> Option<&String>) -> Result<Vec<Vec<u32>>, PlanError> {
        let texts: Vec<&str> = self.lines.iter().map(|line| column(line).map_or("", String::as_str)).collect();
        self.tokenizer.encode(&texts).map_err(|error| self.refuse(error.text, error.message))
    }

    /// Positions must mean the same in every prompt, so there is no padding.
    fn same_lengths(&self, what: &str, rows: &[Vec<u32>], wanted: usize, others: &str) -> Result<(), PlanError> {
        if wanted == 0 {
            return Err(self.refuse(0, format!("the {what} is empty")));
        }
        let Some(odd) = rows.iter().position(|row| row.len() != wanted) else { return Ok(()) };
        let message = format!(
            "{what} of {} tokens, but {others}: all must have the same length, padding is not supported",
            rows[odd].len(),
        );
        Err(self.refuse(odd, message))
    }

    fn refuse(&self, line: usize, message: String) -> PlanError {
        PlanError::Dataset { file: self.file.to_owned(), line: self.lines[line].number, message }
    }
}

/// The token that every prompt begins with, if the spec does not say otherwise.
fn bos(inputs: &Inputs<'_>) -> Result<Option<u32>, PlanError> {
    let dataset = &inputs.spec.dataset;
    if dataset.get_ref().prepend_bos.as_ref().is_some_and(|prepend| !prepend.get_ref()) {
        return Ok(None);
    }
    let missing = || {
        let message = "the model's config.json has no bos_token_id; set `prepend_bos = false`".to_owned();
        inputs.source.error(dataset.span(), message).into()
    };
    inputs.config.bos_token_id.map(Some).ok_or_else(missing)
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
