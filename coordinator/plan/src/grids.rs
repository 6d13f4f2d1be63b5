//! Grids: components and axes by their `TransformerLens` names.

mod also;
mod estimate;
mod features;
mod paths;
mod sites;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use patchsweep_core::also::Also;
use patchsweep_core::grid::{AxesError, Axis, Component, Grid, MAX_INDICES, PatchValue, index_count};
use patchsweep_core::groups::Spot;
use patchsweep_core::paths::Receivers;
use patchsweep_core::tokens::TokenMatrix;

use self::sites::Sites;
use super::spots::Places;
use super::{Inputs, PlanError, dictionaries, names, selection};
use crate::spec::Spanned;
use crate::spec::schema::{self, Ablation};

/// Over these clean prompts.
pub(super) fn read(inputs: &Inputs<'_>, places: &Places, clean: &TokenMatrix) -> Result<Vec<Grid>, PlanError> {
    let (source, positions) = (inputs.source, places.extent());
    let spots: Option<Arc<[Spot]>> = places.spots().map(Into::into);
    let mut grids: Vec<Grid> = Vec::new();
    let mut indices = 0;
    let dictionaries = dictionaries::read(inputs)?;
    for given in &inputs.spec.grid {
        let dictionary = features::dictionary(inputs, &dictionaries, given)?;
        let Sites { component, layer, others } = match dictionary {
            Some(dictionary) => Sites { component: dictionary.component, layer: None, others: Vec::new() },
            None => sites::read(inputs, given)?,
        };
        let (place, name) = match (&given.name, dictionary) {
            (Some(name), _) => (name.span(), name.get_ref().clone()),
            (None, Some(dictionary)) => (given.place(), dictionary.name.clone()),
            (None, None) => (given.place(), sites::joined(component, &others)),
        };
        names::refuse(source, place.clone(), &name)?;
        if grids.iter().any(|other| other.name == name) {
            return Err(source.error(place, format!("two grids are called `{name}`; give one a `name`")).into());
        }
        let place = match (given.axes.first(), given.axes.last()) {
            (Some(first), Some(last)) => first.span().start..last.span().end,
            _ => given.place(),
        };
        let also = also::read(inputs, given, places, clean)?;
        indices += match dictionary {
            Some(dictionary) => Grid::feature_index_count(dictionary, positions),
            None => index_count(component, &inputs.config.architecture, positions),
        };
        indices += also.iter().map(|(_, also)| also.index_count()).sum::<u64>();
        let to = paths::read(inputs, given, positions)?;
        indices += to.as_ref().map_or(0, Receivers::index_count);
        if indices > MAX_INDICES {
            let message =
                format!("the grids up to here have {indices} indices, more than the {MAX_INDICES} of a sweep");
            return Err(source.error(place, message).into());
        }
        let axes = given.axes.iter().map(|word| axis(inputs, word)).collect::<Result<Vec<_>, _>>()?;
        let model = &inputs.config.architecture;
        let grid = match dictionary {
            Some(dictionary) => Grid::over_features(name, dictionary.clone(), axes, model, positions),
            None => Grid::new(name, component, axes, model, positions),
        };
        let grid = grid.map_err(|error| {
            let is_lacking = matches!(error, AxesError::NotInModel { .. });
            let place = if is_lacking { given.place() } else { place.clone() };
            source.error(place, error.to_string())
        })?;
        let grid = selection::restrict(inputs, given, grid, layer, places, clean)?.patched_with(value(given.ablate));
        refuse_value(inputs, given, &grid)?;
        let grid = several(inputs, given, grid, &others, also, positions)?;
        let grid = match to {
            Some(to) => paths::with(inputs, given, grid, to, positions)?,
            None => grid,
        };
        let grid = estimate::read(inputs, given, grid)?;
        refuse_words(inputs, given, &grid, places)?;
        grid.cell_count().map_err(|error| source.error(place, error.to_string()))?;
        grids.push(match &spots {
            Some(spots) => grid.over_spots(spots.clone()),
            None => grid,
        });
    }
    if grids.is_empty() {
        let message = "a sweep needs at least one `[[grid]]`".to_owned();
        return Err(source.error(inputs.spec.name.span(), message).into());
    }
    Ok(grids)
}

/// The grid with the sites, the window and what is written as well that the spec gives.
fn several(
    inputs: &Inputs<'_>,
    given: &schema::Grid,
    mut grid: Grid,
    others: &[(Range<usize>, Component)],
    also: Vec<(Range<usize>, Also)>,
    positions: u32,
) -> Result<Grid, PlanError> {
    let model = &inputs.config.architecture;
    let refuse = |place: Range<usize>| move |error: AxesError| inputs.source.error(place, error.to_string());
    for count in 1..=others.len() {
        let those = others[..count].iter().map(|(_, component)| *component).collect();
        grid = grid.together_with(those, model).map_err(refuse(others[count - 1].0.clone()))?;
    }
    if let Some(window) = &given.window {
        grid = grid.with_window(*window.get_ref()).map_err(refuse(window.span()))?;
    }
    for (place, also) in also {
        grid = grid.with_also(also, model, positions).map_err(refuse(place))?;
    }
    Ok(grid)
}

fn axis(inputs: &Inputs<'_>, word: &Spanned<String>) -> Result<Axis, PlanError> {
    let name = word.get_ref();
    Axis::from_name(name).filter(|axis| Axis::OF_COMPONENTS.contains(axis)).ok_or_else(|| {
        let message = format!("unknown axis `{name}`");
        inputs.source.word_error(word.span(), message, name, &Axis::OF_COMPONENTS.map(Axis::name)).into()
    })
}

fn value(ablate: Option<Ablation>) -> PatchValue {
    match ablate {
        None => PatchValue::Other,
        Some(Ablation::Zero) => PatchValue::Zero,
        Some(Ablation::Mean) => PatchValue::Mean,
        Some(Ablation::Knockout) => PatchValue::Knockout,
    }
}

/// Refuses what cannot take the activation's place, and a knockout that leaves nothing to attend to.
fn refuse_value(inputs: &Inputs<'_>, given: &schema::Grid, grid: &Grid) -> Result<(), PlanError> {
    let refuse = |message: String| Err(inputs.source.error(given.place(), message).into());
    if let Err(error) = grid.refuse_value() {
        return refuse(error.to_string());
    }
    let is_of_all = !grid.axes.contains(&Axis::SrcPos) && given.src_positions.is_none();
    if grid.value == PatchValue::Knockout && is_of_all {
        let message = "`knockout` of all that positions attend to leaves nothing: say what is knocked out with `src_positions`, or give \
                       the axis `src_pos`";
        return refuse(message.to_owned());
    }
    Ok(())
}

/// Paths, features and estimates know positions by number only.
fn refuse_words(inputs: &Inputs<'_>, given: &schema::Grid, grid: &Grid, places: &Places) -> Result<(), PlanError> {
    if places.spots().is_none() || grid.knows_spots() {
        return Ok(());
    }
    let message = "paths, features and estimates are not there yet where prompts have different lengths, or positions are given by \
                   names, or along an axis in words: give prompts of one length and positions by number (`end` will do where it is \
                   read or corrupted), or leave this grid out";
    Err(inputs.source.error(given.place(), message.to_owned()).into())
}
