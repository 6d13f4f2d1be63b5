//! Which sites a grid's cells write, as the spec names them.

use std::ops::Range;

use patchsweep_core::grid::Component;

use super::super::{Inputs, PlanError};
use crate::spec::Spanned;
use crate::spec::schema;

/// What the cells of a grid write.
pub(super) struct Sites {
    /// The first.
    pub(super) component: Component,
    /// Of a full hook name.
    pub(super) layer: Option<u32>,
    /// Written together with it, and where they stand.
    pub(super) others: Vec<(Range<usize>, Component)>,
}

pub(super) fn read(inputs: &Inputs<'_>, given: &schema::Grid) -> Result<Sites, PlanError> {
    let refuse = |place: Range<usize>, message: &str| Err(inputs.source.error(place, message.to_owned()).into());
    match (&given.component, &given.components) {
        (Some(word), None) => {
            let (component, layer) = component(inputs, word)?;
            Ok(Sites { component, layer, others: Vec::new() })
        }
        (None, Some(words)) => {
            let named = words.get_ref().iter().map(|word| Ok((word.span(), short(inputs, word)?)));
            let mut named = named.collect::<Result<Vec<_>, PlanError>>()?.into_iter();
            let Some((_, component)) = named.next() else {
                return refuse(words.span(), "nothing would be patched: name the components, or give one `component`");
            };
            Ok(Sites { component, layer: None, others: named.collect() })
        }
        (Some(_), Some(words)) => refuse(words.span(), "give either `component` or `components`"),
        (None, None) => {
            refuse(given.place(), "this grid does not say what is patched: give `component` or `components`")
        }
    }
}

/// The name of a grid that has none.
pub(super) fn joined(component: Component, others: &[(Range<usize>, Component)]) -> String {
    let names: Vec<&str> =
        std::iter::once(component).chain(others.iter().map(|(_, other)| *other)).map(Component::name).collect();
    names.join("-")
}

/// A component by its short name, where its layers are said elsewhere.
pub(super) fn short(inputs: &Inputs<'_>, word: &Spanned<String>) -> Result<Component, PlanError> {
    let (component, layer) = component(inputs, word)?;
    if layer.is_some() {
        let message =
            format!("`{}` names its layer: write `{component}` here, and give the layer beside it", word.get_ref());
        return Err(inputs.source.error(word.span(), message).into());
    }
    Ok(component)
}

/// A component by its short name, or by a full hook name, with the layer.
fn component(inputs: &Inputs<'_>, word: &Spanned<String>) -> Result<(Component, Option<u32>), PlanError> {
    let name = word.get_ref().as_str();
    if let Some(component) = Component::from_name(name) {
        return Ok((component, None));
    }
    if let Some((component, layer)) = Component::from_hook_name(name) {
        return Ok((component, Some(layer)));
    }
    let unknown = |what: &str, valid: &[&str]| {
        inputs.source.word_error(word.span(), format!("unknown {what} `{name}`"), name, valid).into()
    };
    if let Some(rest) = name.strip_prefix("blocks.") {
        let layer = rest.split('.').next().and_then(|layer| layer.parse().ok()).unwrap_or(0);
        let hooks: Vec<String> = Component::ALL.iter().map(|component| component.hook_name(layer)).collect();
        return Err(unknown("hook", &hooks.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    let dictionaries = inputs.spec.dictionary.iter().map(|dictionary| dictionary.name.get_ref().as_str());
    let known: Vec<&str> = Component::ALL.iter().map(|component| component.name()).chain(dictionaries).collect();
    Err(unknown("component", &known))
}
