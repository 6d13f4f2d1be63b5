//! Prompts as token ids outright: for other tools, and for exact comparison with them.

use std::collections::BTreeMap;

use patchsweep_core::tokens::TokenMatrix;

use super::columns::Wanted;
use super::corruption::Scheme;
use super::prompts::{self, Prompts};
use super::rows::Rows;
use super::table::BYTE_ORDER_MARK;
use super::token_lists::TokenFile;
use super::{Inputs, PlanError, metrics, refuse};
use crate::spec::{Spanned, schema};

pub(super) fn read(inputs: &Inputs<'_>, scheme: &Scheme<'_>) -> Result<Prompts, PlanError> {
    refuse_text_settings(inputs)?;
    let refuse = |message: String| PlanError::in_dataset(inputs, message);
    if let Some(position) = inputs.spec.position.first() {
        let message = "token ids have no text to look for: say positions by their numbers, or from `end`".to_owned();
        return Err(inputs.source.error(position.name.span(), message).into());
    }
    let wanted = Wanted::by(inputs);
    let mut file = TokenFile::parse(inputs.dataset.trim_start_matches(BYTE_ORDER_MARK), &wanted)
        .map_err(|error| refuse(format!("not JSON with `clean`, `corrupted` and `answers` token ids: {error}")))?;
    wanted.refuse_missing(&file.keys())?;
    let sets = wanted.named().filter_map(|name| Some((name.to_owned(), file.lists.get(name)?.clone())));
    let sets: BTreeMap<String, Rows> = sets.collect();
    let lists = file.lists.remove("clean").expect("a file without it is refused");
    let clean = lists.matrix().map_err(|error| refuse(format!("clean: {error}")))?;
    refuse::size(inputs, lists.count(), clean.positions() as usize)?;
    let answers = file.lists.remove("answers").filter(|_| metrics::need_answers(inputs.spec));
    if answers.is_none() && metrics::need_answers(inputs.spec) {
        return Err(refuse("no `answers`: give each prompt a list of token ids, one for each iteration".to_owned()));
    }
    let wrong = file.lists.remove("wrong").filter(|_| metrics::need_wrong_answers(inputs.spec));
    let named = sets.iter().map(|(name, rows)| (format!("`{name}`"), rows));
    let lists = [("answers", &answers), ("wrong answers", &wrong)];
    let lists = lists.into_iter().filter_map(|(what, rows)| Some((what.to_owned(), rows.as_ref()?)));
    for (what, lists) in lists.chain(named) {
        let (found, wanted) = (lists.count(), clean.prompts() as usize);
        if found != wanted {
            return Err(refuse(format!("{found} lists of {what} for {wanted} prompts: give one list per prompt")));
        }
    }
    let corrupted = corrupted(inputs, scheme, file.corrupted.as_deref(), &clean)?;
    let label = |&id: &u32| inputs.tokenizer.map_or_else(|| id.to_string(), |t| t.token_text(id));
    let labels = clean.row(0).iter().map(label).collect();
    let (answers, wrong) = (answers.as_ref().map(Rows::to_lists), wrong.as_ref().map(Rows::to_lists));
    let ids = |prompt| clean.row(prompt).iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>();
    let digest = prompts::digest((0..clean.prompts()).map(ids));
    let (named, warnings) = (Vec::new(), Vec::new());
    Ok(Prompts { clean, corrupted, answers, wrong, sets, named, labels, digest, lines: None, warnings })
}

/// What belongs to prompts from text.
fn refuse_text_settings(inputs: &Inputs<'_>) -> Result<(), PlanError> {
    let dataset = inputs.spec.dataset.get_ref();
    let spans = [
        ("ignore", dataset.ignore.as_ref().map(Spanned::span)),
        ("samples", dataset.samples.as_ref().map(Spanned::span)),
        ("replace", dataset.replace.as_ref().map(Spanned::span)),
        ("seed", dataset.seed.as_ref().map(Spanned::span)),
        ("prepend_bos", dataset.prepend_bos.as_ref().map(Spanned::span)),
    ];
    if let Some((key, Some(span))) = spans.into_iter().find(|(_, span)| span.is_some()) {
        let message = format!("token ids are taken as they are: leave `{key}` out");
        return Err(inputs.source.error(span, message).into());
    }
    Ok(())
}

/// One list per iteration, of the clean prompts' shape; none where the clean ones take their place.
fn corrupted(
    inputs: &Inputs<'_>,
    scheme: &Scheme<'_>,
    lists: Option<&[Rows]>,
    clean: &TokenMatrix,
) -> Result<Vec<TokenMatrix>, PlanError> {
    let refuse = |message: String| Err(PlanError::in_dataset(inputs, message));
    let needed = matches!(scheme, Scheme::Tokens) && inputs.spec.grid.iter().any(schema::Grid::takes_other);
    let lists = match (scheme, lists) {
        (Scheme::Noise { .. }, Some(_)) => {
            return refuse("noise corrupts the clean prompts: leave `corrupted` out, or `[corruption]`".to_owned());
        }
        (_, None) if needed => {
            let noise = "`[corruption]` with `kind = \"noise\"`";
            return refuse(format!("no `corrupted`: give corrupted token ids, or in the spec {noise}"));
        }
        (_, lists) => lists,
    };
    let Some(lists) = lists else { return Ok(Vec::new()) };
    if lists.len() != inputs.spec.iteration.len() {
        let (found, wanted) = (lists.len(), inputs.spec.iteration.len());
        return refuse(format!("{found} corrupted lists, but the spec has {wanted} iterations"));
    }
    let mut matrices = Vec::new();
    for (index, rows) in lists.iter().enumerate() {
        let corrupted =
            rows.matrix().map_err(|error| PlanError::in_dataset(inputs, format!("corrupted[{index}]: {error}")))?;
        if corrupted.prompts() != clean.prompts() {
            let (found, wanted) = (corrupted.prompts(), clean.prompts());
            return refuse(format!("corrupted[{index}] has {found} prompts, but there are {wanted} clean ones"));
        }
        let lengths = |prompt: u32| (corrupted.row(prompt).len(), clean.row(prompt).len());
        if let Some((prompt, (found, wanted))) =
            (0..clean.prompts()).map(|prompt| (prompt, lengths(prompt))).find(|(_, (found, wanted))| found != wanted)
        {
            return refuse(format!(
                "corrupted[{index}]: prompt {prompt} has {found} tokens, but its clean prompt has {wanted}: both must have the \
                 same length"
            ));
        }
        matrices.push(corrupted);
    }
    Ok(matrices)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::example::{plan_of, spec};
    use crate::Plan;

    const TOKENS: [(&str, &str); 2] =
        [("path = \"d.csv\"", "tokens = \"d.json\""), ("[corruption]\nkind = \"permute\"\ngroups = [[1, 4]]\n", "")];
    const NOISE: (&str, &str) = ("[[metric]]", "[corruption]\nkind = \"noise\"\nscale = 3\n[[metric]]");

    fn plan(changes: &[(&str, &str)], change: impl FnOnce(&mut Value)) -> Result<Plan, String> {
        let mut file = json!({
            "clean": [[0, 2, 3, 4], [0, 3, 4, 5]],
            "corrupted": [[[0, 2, 5, 4], [0, 3, 2, 5]]],
            "answers": [[6, 7], [7, 8]],
            "wrong": [[8, 8], [8, 6]],
        });
        change(&mut file);
        plan_of(&spec(&[&TOKENS, changes].concat()), &file.to_string())
    }

    fn without(key: &'static str) -> impl FnOnce(&mut Value) {
        move |file| drop(file.as_object_mut().and_then(|file| file.remove(key)))
    }

    #[test]
    fn entries_of_answers_are_by_iteration_or_as_the_spec_says() {
        let logit_diff = ("\"prob\"", "\"logit_diff\"");
        let by_iteration = plan(&[logit_diff], |_| ()).expect("a plan");
        let iteration = &by_iteration.context.iterations[0];
        assert_eq!((&iteration.answers, &iteration.wrong_answers), (&vec![6, 7], &vec![8, 8]));
        let by_spec = plan(&[logit_diff, ("read = 3", "read = [3, 1]\nanswer = [0, 1]")], |_| ()).expect("a plan");
        let iteration = &by_spec.context.iterations[0];
        assert_eq!((&iteration.reads, &iteration.answers), (&vec![1, 3], &vec![7, 6, 8, 7]));
        assert_eq!(iteration.wrong_answers, [8, 8, 6, 8]);
    }

    #[test]
    fn wrong_answers_are_there_and_differ() {
        let logit_diff = [("\"prob\"", "\"logit_diff\"")];
        let missing = plan(&logit_diff, without("wrong")).expect_err("is refused");
        assert!(missing.contains("the token file needs `wrong`, like `answers`"), "{missing}");
        let equal = plan(&logit_diff, |file| file["wrong"][1][0] = json!(7)).expect_err("is refused");
        assert_eq!(equal, "d.json: wrong[1][0] is the right answer, `y`");
        let short = plan(&logit_diff, |file| file["wrong"][1] = json!([])).expect_err("is refused");
        assert!(short.contains("wrong[1] has no entry 0"), "{short}");
        let fewer = plan(&logit_diff, |file| file["wrong"] = json!([[8]])).expect_err("is refused");
        assert!(fewer.contains("1 lists of wrong answers for 2 prompts"), "{fewer}");
        let beyond = plan(&logit_diff, |file| file["wrong"][0][0] = json!(10)).expect_err("is refused");
        assert!(beyond == "d.json: one of wrong[0] is token id 10, but the model's vocabulary ends at 9", "{beyond}");
    }

    #[test]
    fn noise_takes_the_place_of_corrupted_tokens() {
        let noised = plan(&[NOISE], without("corrupted")).expect("a plan");
        assert_eq!(noised.context.iterations[0].corrupted, noised.context.clean);
        assert!(noised.context.iterations[0].noise.is_some());
        let both = plan(&[NOISE], |_| ()).expect_err("is refused");
        assert!(both.contains("leave `corrupted` out, or `[corruption]`"), "{both}");
        let neither = plan(&[], without("corrupted")).expect_err("is refused");
        assert!(neither.contains("d.json: no `corrupted`: give corrupted token ids"), "{neither}");
        let other = plan(&[("[[metric]]", "[corruption]\nkind = \"pairs\"\n[[metric]]")], |_| ());
        assert!(other.expect_err("is refused").contains("token ids are corrupted already"));
    }

    #[test]
    fn only_ablations_need_no_corrupted_tokens() {
        let changes = [("axes", "ablate = \"zero\"\naxes"), ("corrupt = [2]\n", "")];
        let plan = plan(&changes, without("corrupted")).expect("a plan");
        assert_eq!(plan.context.iterations[0].corrupted, plan.context.clean);
    }
}
