//! The spec: the TOML file that a person writes.
//!
//! [`schema`] is the file as it stands; [`Spec::parse`] refuses what the schema does not know.
//! What needs the dataset or the model to be judged is judged by the plan, with [`Source::error`]
//! pointing at the place in the file.

mod one_or_more;
mod position;
pub mod schema;
mod spanned;

use patchsweep_core::dictionary::DictionaryHeader;
use patchsweep_core::digest::Digest;
use patchsweep_core::model::ModelRef;

pub(crate) use crate::source::nearest_word;
pub use crate::source::{Source, SourceError as SpecError};
pub use schema::Spec;
pub use spanned::Spanned;

/// The schema version that this program reads.
pub const SCHEMA: u32 = 1;

/// Most bytes of a spec's text.
pub const MOST_SPEC_BYTES: usize = 1 << 20;

/// Most characters of a sweep's name; ids in commands and messages are made of it.
pub const MOST_NAME_CHARS: usize = 100;

/// Most metrics, so that a tile's scores fit one message.
pub(crate) const MOST_METRICS: usize = 100;

/// Most draws of a corruption: from some tens on, more of them show little more of the spread between them.
pub(crate) const MOST_REPLICATES: u32 = 1000;

/// Most iterations or grids, and tables `[[metric]]` that are read at all.
const MOST_TABLES: usize = 1 << 12;

impl Source {
    /// A spec's text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self::of("spec", schema::WORDS, text.into())
    }
}

impl Spec {
    /// Parses the text of a spec.
    pub fn parse(source: &Source) -> Result<Self, SpecError> {
        let bytes = source.text().len();
        if bytes > MOST_SPEC_BYTES {
            return Err(source.error_of_all(format!(
                "{bytes} bytes, more than the {MOST_SPEC_BYTES} that a spec may have; prompts and token ids belong into \
                 the file that `[dataset]` names"
            )));
        }
        let spec: Self = toml::from_str(source.text()).map_err(|error| source.toml_error(&error))?;
        if *spec.schema.get_ref() != SCHEMA {
            return Err(source.error(spec.schema.span(), format!("this program reads schema = {SCHEMA}")));
        }
        if spec.name.get_ref().trim().is_empty() {
            return Err(source.error(spec.name.span(), "a sweep needs a name".to_owned()));
        }
        if spec.name.get_ref().chars().count() > MOST_NAME_CHARS {
            let message = format!("a sweep's name has at most {MOST_NAME_CHARS} characters");
            return Err(source.error(spec.name.span(), message));
        }
        let tables = [
            ("metric", spec.metric.len()),
            ("iteration", spec.iteration.len()),
            ("grid", spec.grid.len()),
            ("dictionary", spec.dictionary.len()),
            ("position", spec.position.len()),
        ];
        if let Some((table, count)) = tables.into_iter().find(|&(_, count)| count > MOST_TABLES) {
            let message = format!("{count} tables `[[{table}]]`, more than the {MOST_TABLES} of a sweep");
            return Err(source.error(spec.name.span(), message));
        }
        let model = &spec.model.get_ref();
        if model.path.is_some() == model.hub.is_some() {
            let message = "give either `path` (a model folder) or `hub` (a repository)";
            return Err(source.error(spec.model.span(), message.to_owned()));
        }
        if let (Some(revision), None) = (&model.revision, &model.hub) {
            let message = "`revision` belongs to `hub`; a folder (`path`) has none";
            return Err(source.error(revision.span(), message.to_owned()));
        }
        let dataset = spec.dataset.get_ref();
        if dataset.path.is_some() == dataset.tokens.is_some() {
            let message = "give either `path` (prompts) or `tokens` (token ids)";
            return Err(source.error(spec.dataset.span(), message.to_owned()));
        }
        Ok(spec)
    }

    /// The model that the spec names, as it travels over the wire.
    pub fn model_ref(&self, source: &Source) -> Result<ModelRef, SpecError> {
        let model = self.model.get_ref();
        let revision = model.revision.as_ref().map_or("main", |revision| revision.get_ref());
        let (span, parsed) = match (&model.path, &model.hub) {
            (Some(path), _) => (path.span(), ModelRef::folder(path.get_ref())),
            (None, Some(hub)) => (hub.span(), ModelRef::hub(hub.get_ref(), revision)),
            (None, None) => unreachable!("a parsed spec names a model"),
        };
        parsed.map_err(|error| source.error(span, error.to_string()))
    }

    /// From here on, the revision of a repository is this commit: what a branch is may change. A folder has none.
    pub fn pin(&mut self, commit: &str) {
        let mut model = self.model.get_ref().clone();
        model.revision = model.hub.as_ref().map(|hub| Spanned::beside(hub, commit.to_owned()));
        self.model.set(model);
    }

    /// What the files of one of the dictionaries say, and their digest.
    ///
    /// # Panics
    /// When there is no such dictionary.
    pub fn found(&mut self, dictionary: usize, header: DictionaryHeader, digest: Digest) {
        self.dictionary[dictionary].files = Some((header, digest));
    }

    /// The dataset file that the spec names, as written there.
    #[must_use]
    pub fn dataset_file(&self) -> &str {
        let dataset = self.dataset.get_ref();
        let file = dataset.path.as_ref().or(dataset.tokens.as_ref());
        file.map_or("", |file| file.get_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::schema::{OneOrMore, Position};
    use super::*;

    const VALID: &str = r#"
schema = 1
name = "x"
[model]
path = "m"
[dataset]
path = "d.txt"
samples = 5
[[metric]]
kind = "logit_diff_max"
candidates = "A-Z"
[[iteration]]
corrupt = [2]
read = -1
[[grid]]
component = "z"
axes = ["layer", "head"]
"#;

    fn refusal(text: &str) -> String {
        Spec::parse(&Source::new(text)).expect_err("is refused").to_string()
    }

    #[test]
    fn a_valid_spec_is_read() {
        let spec = Spec::parse(&Source::new(VALID)).expect("valid");
        assert_eq!(spec.dataset_file(), "d.txt");
        assert_eq!(*spec.iteration[0].read.get_ref(), OneOrMore::One(Position::Number(-1)));
        let several = VALID.replace("read = -1", "read = [-1, 5]\nanswer = [1, 0]");
        let spec = Spec::parse(&Source::new(several)).expect("valid");
        assert_eq!(spec.iteration[0].read.get_ref().as_slice(), [-1, 5].map(Position::Number));
    }

    #[test]
    fn a_spec_with_more_tables_than_anybody_writes_is_refused() {
        let grids = "[[grid]]\ncomponent = \"z\"\naxes = []\n".repeat(MOST_TABLES);
        let message = refusal(&format!("{VALID}{grids}"));
        assert!(message.starts_with("spec line 3, column 8: 4097 tables `[[grid]]`"), "{message}");
    }

    #[test]
    fn a_refusal_shows_the_place_and_not_all_of_a_long_line() {
        let (word, before) = ("q".repeat(300_000), "é".repeat(5000));
        let message = refusal(&VALID.replace("samples", &word));
        assert!(message.starts_with("spec line 8, column 1: unknown field"), "{}", &message[..100]);
        assert!(message.len() < 2000, "{} bytes", message.len());
        let message = refusal(&VALID.replace("path = \"m\"", &format!("path = \"{before}\" x")));
        assert!(message.starts_with("spec line 5, column 5011: "), "{message}");
        assert!(message.len() < 2000, "{} bytes", message.len());
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_nearest_word() {
        let message = refusal(&VALID.replace("samples", "sampels"));
        assert!(message.starts_with("spec line 8, column 1: unknown field `sampels`"), "{message}");
        assert!(message.contains("8 | sampels = 5"), "{message}");
        assert!(message.contains("did you mean `samples`?"), "{message}");
    }

    #[test]
    fn a_number_that_is_none_is_refused_in_plain_words() {
        let read = |value: &str| refusal(&VALID.replace("read = -1", value));
        assert!(read("read = 5.5").contains("expected a whole number or a list of whole numbers"));
        assert!(read("read = [1, true]").starts_with("spec line 14, column 12: "), "{}", read("read = [1, true]"));
        assert!(read("read = 1\nanswer = -1").contains("expected a whole number from 0"));
        assert!(read("read = 1\nanswer = [0, -1]").contains("expected a whole number from 0"));
    }

    #[test]
    fn endless_nesting_is_refused_in_plain_words() {
        for text in [format!("a{} = 1", ".a".repeat(500)), format!("a = {}{}", "[".repeat(500), "]".repeat(500))] {
            let message = refusal(&text);
            assert!(message.contains("nested too deeply"), "{message}");
        }
    }

    #[test]
    fn a_spec_has_at_most_a_mebibyte() {
        let of_bytes = |bytes: usize| format!("{VALID}#{}", "x".repeat(bytes - VALID.len() - 1));
        for bytes in [MOST_SPEC_BYTES - 1, MOST_SPEC_BYTES] {
            Spec::parse(&Source::new(of_bytes(bytes))).expect("small enough");
        }
        let refused = refusal(&of_bytes(MOST_SPEC_BYTES + 1));
        assert!(refused.starts_with("spec: 1048577 bytes, more than the 1048576"), "{refused}");
        assert!(refused.contains("the file that `[dataset]` names"), "{refused}");
    }

    #[test]
    fn a_name_has_at_most_a_hundred_characters() {
        let named = |chars: usize| VALID.replace("name = \"x\"", &format!("name = \"{}\"", "é".repeat(chars)));
        for chars in [MOST_NAME_CHARS - 1, MOST_NAME_CHARS] {
            Spec::parse(&Source::new(named(chars))).expect("short enough");
        }
        assert!(refusal(&named(MOST_NAME_CHARS + 1)).contains("line 3, column 8: a sweep's name has at most 100"));
    }

    #[test]
    fn contradictions_and_gaps_are_refused() {
        assert!(refusal(&VALID.replace("schema = 1", "schema = 2")).contains("line 2, column 10"));
        assert!(refusal(&VALID.replace("path = \"m\"", "")).contains("either `path` (a model folder) or `hub`"));
        let revised = VALID.replace("path = \"m\"", "path = \"m\"\nrevision = \"r\"");
        assert!(refusal(&revised).contains("`revision` belongs to `hub`"));
    }

    #[test]
    fn a_pinned_repository_is_a_commit_and_a_folder_stays_what_it_is() {
        let pinned = |text: &str| {
            let source = Source::new(text);
            let mut spec = Spec::parse(&source).expect("a spec");
            spec.pin("c1");
            spec.model_ref(&source).expect("a name").to_string()
        };
        assert_eq!(pinned(VALID), "m");
        assert_eq!(pinned(&VALID.replace("path = \"m\"", "hub = \"a/b\"")), "hub:a/b@c1");
        assert_eq!(pinned(&VALID.replace("path = \"m\"", "hub = \"a/b\"\nrevision = \"dev\"")), "hub:a/b@c1");
        assert!(refusal(&VALID.replace("name = \"x\"", "")).contains("missing field `name`"));
        assert!(refusal(&VALID.replace("samples = 5", "tokens = \"t.json\"")).contains("either `path` (prompts)"));
    }
}
