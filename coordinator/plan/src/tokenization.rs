//! What of a dataset's token ids a person may not expect.

use super::dataset::{ANSWER, CORRUPTED, Columns, PROMPT, Table, WRONG};

/// What transformers, or an older release of it, does otherwise.
pub(super) fn warnings(table: &Table<'_>, columns: &Columns) -> Vec<String> {
    let tokenizer = table.tokenizer;
    let mut warnings: Vec<String> = tokenizer.prefix_warning().into_iter().collect();
    warnings.extend(tokenizer.unknown_class().map(|class| {
        format!(
            "tokenizer.json counts as it stands; the model's folder names the class `{class}`, with which transformers 5 may \
             make other tokens: compare the ids that `patchsweep plan` shows"
        )
    }));
    warnings.extend(difference(table, columns));
    if let Some(&behind) = tokenizer.own_frame().1.first() {
        let token = tokenizer.token_text(behind);
        warnings.push(format!("prompts end without `{token}`, which the tokenizer by itself puts behind each text"));
    }
    warnings
}

/// The first column in which transformers makes other tokens.
fn difference(table: &Table<'_>, columns: &Columns) -> Option<String> {
    let all = [
        (PROMPT, Some(&columns.prompts)),
        (CORRUPTED, columns.corrupted.as_ref()),
        (ANSWER, columns.answers.as_ref()),
        (WRONG, columns.wrong.as_ref()),
    ];
    let (column, ids, found) = all.into_iter().find_map(|(column, ids)| {
        let found = table.tokenizer.difference(&table.texts(column), column.part, ids?)?;
        Some((column, ids?, found))
    })?;
    let (file, line, class) = (table.file, table.lines[found.text].number, found.class);
    let ours = ids[found.text].len();
    let others = match (found.texts, table.lines.len()) {
        (texts, all) if texts == all => "all lines are like it".to_owned(),
        (texts, all) => format!("{texts} of {all} lines are like it"),
    };
    let theirs = match found.tokens {
        Some(tokens) if tokens == ours => format!("makes {tokens} other tokens"),
        Some(tokens) => format!("makes {tokens} tokens, not {ours},"),
        None => "cannot make any tokens".to_owned(),
    };
    Some(format!(
        "{file} line {line}: transformers 5 {theirs} of this {} ({others}): its class {class} makes a tokenizer of its own \
         from the vocabulary, while tokenizer.json counts here; with `\"tokenizer_class\": \"PreTrainedTokenizerFast\"` in \
         tokenizer_config.json it makes the same",
        column.name
    ))
}

/// Prompts that bring the token with them that is put first.
pub(super) fn begins_twice(table: &Table<'_>, columns: &Columns, bos: u32) -> Option<String> {
    let begins = |rows: &[Vec<u32>]| rows.iter().filter(|row| row.first() == Some(&bos)).count();
    let corrupted = columns.corrupted.as_deref().unwrap_or_default();
    let first = columns.prompts.iter().chain(corrupted).position(|row| row.first() == Some(&bos))?;
    let line = table.lines[first % table.lines.len()].number;
    let (file, token) = (table.file, table.tokenizer.token_text(bos));
    let (count, all) = (begins(&columns.prompts) + begins(corrupted), columns.prompts.len() + corrupted.len());
    Some(format!(
        "{file} line {line}: the prompt begins with the BOS token `{token}`, which is put first as well, so that it stands \
         twice ({count} of {all} prompts): set `prepend_bos = false`, or take it out of the file"
    ))
}
