//! Texts that are one token each.

use std::collections::HashMap;

use super::PromptTokenizer;

/// Most texts whose ids are kept: those of any vocabulary.
const MOST_KEPT: usize = 1 << 20;

/// Characters of a text, and tokens of it, that a message shows.
const LONGEST_SHOWN: usize = 60;
const MOST_SHOWN: usize = 8;

/// Looks texts up that are one token each; sets of tokens have the same ones again and again.
pub(super) struct SingleTokens<'a> {
    tokenizer: &'a PromptTokenizer,
    known: HashMap<String, u32>,
}

impl<'a> SingleTokens<'a> {
    pub(super) fn of(tokenizer: &'a PromptTokenizer) -> Self {
        Self { tokenizer, known: HashMap::new() }
    }

    /// The token that a text is, tokenized by itself, as it stands; or why it is none.
    pub(super) fn id(&mut self, text: &str) -> Result<u32, String> {
        if let Some(&id) = self.known.get(text) {
            return Ok(id);
        }
        if text.is_empty() {
            return Err("an empty text is no token; several tokens have one `|` between them".to_owned());
        }
        let id = match self.tokenizer.encode_answer(text).map_err(|error| error.message)?[..] {
            [id] => id,
            ref ids => return Err(self.several(text, ids)),
        };
        if self.known.len() < MOST_KEPT {
            self.known.insert(text.to_owned(), id);
        }
        Ok(id)
    }

    fn several(&self, text: &str, ids: &[u32]) -> String {
        let begins: String = text.chars().take(LONGEST_SHOWN).collect();
        let begins = format!("{begins:?}{}", if begins.len() < text.len() { ".." } else { "" });
        let parts = ids.iter().take(MOST_SHOWN).map(|&id| format!("{:?}", self.tokenizer.token_text(id)));
        let parts = parts.collect::<Vec<_>>().join(", ");
        format!(
            "{begins} is {} tokens ({parts}{}), not one: give a text that the model's tokenizer has as one token, with the space \
             before it where there is one",
            ids.len(),
            if ids.len() > MOST_SHOWN { ", .." } else { "" },
        )
    }
}
