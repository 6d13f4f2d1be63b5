//! Dictionaries that the spec names: where they are, and whether they fit the model there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use patchsweep_core::dictionary::{Dictionary, DictionaryError};
use patchsweep_core::grid::Component;
use patchsweep_core::model::ModelRef;

use super::{Inputs, PlanError, names};
use crate::spec::schema;

#[cfg(test)]
mod tests;

/// All of them, in the spec's order.
pub(super) fn read(inputs: &Inputs<'_>) -> Result<Vec<Arc<Dictionary>>, PlanError> {
    let mut dictionaries: Vec<Arc<Dictionary>> = Vec::new();
    for given in &inputs.spec.dictionary {
        let (place, name) = (given.name.span(), given.name.get_ref());
        let refuse = |message: String| PlanError::from(inputs.source.error(place.clone(), message));
        names::refuse(inputs.source, place.clone(), name)?;
        if Component::from_name(name).is_some() {
            return Err(refuse(format!("`{name}` is a component of the model: give the dictionary another name")));
        }
        if dictionaries.iter().any(|other| other.name == *name) {
            return Err(refuse(format!("two dictionaries are called `{name}`; give one another name")));
        }
        dictionaries.push(Arc::new(dictionary(inputs, given)?));
    }
    Ok(dictionaries)
}

/// What the models are called that they were trained on, by their names, as far as their files say it.
pub(super) fn models(inputs: &Inputs<'_>) -> BTreeMap<String, String> {
    let model = |given: &schema::Dictionary| {
        let (header, _) = given.files.as_ref()?;
        Some((given.name.get_ref().clone(), header.model.clone()?))
    };
    inputs.spec.dictionary.iter().filter_map(model).collect()
}

/// Dictionaries that seem to be of another model than the sweep's.
pub(super) fn warnings(models: &BTreeMap<String, String>, model: &ModelRef) -> Vec<String> {
    let own = match model {
        ModelRef::Folder(name) => name,
        ModelRef::Hub { repository, .. } => repository,
    };
    let others = models.iter().filter(|(_, trained_on)| !resemble(own, trained_on));
    let warning = |(name, trained_on): (&String, &String)| {
        format!(
            "dictionary `{name}` was trained on the model `{trained_on}`, as its files say, and the model here is called `{own}`: in \
             another model its features mean nothing"
        )
    };
    others.map(warning).collect()
}

/// Whether the last parts of two paths may be names of one model: one is part of the other, word by word.
fn resemble(one: &str, other: &str) -> bool {
    let words = |path: &str| -> Vec<String> {
        let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let (one, other) = (words(one), words(other));
    let (part, whole) = if one.len() < other.len() { (one, other) } else { (other, one) };
    !part.is_empty() && whole.windows(part.len()).any(|words| words == part)
}

/// One table.
fn dictionary(inputs: &Inputs<'_>, given: &schema::Dictionary) -> Result<Dictionary, PlanError> {
    let refuse = |place: Range<usize>, message: String| PlanError::from(inputs.source.error(place, message));
    let (name, path) = (given.name.get_ref(), given.path.get_ref());
    let files = given.files.as_ref();
    let Some(at) = &given.at else {
        let hook = files.and_then(|(header, _)| header.hook.as_deref()).unwrap_or("blocks.8.hook_resid_pre");
        let message = format!("which activation does `{name}` read? Give `at`, like `at = \"{hook}\"`");
        return Err(refuse(given.name.span(), message));
    };
    let Ok(ModelRef::Folder(path)) = ModelRef::folder(path) else {
        let error = DictionaryError::Path { path: path.clone() };
        return Err(refuse(given.path.span(), error.to_string()));
    };
    let Some((header, digest)) = files else {
        let message = format!("no files of `{name}` at hand: a sweep over its features is planned where they are");
        return Err(refuse(given.path.span(), message));
    };
    let hook = at.get_ref();
    let unfit = |error: DictionaryError| {
        let place = if matches!(error, DictionaryError::Path { .. }) { given.path.span() } else { at.span() };
        refuse(place, error.to_string())
    };
    let dictionary = header.at(name, &path, hook, *digest).map_err(unfit)?;
    if let Some(trained) = header.other_hook(hook) {
        let message = format!("`{name}` was trained at `{trained}`, not at `{hook}`: give its own site");
        return Err(refuse(at.span(), message));
    }
    dictionary.refuse_unfit(&inputs.config.architecture).map_err(unfit)?;
    Ok(dictionary)
}
