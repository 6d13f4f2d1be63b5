//! Text to token ids, as transformers 5 does it with the same folder.

mod class;
mod cutter;
mod difference;
mod rebuilt;
mod settings;
#[cfg(test)]
mod tests;

use std::ops::Range;

use serde::Deserialize;
use tokenizers::models::ModelWrapper;
use tokenizers::{AddedToken, PreTokenizerWrapper, Tokenizer};

use super::PlanError;
use super::word_borders::is_of_word;
use class::Class;
use cutter::Cutter;
pub use cutter::TextPart;
use rebuilt::Parts;
use settings::{Named, Settings};

const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const SPECIAL_TOKENS_MAP: &str = "special_tokens_map.json";
const CONFIG: &str = "config.json";

/// The contents of a model folder's files that say what its tokenizer does.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenizerFiles<'a> {
    /// `tokenizer.json`.
    pub tokenizer: &'a str,
    /// `tokenizer_config.json`.
    pub tokenizer_config: Option<&'a str>,
    /// `special_tokens_map.json`.
    pub special_tokens_map: Option<&'a str>,
    /// `config.json`; without it `tokenizer.json` counts as it stands.
    pub config: Option<&'a str>,
}

/// A model's tokenizer, used without special tokens.
#[derive(Debug)]
pub struct PromptTokenizer {
    cutter: Cutter,
    /// What the tokenizer gives for words that it does not know, and how that is written.
    unknown: Option<(u32, String)>,
    settings: Settings,
    /// What transformers' class for the folder makes of it, where that may cut text otherwise.
    rebuilt: Option<Rebuilt>,
}

/// Another tokenizer of the same folder.
#[derive(Debug)]
struct Rebuilt {
    class: &'static str,
    /// `None`: its vocabulary and merges do not fit.
    cutter: Option<Cutter>,
}

/// The token that stands for the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bos {
    /// A file of the tokenizer, or its class, names it.
    Named {
        /// Its id.
        id: u32,
        /// Who names it.
        by: &'static str,
    },
    /// A file of the tokenizer says that there is none.
    Refused {
        /// The file.
        by: &'static str,
    },
    /// Nobody says anything.
    Unnamed,
}

impl PromptTokenizer {
    /// From the contents of a `tokenizer.json` alone.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        Self::from_files(&TokenizerFiles { tokenizer: text, ..TokenizerFiles::default() })
    }

    /// From the files of a model's folder.
    pub fn from_files(files: &TokenizerFiles<'_>) -> Result<Self, PlanError> {
        let refuse = |error: tokenizers::Error| PlanError::Tokenizer { file: TOKENIZER, message: error.to_string() };
        let settings = Settings::read(files)?;
        let mut tokenizer = Tokenizer::from_bytes(files.tokenizer).map_err(refuse)?;
        // A tokenizer.json may say to pad or to cut; positions would then silently mean other tokens.
        tokenizer.with_padding(None).with_truncation(None).map_err(refuse)?;
        tokenizer.set_encode_special_tokens(settings.split_special_tokens);
        let rebuilt = rebuilt(&mut tokenizer, files.tokenizer, &settings);
        let missing = settings.missing_in(&tokenizer);
        tokenizer.add_tokens(missing).map_err(refuse)?;
        let unknown = unknown_token(tokenizer.get_model());
        let unknown = unknown.and_then(|token| Some((tokenizer.token_to_id(&token)?, token)));
        Ok(Self { cutter: Cutter::new(tokenizer), unknown, settings, rebuilt })
    }

    /// Token ids of each text; an error names the first text that has an unknown word.
    pub fn encode(&self, texts: &[&str], part: TextPart) -> Result<Vec<Vec<u32>>, EncodeError> {
        self.cutter.encode(texts, part, |text, encoding| self.known_ids(text, encoding))
    }

    /// The bytes of each text that its tokens stand for \[texts\]\[tokens\].
    pub(super) fn token_bytes(&self, texts: &[&str], part: TextPart) -> Result<Vec<Vec<Range<usize>>>, EncodeError> {
        let bytes = |_: &str, encoding: &tokenizers::Encoding| {
            Ok(encoding.get_offsets().iter().map(|&(start, end)| start..end).collect())
        };
        self.cutter.encode(texts, part, bytes)
    }

    fn known_ids(&self, text: &str, encoding: &tokenizers::Encoding) -> Result<Vec<u32>, String> {
        let Some((unknown, literal)) = &self.unknown else { return Ok(encoding.get_ids().to_vec()) };
        for (token, id) in encoding.get_ids().iter().enumerate() {
            let (start, end) = encoding.get_offsets()[token];
            let word = text.get(start..end).unwrap_or("").trim();
            // What stands for unknown words may be a token that people write.
            if id == unknown && word != literal {
                return Err(format!("the model's tokenizer does not know `{word}`"));
            }
        }
        Ok(encoding.get_ids().to_vec())
    }

    /// Token ids of an answer.
    pub fn encode_answer(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        Ok(self.encode(&[text], TextPart::Continuation)?.remove(0))
    }

    /// The text of one token, its leading space included.
    #[must_use]
    pub fn token_text(&self, id: u32) -> String {
        let decoded = self.cutter.tokenizer.decode(&[id], false).ok().filter(|text| !text.is_empty());
        decoded.or_else(|| self.cutter.tokenizer.id_to_token(id)).unwrap_or_else(|| id.to_string())
    }

    /// Whether a token begins with white space, which files of tokenizers write in several ways.
    pub(super) fn begins_with_space(&self, id: u32) -> bool {
        let written = self.cutter.tokenizer.id_to_token(id).unwrap_or_default();
        written.starts_with(|c: char| c.is_whitespace() || ['Ġ', 'Ċ', 'ĉ', '▁'].contains(&c))
    }

    /// Whether a space could be missing behind a token: it ends in a letter of a script that has spaces.
    pub(super) fn ends_in_a_letter(&self, id: u32) -> bool {
        self.token_text(id).chars().next_back().is_some_and(|last| last.is_alphabetic() && is_of_word(last))
    }

    /// The token that a word is with a space before it, where it is one.
    pub(super) fn spaced(&self, id: u32) -> Option<u32> {
        let text = self.token_text(id);
        let spaced = text.starts_with(is_of_word).then(|| self.encode_answer(&format!(" {text}")).ok())??;
        spaced.first().copied().filter(|&first| spaced.len() == 1 && first != id && self.begins_with_space(first))
    }

    /// The token for the beginning of a text.
    #[must_use]
    pub fn bos(&self) -> Bos {
        let id = |content: &str| self.cutter.tokenizer.token_to_id(content);
        match &self.settings.bos {
            Named::Token { file, content } => id(content).map_or(Bos::Unnamed, |id| Bos::Named { id, by: file }),
            Named::Null { file } => Bos::Refused { by: file },
            Named::Default(None) => Bos::Unnamed,
            Named::Default(Some(content)) => {
                let by = self.settings.class.family().map_or(TOKENIZER, class::Family::class);
                id(content).map_or(Bos::Unnamed, |id| Bos::Named { id, by })
            }
        }
    }

    /// Tokens that the tokenizer by itself puts before and behind each text.
    #[must_use]
    pub fn own_frame(&self) -> (Vec<u32>, Vec<u32>) {
        // The class of GPT-NeoX makes the post-processor anew, without any token.
        if self.cutter.tokenizer.get_post_processor().is_none()
            || self.settings.class.family() == Some(class::Family::GptNeoX)
        {
            return (Vec::new(), Vec::new());
        }
        let framed = |text: &str| {
            let encoding = self.cutter.tokenizer.encode(text, true).ok()?;
            let mask = encoding.get_special_tokens_mask();
            let first = mask.iter().position(|&special| special == 0)?;
            let last = mask.iter().rposition(|&special| special == 0)?;
            let ids = encoding.get_ids();
            Some((ids[..first].to_vec(), ids[last + 1..].to_vec()))
        };
        // Any text does that has a token.
        ["a", " ", "The"].into_iter().find_map(framed).unwrap_or_default()
    }

    /// The space before a text, about which releases of transformers are of several minds.
    #[must_use]
    pub fn prefix_warning(&self) -> Option<String> {
        let PreTokenizerWrapper::ByteLevel(bytes) = self.cutter.tokenizer.get_pre_tokenizer()? else { return None };
        let (here, config) = (bytes.add_prefix_space, self.settings.add_prefix_space.unwrap_or(false));
        if self.settings.class != Class::AsWritten || here == config {
            return None;
        }
        let [with, without] = ["puts a space before each text", "puts no space before texts"];
        let (five, four) = if here { (with, without) } else { (without, with) };
        Some(format!(
            "{TOKENIZER} {five}, as transformers 5 does; transformers 4, TransformerLens 2 with it, goes by \
             `add_prefix_space` of {TOKENIZER_CONFIG} and {four}"
        ))
    }

    /// `add_bos_token` that does nothing, because transformers leaves that to `tokenizer.json`.
    #[must_use]
    pub fn ignores_add_bos_token(&self) -> bool {
        self.settings.add_bos_token && self.own_frame().0.is_empty()
    }

    /// The class that the folder's files name, where it is not known what transformers makes with it.
    #[must_use]
    pub fn unknown_class(&self) -> Option<&str> {
        match &self.settings.class {
            Class::Unknown(name) => Some(name),
            Class::AsWritten | Class::Family(_) => None,
        }
    }
}

/// A text that has no token ids.
#[derive(Debug)]
pub struct EncodeError {
    /// Index of the text.
    pub text: usize,
    /// Why.
    pub message: String,
}

fn unknown_token(model: &ModelWrapper) -> Option<String> {
    match model {
        ModelWrapper::WordLevel(model) => Some(model.unk_token.clone()),
        ModelWrapper::WordPiece(model) => Some(model.unk_token.clone()),
        ModelWrapper::BPE(model) => model.unk_token.clone(),
        ModelWrapper::Unigram(_) => None,
    }
}

/// What the folder's class makes of it. Where that is the same but for the space before a text, the class has the say
/// about that.
fn rebuilt(tokenizer: &mut Tokenizer, written: &str, settings: &Settings) -> Option<Rebuilt> {
    let family = settings.class.family()?;
    let wanted = Parts::of_class(family, settings);
    let plain = rebuilt::pre_tokenizer(tokenizer).map(rebuilt::without_prefix);
    if plain == Some(rebuilt::without_prefix(wanted.pre_tokenizer.clone())) {
        let cut = PreTokenizerWrapper::deserialize(&wanted.pre_tokenizer).ok();
        tokenizer.with_pre_tokenizer(cut);
    }
    if Parts::as_written(tokenizer).as_ref() == Some(&wanted) {
        return None;
    }
    let mut rebuilt = rebuilt::build(&wanted, written, settings.all_added(tokenizer));
    if let Some(rebuilt) = &mut rebuilt {
        rebuilt.set_encode_special_tokens(settings.split_special_tokens);
    }
    Some(Rebuilt { class: family.class(), cutter: rebuilt.map(Cutter::new) })
}

impl Settings {
    /// Tokens that the folder names and that `tokenizer.json` does not add to the vocabulary itself, in the order in which
    /// transformers adds them. Those of the class' own count only where the vocabulary has them.
    fn missing_in(&self, tokenizer: &Tokenizer) -> Vec<AddedToken> {
        let known = |token: &&AddedToken| tokenizer.token_to_id(&token.content).is_some();
        let named = self.special.iter().chain(self.defaults.iter().filter(known));
        let mut added: Vec<AddedToken> = self.decoder.clone().unwrap_or_default();
        let own = tokenizer.get_added_tokens_decoder();
        for token in named {
            let is_there = |one: &AddedToken| one.content == token.content;
            if !added.iter().chain(own.values()).any(is_there) {
                added.push(token.clone());
            }
        }
        added
    }

    /// Tokens beside the vocabulary, for a tokenizer that is made of the vocabulary alone.
    fn all_added(&self, tokenizer: &Tokenizer) -> Vec<AddedToken> {
        let mut added = self.decoder.clone().unwrap_or_else(|| {
            let mut own: Vec<_> = tokenizer.get_added_tokens_decoder().into_iter().collect();
            own.sort_by_key(|&(id, _)| id);
            own.into_iter().map(|(_, token)| token).collect()
        });
        for token in self.special.iter().chain(&self.defaults) {
            if !added.iter().any(|one| one.content == token.content) {
                added.push(token.clone());
            }
        }
        added
    }
}
