//! Positions that have a name.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// A named position: where a text stands in each prompt.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedPosition {
    /// What lists of positions call it; letters, digits and `_`, no two alike, and not `end`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_]+$"))]
    pub name: Spanned<String>,
    /// The dataset's column with the text. It is looked for in the clean prompt, from the left and exactly, as a word or words of its
    /// own; inside words (`cat` in `cats`) only in prompts where it is none, which a warning counts. Its tokens must begin and end
    /// where it does, but for spaces before it. Give either `column` or `text`.
    pub column: Option<Spanned<String>>,
    /// The text itself, where it is the same in every prompt, like `"Answer:"`; looked for in the same way.
    pub text: Option<Spanned<String>>,
    /// Which one of the places where the text stands so, counted from 1.
    #[schemars(extend("default" = 1), range(min = 1))]
    pub occurrence: Option<Spanned<u32>>,
    /// Which of the text's tokens; without it, the last. With `all`, a list of positions to patch has them as one entry, which is patched at once.
    #[serde(default)]
    pub token: WhichToken,
}

/// Which of the tokens of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WhichToken {
    /// The last.
    #[default]
    Last,
    /// The first.
    First,
    /// All of them.
    All,
}
