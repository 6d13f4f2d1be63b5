//! Prompts from text: one `prompt, answer` per line.

use patchsweep_proto::context::Iteration;
use patchsweep_proto::tokens::TokenMatrix;

use super::{Inputs, PlanError, PromptTokenizer, checks, draw, experiments};

/// Clean prompts and what is done with them.
pub(super) struct Prompts {
    pub(super) clean: TokenMatrix,
    pub(super) experiments: Vec<Iteration>,
    pub(super) labels: Vec<String>,
}

/// One line of the dataset.
struct Line<'a> {
    number: usize,
    prompt: &'a str,
    answer: &'a str,
}

pub(super) fn read(inputs: &Inputs<'_>) -> Result<Prompts, PlanError> {
    let file = inputs.spec.dataset_file();
    let tokenizer = inputs.tokenizer.ok_or_else(|| PlanError::Tokenizer {
        message: "missing in the model's folder; without it give token ids (`tokens = \"…\"`)".to_owned(),
    })?;
    let lines = lines(file, inputs.dataset)?;
    let mut prompts = encode(file, &lines, tokenizer, |line| line.prompt)?;
    let answers = encode(file, &lines, tokenizer, |line| line.answer)?;
    same_lengths(file, &lines, &prompts, "prompt")?;
    same_lengths(file, &lines, &answers, "answer")?;
    if inputs.spec.dataset.get_ref().prepend_bos.as_ref().is_none_or(|prepend| *prepend.get_ref()) {
        let bos = inputs.config.bos_token_id.ok_or_else(|| {
            let message = "the model's config.json has no bos_token_id; set `prepend_bos = false`".to_owned();
            inputs.source.error(inputs.spec.dataset.span(), message)
        })?;
        for prompt in &mut prompts {
            prompt.insert(0, bos);
        }
    }
    let samples = inputs.spec.dataset.get_ref().samples.as_ref();
    let count = samples.map_or(lines.len(), |samples| *samples.get_ref() as usize);
    checks::size(inputs, count, prompts[0].len())?;
    let chosen = choose(inputs, lines.len())?;
    let take = |rows: &[Vec<u32>]| chosen.iter().map(|&line| rows[line].clone()).collect::<Vec<_>>();
    let clean = TokenMatrix::from_rows(&take(&prompts))
        .map_err(|error| PlanError::DatasetFile { file: file.to_owned(), message: error.to_string() })?;
    let labels = clean.row(0).iter().map(|&id| tokenizer.token_text(id)).collect();
    let experiments = experiments::permuted(inputs, &clean, &take(&answers))?;
    Ok(Prompts { clean, experiments, labels })
}

fn lines<'a>(file: &str, text: &'a str) -> Result<Vec<Line<'a>>, PlanError> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (prompt, answer) = line.rsplit_once(", ").ok_or_else(|| PlanError::Dataset {
            file: file.to_owned(),
            line: index + 1,
            message: "not of the form `prompt, answer`".to_owned(),
        })?;
        lines.push(Line { number: index + 1, prompt, answer: answer.trim_end() });
    }
    if lines.is_empty() {
        return Err(PlanError::DatasetFile { file: file.to_owned(), message: "has no prompts".to_owned() });
    }
    Ok(lines)
}

fn encode<'a>(
    file: &str,
    lines: &[Line<'a>],
    tokenizer: &PromptTokenizer,
    part: fn(&Line<'a>) -> &'a str,
) -> Result<Vec<Vec<u32>>, PlanError> {
    let texts: Vec<&str> = lines.iter().map(part).collect();
    tokenizer.encode(&texts).map_err(|error| PlanError::Dataset {
        file: file.to_owned(),
        line: lines[error.text].number,
        message: error.message,
    })
}

/// Positions must mean the same in every prompt, so there is no padding.
fn same_lengths(file: &str, lines: &[Line<'_>], rows: &[Vec<u32>], what: &str) -> Result<(), PlanError> {
    let wanted = rows[0].len();
    if wanted == 0 {
        let message = format!("the {what} is empty");
        return Err(PlanError::Dataset { file: file.to_owned(), line: lines[0].number, message });
    }
    let Some(odd) = rows.iter().position(|row| row.len() != wanted) else { return Ok(()) };
    let message = format!(
        "{what} of {} tokens, but line {} has one of {wanted}: all must have the same length, padding is not supported",
        rows[odd].len(),
        lines[0].number,
    );
    Err(PlanError::Dataset { file: file.to_owned(), line: lines[odd].number, message })
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
