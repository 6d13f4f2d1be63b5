//! Grids over the features of a dictionary.

use std::sync::Arc;

use patchsweep_core::dictionary::Dictionary;
use patchsweep_core::grid::AxesError;

use super::super::{Inputs, PlanError};
use crate::spec::{Spanned, schema};

/// The dictionary that a grid is over, if it is over one. Where others are written too, one is refused.
pub(super) fn dictionary<'a>(
    inputs: &Inputs<'_>,
    dictionaries: &'a [Arc<Dictionary>],
    given: &schema::Grid,
) -> Result<Option<&'a Arc<Dictionary>>, PlanError> {
    let named = |name: &String| dictionaries.iter().find(|dictionary| dictionary.name == *name);
    let together = given.components.iter().flat_map(Spanned::get_ref);
    for word in together.chain(given.also.iter().map(|also| &also.component)) {
        if let Some(dictionary) = named(word.get_ref()) {
            let error = AxesError::FeaturesWithOthers { dictionary: dictionary.name.clone() };
            return Err(inputs.source.error(word.span(), error.to_string()).into());
        }
    }
    Ok(given.component.as_ref().filter(|_| given.components.is_none()).and_then(|word| named(word.get_ref())))
}
