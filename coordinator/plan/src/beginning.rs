//! The token that every prompt begins with.

use patchsweep_core::model::ModelConfig;

use super::{Bos, Inputs, PlanError, PromptTokenizer};
use crate::spec::schema::PrependBos;

/// What every prompt begins with.
pub(super) struct Beginning {
    /// The token, if any.
    pub(super) bos: Option<u32>,
    /// What somebody may have expected instead.
    pub(super) warnings: Vec<String>,
}

/// The token that `prepend_bos = true` puts first, if there is one.
#[must_use]
pub fn bos_token(tokenizer: &PromptTokenizer, config: &ModelConfig) -> Option<u32> {
    let id = match tokenizer.bos() {
        Bos::Named { id, .. } => Some(id),
        Bos::Refused { .. } => None,
        Bos::Unnamed => config.bos_token_id,
    };
    id.filter(|&id| id < config.architecture.d_vocab)
}

pub(super) fn beginning(inputs: &Inputs<'_>, tokenizer: &PromptTokenizer) -> Result<Beginning, PlanError> {
    let given = inputs.spec.dataset.get_ref().prepend_bos.as_ref();
    let (bos, warnings) = match given.map_or(PrependBos::Fixed(true), |given| *given.get_ref()) {
        PrependBos::Fixed(false) => (None, Vec::new()),
        PrependBos::Fixed(true) => {
            let (bos, warning) = named(inputs, tokenizer)?;
            (Some(bos), warning.into_iter().collect())
        }
        PrependBos::Own(_) => own(tokenizer),
    };
    match bos.filter(|&bos| bos >= inputs.config.architecture.d_vocab) {
        Some(bos) => Err(beyond(inputs, tokenizer, bos)),
        None => Ok(Beginning { bos, warnings }),
    }
}

/// The BOS token by name: as the tokenizer has it, or else `config.json`.
fn named(inputs: &Inputs<'_>, tokenizer: &PromptTokenizer) -> Result<(u32, Option<String>), PlanError> {
    let shown = |id: u32| format!("`{}` (id {id})", tokenizer.token_text(id));
    let configured = inputs.config.bos_token_id;
    let refuse = |message: String| Err(inputs.source.error(inputs.spec.dataset.span(), message).into());
    match (tokenizer.bos(), configured) {
        (Bos::Named { id, by }, Some(other)) if other != id => {
            let (bos, other) = (shown(id), shown(other));
            let warning = format!(
                "prompts begin with {bos}, the BOS token that {by} names, as in transformers and TransformerLens; \
                 config.json names {other}"
            );
            Ok((id, Some(warning)))
        }
        (Bos::Named { id, .. }, _) => Ok((id, None)),
        (Bos::Unnamed, Some(id)) => {
            let bos = shown(id);
            let warning =
                format!("prompts begin with {bos}, the BOS token of config.json; the tokenizer's files name none");
            Ok((id, Some(warning)))
        }
        (Bos::Unnamed, None) => refuse(
            "the model's files name no BOS token (`bos_token`, `bos_token_id`); set `prepend_bos = false`".to_owned(),
        ),
        (Bos::Refused { by }, _) => refuse(format!(
            "the model's tokenizer has no BOS token: `bos_token` is null in {by}; set `prepend_bos = false`, and where \
             prompts are to begin with another token, write it there"
        )),
    }
}

/// What the tokenizer puts first by itself.
fn own(tokenizer: &PromptTokenizer) -> (Option<u32>, Vec<String>) {
    let (before, _) = tokenizer.own_frame();
    let warning = tokenizer.ignores_add_bos_token().then(|| {
        "`add_bos_token` of tokenizer_config.json does nothing where there is a tokenizer.json, as in transformers: \
         prompts begin without a BOS token"
            .to_owned()
    });
    (before.first().copied(), warning.into_iter().collect())
}

fn beyond(inputs: &Inputs<'_>, tokenizer: &PromptTokenizer, bos: u32) -> PlanError {
    let (text, vocabulary) = (tokenizer.token_text(bos), inputs.config.architecture.d_vocab);
    let by = match tokenizer.bos() {
        Bos::Named { id, by } if id == bos => by,
        _ => "config.json",
    };
    let message = format!(
        "the BOS token that {by} names, `{text}`, has the id {bos}, and the model knows {vocabulary} tokens; mend that \
         file, or set `prepend_bos = false`"
    );
    inputs.source.error(inputs.spec.dataset.span(), message).into()
}
