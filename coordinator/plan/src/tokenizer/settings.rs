//! What the files beside `tokenizer.json` say, in the order in which transformers lets one of them win over another.

use patchsweep_core::model::tokenizer_class;
use serde_json::{Map, Value};
use tokenizers::AddedToken;

use super::class::{Class, Family};
use super::{CONFIG, SPECIAL_TOKENS_MAP, TOKENIZER_CONFIG, TokenizerFiles};
use crate::PlanError;

/// Special tokens by their keys, in the order in which transformers adds them to the vocabulary.
const SPECIAL: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// Lists of further special tokens; the first that has any counts.
const FURTHER: [&str; 2] = ["extra_special_tokens", "additional_special_tokens"];

/// What the files beside `tokenizer.json` say.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) class: Class,
    pub(super) bos: Named,
    pub(super) add_prefix_space: Option<bool>,
    pub(super) add_bos_token: bool,
    /// Texts of special tokens mean nothing special.
    pub(super) split_special_tokens: bool,
    /// As the files have it.
    pub(super) unk_token: Option<String>,
    /// Of the class of Llama 2.
    pub(super) legacy: bool,
    /// Tokens of `added_tokens_decoder`, by ascending id; `None` where there is none.
    pub(super) decoder: Option<Vec<AddedToken>>,
    /// Special tokens that the files name.
    pub(super) special: Vec<AddedToken>,
    /// Special tokens that the class has of itself.
    pub(super) defaults: Vec<AddedToken>,
}

/// A special token, and who names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The file names it.
    Token { file: &'static str, content: String },
    /// The file says that there is none.
    Null { file: &'static str },
    /// No file says anything; the class has this one.
    Default(Option<String>),
}

impl Settings {
    pub(super) fn read(files: &TokenizerFiles<'_>) -> Result<Self, PlanError> {
        let object = |file, text: Option<&str>| text.map_or_else(|| Ok(Map::new()), |text| object(file, text));
        let config = object(TOKENIZER_CONFIG, files.tokenizer_config)?;
        let model = object(CONFIG, files.config)?;
        let decoder = config.get("added_tokens_decoder").map(decoder).transpose()?;
        // Where all added tokens are described, transformers does not look into the older file.
        let map = if decoder.is_some() { Map::new() } else { object(SPECIAL_TOKENS_MAP, files.special_tokens_map)? };
        let named = config.get("tokenizer_class").or_else(|| model.get("tokenizer_class")).and_then(Value::as_str);
        let is_byte_level = files.tokenizer.contains(r#""ByteLevel""#);
        let own = tokenizer_class(model.get("model_type").and_then(Value::as_str).unwrap_or_default());
        let class = Class::of(own, named, is_byte_level);
        let layers = Layers([(SPECIAL_TOKENS_MAP, &map), (TOKENIZER_CONFIG, &config)]);
        let flag = |key: &str| config.get(key).and_then(Value::as_bool);
        Ok(Self {
            bos: layers.bos(class.family())?,
            unk_token: layers.content("unk_token")?,
            special: layers.special()?,
            defaults: class.family().map_or_else(Vec::new, |family| layers.defaults(family)),
            class,
            add_prefix_space: flag("add_prefix_space"),
            add_bos_token: flag("add_bos_token").unwrap_or(false),
            split_special_tokens: flag("split_special_tokens").unwrap_or(false),
            legacy: flag("legacy").unwrap_or(false),
            decoder,
        })
    }
}

/// Files that name special tokens, the one that wins first.
struct Layers<'a>([(&'static str, &'a Map<String, Value>); 2]);

impl<'a> Layers<'a> {
    fn get(&self, key: &str) -> Option<(&'static str, &'a Value)> {
        self.0.iter().find_map(|&(file, object)| Some((file, object.get(key)?)))
    }

    fn bos(&self, family: Option<Family>) -> Result<Named, PlanError> {
        let key = SPECIAL[0];
        Ok(match self.get(key) {
            Some((file, Value::Null)) => Named::Null { file },
            Some((file, value)) => Named::Token { file, content: token(file, key, value)?.content },
            None => Named::Default(family.and_then(|family| family.default_token(key)).map(|token| token.content)),
        })
    }

    fn content(&self, key: &str) -> Result<Option<String>, PlanError> {
        let named = self.get(key).filter(|(_, value)| !value.is_null());
        named.map(|(file, value)| Ok(token(file, key, value)?.content)).transpose()
    }

    /// By [`SPECIAL`], then those under other names, then the lists.
    fn special(&self) -> Result<Vec<AddedToken>, PlanError> {
        let mut tokens = Vec::new();
        for key in SPECIAL {
            if let Some((file, value)) = self.get(key).filter(|(_, value)| !value.is_null()) {
                tokens.push(token(file, key, value)?);
            }
        }
        let (file, config) = self.0[1];
        let is_token = |value: &Value| value.is_string() || value.get("content").is_some();
        let other = config
            .iter()
            .filter(|(key, value)| key.ends_with("_token") && !SPECIAL.contains(&key.as_str()) && is_token(value));
        for (key, value) in other {
            tokens.push(token(file, key, value)?);
        }
        tokens.extend(self.further()?);
        Ok(tokens)
    }

    fn further(&self) -> Result<Vec<AddedToken>, PlanError> {
        let lists =
            self.0.iter().rev().flat_map(|&(file, object)| {
                FURTHER.into_iter().filter_map(move |key| Some((file, key, object.get(key)?)))
            });
        let values = lists.map(|(file, key, list)| {
            let values: Vec<&Value> = match list {
                Value::Array(values) => values.iter().collect(),
                Value::Object(values) => values.values().collect(),
                _ => Vec::new(),
            };
            (file, key, values)
        });
        let Some((file, key, values)) = values.into_iter().find(|(.., values)| !values.is_empty()) else {
            return Ok(Vec::new());
        };
        values.into_iter().map(|value| token(file, key, value)).collect()
    }

    fn defaults(&self, family: Family) -> Vec<AddedToken> {
        let unnamed = SPECIAL.into_iter().filter(|key| self.get(key).is_none());
        unnamed.filter_map(|key| family.default_token(key)).collect()
    }
}

fn object(file: &'static str, text: &str) -> Result<Map<String, Value>, PlanError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text)
        .map_err(|error| PlanError::Tokenizer { file, message: format!("not a JSON object: {error}") })
}

/// A token as a text, or as an object that says how it is found in text.
fn token(file: &'static str, key: &str, value: &Value) -> Result<AddedToken, PlanError> {
    if let Some(content) = value.as_str() {
        return Ok(AddedToken::from(content, true));
    }
    let Some(content) = value.get("content").and_then(Value::as_str) else {
        let message = format!("`{key}` is neither a text nor an object with `content`");
        return Err(PlanError::Tokenizer { file, message });
    };
    let flag = |name: &str, default| value.get(name).and_then(Value::as_bool).unwrap_or(default);
    let special = flag("special", !key.is_empty());
    Ok(AddedToken::from(content, special)
        .single_word(flag("single_word", false))
        .lstrip(flag("lstrip", false))
        .rstrip(flag("rstrip", false))
        .normalized(flag("normalized", !special)))
}

fn decoder(value: &Value) -> Result<Vec<AddedToken>, PlanError> {
    let refuse = |message| PlanError::Tokenizer { file: TOKENIZER_CONFIG, message };
    let refuse_all = || refuse("`added_tokens_decoder` is not an object of tokens by their ids".to_owned());
    let mut tokens = Vec::new();
    for (id, value) in value.as_object().ok_or_else(refuse_all)? {
        let id: u32 = id.parse().map_err(|_| refuse_all())?;
        tokens.push((id, token(TOKENIZER_CONFIG, "", value)?));
    }
    tokens.sort_by_key(|&(id, _)| id);
    Ok(tokens.into_iter().map(|(_, token)| token).collect())
}
