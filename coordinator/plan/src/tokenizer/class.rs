//! Which of transformers' tokenizer classes a model's folder is opened with there.

use patchsweep_core::model::TokenizerClass;
use tokenizers::AddedToken;

/// What transformers 5 makes of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The tokenizer of `tokenizer.json` as it stands there.
    AsWritten,
    /// A tokenizer that a class of one family makes of the vocabulary, with its own normalizer and pre-tokenizer.
    Family(Family),
    /// A class whose making is not known here.
    Unknown(String),
}

/// Families of models whose class makes its tokenizer anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Gpt2,
    GptNeoX,
    Qwen2,
    Qwen35,
    Gemma,
    Cohere,
    Llama,
}

/// Classes that take `tokenizer.json` as it stands, without the ending `Fast`.
const AS_WRITTEN: [&str; 4] = ["PreTrainedTokenizer", "TokenizersBackend", "PythonBackend", "BloomTokenizer"];

impl Class {
    /// Of the folder of a model for whose family transformers has a class `own`.
    ///
    /// `named`: the class that its files name, if they do. `is_byte_level`: the word stands in `tokenizer.json`.
    pub(super) fn of(own: TokenizerClass, named: Option<&str>, is_byte_level: bool) -> Self {
        match (own, named) {
            (TokenizerClass::Forced(class), _) | (TokenizerClass::Named(class), None) => Self::called(class, false),
            (TokenizerClass::None | TokenizerClass::AsWritten, None) | (TokenizerClass::AsWritten, Some(_)) => {
                Self::AsWritten
            }
            (TokenizerClass::None | TokenizerClass::Named(_), Some(named)) => Self::called(named, is_byte_level),
        }
    }

    fn called(named: &str, is_byte_level: bool) -> Self {
        let plain = named.strip_suffix("Fast").unwrap_or(named);
        if AS_WRITTEN.contains(&plain) {
            return Self::AsWritten;
        }
        match Family::ALL.into_iter().find(|family| family.class() == plain) {
            // Llama 3 named Llama 2's class, and transformers knows.
            Some(Family::Llama) if is_byte_level => Self::AsWritten,
            Some(family) => Self::Family(family),
            None => Self::Unknown(named.to_owned()),
        }
    }

    pub(super) fn family(&self) -> Option<Family> {
        match self {
            Self::Family(family) => Some(*family),
            Self::AsWritten | Self::Unknown(_) => None,
        }
    }
}

impl Family {
    const ALL: [Self; 7] =
        [Self::Gpt2, Self::GptNeoX, Self::Qwen2, Self::Qwen35, Self::Gemma, Self::Cohere, Self::Llama];

    /// The class' name in transformers 5.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Gpt2 => "GPT2Tokenizer",
            Self::GptNeoX => "GPTNeoXTokenizer",
            Self::Qwen2 => "Qwen2Tokenizer",
            Self::Qwen35 => "Qwen3_5Tokenizer",
            Self::Gemma => "GemmaTokenizer",
            Self::Cohere => "CohereTokenizer",
            Self::Llama => "LlamaTokenizer",
        }
    }

    /// The special token that it has under a key unless the folder's files say otherwise.
    pub(super) fn default_token(self, key: &str) -> Option<AddedToken> {
        let content = match (self, key) {
            (Self::Gpt2 | Self::GptNeoX, "bos_token" | "eos_token" | "unk_token")
            | (Self::Qwen2 | Self::Qwen35, "eos_token" | "unk_token" | "pad_token") => "<|endoftext|>",
            (Self::GptNeoX, "pad_token") => "<|padding|>",
            (Self::Gemma, "bos_token") => "<bos>",
            (Self::Gemma, "eos_token") => "<eos>",
            (Self::Gemma, "pad_token") => "<pad>",
            (Self::Gemma, "mask_token") => "<mask>",
            (Self::Gemma | Self::Llama, "unk_token") => "<unk>",
            (Self::Cohere, "bos_token") => "<BOS_TOKEN>",
            (Self::Cohere, "eos_token") => "<|END_OF_TURN_TOKEN|>",
            (Self::Cohere, "unk_token") => "<UNK>",
            (Self::Cohere, "pad_token") => "<PAD>",
            (Self::Cohere, "cls_token") => "<CLS>",
            (Self::Cohere, "sep_token") => "<SEP>",
            (Self::Cohere, "mask_token") => "<MASK_TOKEN>",
            (Self::Llama, "bos_token") => "<s>",
            (Self::Llama, "eos_token") => "</s>",
            _ => return None,
        };
        Some(AddedToken::from(content, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPT2: TokenizerClass = TokenizerClass::Named("GPT2Tokenizer");

    #[test]
    fn a_folder_that_names_no_class_is_opened_with_that_of_its_family() {
        let of = |named| Class::of(GPT2, named, false);
        assert_eq!(of(None), Class::Family(Family::Gpt2));
        assert_eq!(Class::of(TokenizerClass::None, None, false), Class::AsWritten);
        for named in ["GPT2Tokenizer", "GPT2TokenizerFast"] {
            assert_eq!(of(Some(named)), Class::Family(Family::Gpt2));
        }
        for named in ["PreTrainedTokenizerFast", "TokenizersBackend", "BloomTokenizerFast"] {
            assert_eq!(of(Some(named)), Class::AsWritten);
        }
        assert_eq!(of(Some("BertTokenizerFast")), Class::Unknown("BertTokenizerFast".to_owned()));
    }

    #[test]
    fn the_class_of_llama_is_not_that_of_a_byte_level_tokenizer() {
        let of = |is_byte_level| Class::of(TokenizerClass::None, Some("LlamaTokenizerFast"), is_byte_level);
        assert_eq!((of(false), of(true)), (Class::Family(Family::Llama), Class::AsWritten));
    }

    #[test]
    fn some_families_have_their_class_whatever_the_files_name() {
        let named = Some("LlamaTokenizerFast");
        assert_eq!(Class::of(TokenizerClass::AsWritten, named, false), Class::AsWritten);
        assert_eq!(Class::of(TokenizerClass::Forced("Qwen2Tokenizer"), named, false), Class::Family(Family::Qwen2));
        assert_eq!(Class::of(GPT2, named, false), Class::Family(Family::Llama));
    }
}
