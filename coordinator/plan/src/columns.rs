//! Which columns a dataset must have: those that every sweep reads, and those that its spec names.

use super::metrics;
use super::source::{Source, did_you_mean};
use super::table::COLUMNS;
use super::{Inputs, PlanError};
use crate::spec::schema::Ignore;
use crate::spec::{Spanned, nearest_word};

/// Most bytes of the name of a column that is offered in place of a missing one, and most columns.
const LONGEST: usize = 64;
const MOST_OFFERED: usize = 32;

/// Most unknown columns that a refusal names.
const MOST_NAMED: usize = 10;

/// What is wanted of a table's columns, or of a record's keys.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Whether there must be answers.
    answers: bool,
    /// Where the spec names columns.
    source: Option<&'a Source>,
    /// Columns that the spec names, each once.
    named: Vec<&'a Spanned<String>>,
    /// Columns that are passed over.
    ignored: Option<&'a Spanned<Ignore>>,
}

impl<'a> Wanted<'a> {
    /// By a spec.
    pub(super) fn by(inputs: &Inputs<'a>) -> Self {
        let mut named: Vec<&Spanned<String>> = Vec::new();
        let of_positions = inputs.spec.position.iter().filter_map(|position| position.column.as_ref());
        for column in metrics::columns(inputs.spec).chain(of_positions) {
            if named.iter().all(|other| other.get_ref() != column.get_ref()) {
                named.push(column);
            }
        }
        let ignored = inputs.spec.dataset.get_ref().ignore.as_ref();
        Self { answers: metrics::need_answers(inputs.spec), source: Some(inputs.source), named, ignored }
    }

    /// By somebody who has no spec yet: prompts and answers.
    pub(super) fn without_spec() -> Self {
        Self { answers: true, source: None, named: Vec::new(), ignored: None }
    }

    /// The columns that there must be, besides those that the spec names.
    pub(super) fn required(&self) -> &'static [&'static str] {
        if self.answers { &["prompt", "answer"] } else { &["prompt"] }
    }

    /// Names of the columns that the spec names.
    pub(super) fn named(&self) -> impl Iterator<Item = &'a str> {
        self.named.iter().map(|column| column.get_ref().as_str())
    }

    /// Whether the spec names a column so.
    pub(super) fn names(&self, column: &str) -> bool {
        self.named().any(|named| named == column)
    }

    /// Whether a column may be there: one that every sweep knows, or that the spec names.
    pub(super) fn knows(&self, column: &str) -> bool {
        COLUMNS.contains(&column) || self.names(column)
    }

    /// Whether a column that nothing knows may be there all the same.
    pub(super) fn passes_over(&self, column: &str) -> bool {
        let is_ignored = |ignored: &Spanned<Ignore>| match ignored.get_ref() {
            Ignore::Columns(names) => names.iter().any(|name| name == column),
            Ignore::Others(_) => true,
        };
        !self.knows(column) && self.ignored.is_some_and(is_ignored)
    }

    /// Refuses columns that are to be passed over, and read.
    pub(super) fn refuse_ignored(&self) -> Result<(), PlanError> {
        let (Some(ignored), Some(source)) = (self.ignored, self.source) else { return Ok(()) };
        let Ignore::Columns(names) = ignored.get_ref() else { return Ok(()) };
        let Some(read) = names.iter().find(|name| self.knows(name)) else { return Ok(()) };
        let message = format!("`{read}` is a column that sweeps read where they need it: take it out of `ignore`");
        Err(source.error(ignored.span(), message).into())
    }

    /// Says of columns, or keys, that nothing knows them, and what to do; there is at least one.
    pub(super) fn unknown(&self, what: &str, names: &[&str]) -> String {
        let own = self.named().filter(|name| !COLUMNS.contains(name));
        let known: Vec<&str> = COLUMNS.into_iter().chain(own).collect();
        let shown = &names[..names.len().min(MOST_NAMED)];
        let listed = |form: fn(&str) -> String| shown.iter().map(|name| form(name)).collect::<Vec<_>>().join(", ");
        let (plural, more) =
            (if names.len() > 1 { "s" } else { "" }, if names.len() > shown.len() { ", .." } else { "" });
        let unknown = format!("unknown {what}{plural} {}{more}", listed(|name| format!("`{name}`")));
        let meant = match names {
            [one] => format!(": {}", nearest_word(one, &known)),
            several => {
                let near = |name: &&str| Some(format!(": for `{name}`, {}", did_you_mean(name, &known)?));
                several.iter().find_map(near).unwrap_or_default()
            }
        };
        if self.source.is_none() {
            return unknown + &meant;
        }
        let (them, are_all) = (if names.len() > 1 { "them" } else { "it" }, more.is_empty());
        let listed = listed(|name| toml::Value::from(name).to_string());
        let ignore = if are_all { format!("`ignore = [{listed}]` or ") } else { String::new() };
        format!("{unknown}{meant}\nif nothing shall read {them}, write {ignore}`ignore = \"*\"` in `[dataset]`")
    }

    /// Refuses a dataset without a column that the spec names.
    ///
    /// `there`: its columns.
    pub(super) fn refuse_missing(&self, there: &[&str]) -> Result<(), PlanError> {
        let missing = self.named.iter().find(|column| !there.contains(&column.get_ref().as_str()));
        let (Some(missing), Some(source)) = (missing, self.source) else { return Ok(()) };
        let name = missing.get_ref();
        let there: Vec<&str> =
            there.iter().copied().filter(|other| other.len() <= LONGEST).take(MOST_OFFERED).collect();
        let message = format!("the dataset has no column `{name}`");
        Err(source.word_error(missing.span(), message, name, &there).into())
    }

    /// Refuses a dataset whose lines have no columns, where the spec names some.
    pub(super) fn refuse_any(&self) -> Result<(), PlanError> {
        let Some(source) = self.source else { return Ok(()) };
        let of_column = self.named.first().map(|first| (first.span(), format!("column `{}`", first.get_ref())));
        let of_ignored = self.ignored.map(|ignored| (ignored.span(), "`ignore`".to_owned()));
        let Some((place, what)) = of_column.or(of_ignored) else { return Ok(()) };
        let message =
            format!("{what} needs a dataset with columns: a .csv file whose first line names them, or JSON lines");
        Err(source.error(place, message).into())
    }
}

#[cfg(test)]
mod tests {
    use crate::Plan;
    use crate::example::{DATASET, plan, plan_of, spec};

    const RECORDS: &str = "{\"prompt\": \"a b c\", \"answer\": \"x\", \"S\": 1, \"template\": [null]}\n\
                           {\"prompt\": \"b c d\", \"answer\": \"y\"}\n";

    /// The example's dataset with two more columns, one of which has quotes in its name.
    fn wider() -> String {
        let more = |(index, line): (usize, &str)| {
            line.to_owned() + if index == 0 { ",S,\"the \"\"t\"\"\"\n" } else { ",s,t\n" }
        };
        DATASET.lines().enumerate().map(more).collect()
    }

    fn ignoring(ignore: &str, file: &str, dataset: &str) -> Result<Plan, String> {
        plan_of(&spec(&[("path = \"d.csv\"", &format!("path = \"{file}\"\n{ignore}"))]), dataset)
    }

    #[test]
    fn columns_that_nothing_reads_are_passed_over_where_the_spec_says_so() {
        let digest = plan(&[]).digest;
        for ignore in ["ignore = \"*\"", "ignore = ['S', 'the \"t\"', 'not there']"] {
            let plan = ignoring(ignore, "d.csv", &wider()).expect("a plan");
            assert_eq!(plan.digest, digest, "{ignore}");
        }
        let of_records =
            ["ignore = \"*\"", "ignore = [\"S\", \"template\"]"].map(|ignore| ignoring(ignore, "d.jsonl", RECORDS));
        let plans = of_records.map(|plan| plan.expect("a plan").context.clean.prompts());
        assert_eq!(plans, [2, 2], "records may differ in keys that nothing reads");
    }

    #[test]
    fn columns_that_nothing_reads_are_refused_with_the_line_that_passes_over_them() {
        let refused = ignoring("", "d.csv", &wider()).expect_err("is refused");
        assert_eq!(
            refused,
            "d.csv line 1: unknown columns `S`, `the \"t\"`\nif nothing shall read them, write \
             `ignore = [\"S\", 'the \"t\"']` or `ignore = \"*\"` in `[dataset]`"
        );
        let one =
            ignoring("ignore = ['the \"t\"']", "d.csv", &wider().replace(",S,", ",anwser,")).expect_err("is refused");
        assert!(
            one.contains("unknown column `anwser`: did you mean `answer`?\nif nothing shall read it, write"),
            "{one}"
        );
        let near = ignoring("", "d.csv", &wider().replace(",S,", ",anwser,")).expect_err("is refused");
        assert!(
            near.contains("`anwser`, `the \"t\"`: for `anwser`, did you mean `answer`?\nif nothing shall"),
            "{near}"
        );
        let many = (0..11).fold(wider(), |text, index| text.replacen(",S,", &format!(",c{index},S,"), 1));
        let many = ignoring("", "d.csv", &many).expect_err("is refused");
        assert!(
            many.ends_with("`c9`, ..\nif nothing shall read them, write `ignore = \"*\"` in `[dataset]`"),
            "{many}"
        );
        let key = ignoring("", "d.jsonl", RECORDS).expect_err("is refused");
        assert!(key.contains("line 1: unknown keys `S`, `template`\nif nothing shall read them"), "{key}");
    }

    #[test]
    fn what_is_read_is_not_passed_over() {
        for name in ["prompt", "wrong", "of"] {
            let position = ("[[iteration]]", "[[position]]\nname = \"of\"\ncolumn = \"of\"\n[[iteration]]");
            let text = spec(&[("path = \"d.csv\"", &format!("path = \"d.csv\"\nignore = [\"{name}\"]")), position]);
            let refused = plan_of(&text, DATASET).expect_err("is refused");
            assert!(refused.contains("line 8, column 10") && refused.contains("take it out of `ignore`"), "{refused}");
        }
        let plain = ignoring("ignore = \"*\"", "d.txt", "a b c, x\n").expect_err("is refused");
        assert!(plain.contains("`ignore` needs a dataset with columns"), "{plain}");
        let word = ignoring("ignore = \"all\"", "d.csv", DATASET).expect_err("is refused");
        assert!(word.contains("give a list of names of columns, or \"*\" for all that nothing reads"), "{word}");
        let none = ("[corruption]\nkind = \"permute\"\ngroups = [[1, 4]]\n", "");
        let tokens = spec(&[("path = \"d.csv\"", "tokens = \"d.json\"\nignore = \"*\""), none]);
        let tokens = plan_of(&tokens, "{}").expect_err("is refused");
        assert!(tokens.contains("token ids are taken as they are: leave `ignore` out"), "{tokens}");
    }
}
