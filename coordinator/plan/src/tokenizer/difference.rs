//! Texts that transformers' class for a folder cuts otherwise than the folder's own `tokenizer.json`.

use super::{PromptTokenizer, TextPart};

/// Of some texts, those that transformers cuts into other tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The class in transformers.
    pub(crate) class: &'static str,
    /// The first of the texts.
    pub(crate) text: usize,
    /// How many tokens transformers makes of it; `None`: transformers cannot make its tokenizer.
    pub(crate) tokens: Option<usize>,
    /// How many texts there are like it.
    pub(crate) texts: usize,
}

impl PromptTokenizer {
    /// `None`: there are no such texts, or it is not known what transformers makes.
    ///
    /// `ids`: of the texts, by this tokenizer.
    pub(crate) fn difference(&self, texts: &[&str], part: TextPart, ids: &[Vec<u32>]) -> Option<Difference> {
        let rebuilt = self.rebuilt.as_ref()?;
        let class = rebuilt.class;
        let Some(cutter) = &rebuilt.cutter else {
            return Some(Difference { class, text: 0, tokens: None, texts: texts.len() });
        };
        let theirs = cutter.encode(texts, part, |_, encoding| Ok(encoding.get_ids().to_vec())).ok()?;
        let mut others = theirs.iter().zip(ids).enumerate().filter(|(_, (theirs, ours))| theirs != ours);
        let (text, (first, _)) = others.next()?;
        Some(Difference { class, text, tokens: Some(first.len()), texts: 1 + others.count() })
    }
}
