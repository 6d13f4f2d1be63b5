//! What is written as well in every cell of a grid.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::also::{Also, MOST_ALSO};
use patchsweep_core::grid::{AxesError, Axis, Component};
use patchsweep_core::sites::Heads;
use patchsweep_core::tokens::TokenMatrix;

use super::super::selection::{self, ascending};
use super::super::spots::Places;
use super::super::{Inputs, PlanError};
use super::{sites, value};
use crate::spec::Spanned;
use crate::spec::schema;

/// The writes of all `also` of a grid, one for each layer, in order, and where they stand.
pub(super) fn read(
    inputs: &Inputs<'_>,
    grid: &schema::Grid,
    places: &Places,
    clean: &TokenMatrix,
) -> Result<Vec<(Range<usize>, Also)>, PlanError> {
    let mut writes = Vec::new();
    for given in &grid.also {
        let place = given.component.span();
        for also in table(inputs, given, places, clean)? {
            if writes.len() == MOST_ALSO {
                let message =
                    format!("a grid has at most {MOST_ALSO} writes in every cell, one for each layer of an `also`");
                return Err(inputs.source.error(place, message).into());
            }
            writes.push((place.clone(), also));
        }
    }
    Ok(writes)
}

/// One table.
fn table(
    inputs: &Inputs<'_>,
    given: &schema::Also,
    places: &Places,
    clean: &TokenMatrix,
) -> Result<Vec<Also>, PlanError> {
    let positions = places.extent();
    let model = &inputs.config.architecture;
    let component = sites::short(inputs, &given.component)?;
    if !component.is_in(model) {
        let error = AxesError::NotInModel { component };
        return Err(inputs.source.error(given.component.span(), error.to_string()).into());
    }
    let layers = layers(inputs, given, component)?;
    let written = match &given.positions {
        None => places.of_all(clean, false).unwrap_or_else(|| (0..positions).collect()),
        Some(given) if component == Component::Pattern => {
            let message = "`pattern` is written at all positions here: leave `positions` out".to_owned();
            return Err(inputs.source.error(given.span(), message).into());
        }
        Some(given) => selection::positions(
            inputs,
            "positions",
            given,
            places,
            clean,
            "written: give `positions`, or leave the table out",
        )?,
    };
    let sources: Vec<u32> = if component == Component::Pattern { (0..positions).collect() } else { Vec::new() };
    let write = |(layer, units): (u32, Vec<u32>)| {
        let (heads, neurons) = if component.has_neurons() { (Vec::new(), units) } else { (units, Vec::new()) };
        let (positions, sources) = (written.clone(), sources.clone());
        Also { component, layer, heads, neurons: neurons.into(), positions, sources, value: value(given.ablate) }
    };
    Ok(layers.into_iter().map(write).collect())
}

/// The layers and the heads or neurons in each; none of components without.
fn layers(
    inputs: &Inputs<'_>,
    given: &schema::Also,
    component: Component,
) -> Result<BTreeMap<u32, Vec<u32>>, PlanError> {
    let refuse = |place: Range<usize>, message: String| Err(inputs.source.error(place, message).into());
    if let Some(neurons) = &given.neurons {
        return neurons_of(inputs, given, neurons, component);
    }
    let has_heads = component.heads() != Heads::None;
    let all = if component.has_neurons() { 0..inputs.config.architecture.d_mlp } else { 0..0 };
    match (&given.heads, &given.layers) {
        (Some(words), None) if has_heads => units(inputs, words, component, HEADS),
        (None, Some(layers)) if !has_heads => {
            let layers = list(inputs, "layers", layers, inputs.config.architecture.layers)?;
            Ok(layers.into_iter().map(|layer| (layer, all.clone().collect())).collect())
        }
        (_, Some(layers)) if has_heads => {
            let message = format!(
                "`{component}` has heads: name them in `heads`, like `[\"0.1\"]` for head 1 of layer 0, and leave `layers` out"
            );
            refuse(layers.span(), message)
        }
        (Some(heads), _) => {
            let error = AxesError::NotOfComponent { component, axis: Axis::Head };
            refuse(heads.span(), format!("{error}: give `layers`, and leave `heads` out"))
        }
        _ if has_heads => {
            let message =
                format!("`{component}` has heads: name them in `heads`, like `[\"0.1\"]` for head 1 of layer 0");
            refuse(given.component.span(), message)
        }
        _ => refuse(given.component.span(), format!("in which layers is `{component}` written? Give `layers`")),
    }
}

/// The layers and the neurons in each that are named.
fn neurons_of(
    inputs: &Inputs<'_>,
    given: &schema::Also,
    words: &Spanned<Vec<Spanned<String>>>,
    component: Component,
) -> Result<BTreeMap<u32, Vec<u32>>, PlanError> {
    let refuse = |place: Range<usize>, message: String| Err(inputs.source.error(place, message).into());
    if !component.has_neurons() {
        let error = AxesError::NotOfComponent { component, axis: Axis::Neuron };
        return refuse(words.span(), format!("{error}: leave `neurons` out"));
    }
    if let Some(heads) = &given.heads {
        let error = AxesError::NotOfComponent { component, axis: Axis::Head };
        return refuse(heads.span(), format!("{error}: leave `heads` out"));
    }
    if let Some(layers) = &given.layers {
        let message =
            "`neurons` name their layers: leave `layers` out, or `neurons` for all of these layers".to_owned();
        return refuse(layers.span(), message);
    }
    units(inputs, words, component, NEURONS)
}

/// What is named with its layer.
#[derive(Clone, Copy)]
pub(super) struct Named {
    /// One of them.
    one: &'static str,
    /// Their key.
    key: &'static str,
    example: &'static str,
}

pub(super) const HEADS: Named = Named { one: "head", key: "heads", example: "9.6" };
const NEURONS: Named = Named { one: "neuron", key: "neurons", example: "9.700" };

/// Heads as `"layer.head"`, neurons as `"layer.neuron"`.
pub(super) fn units(
    inputs: &Inputs<'_>,
    words: &Spanned<Vec<Spanned<String>>>,
    component: Component,
    Named { one, key, example }: Named,
) -> Result<BTreeMap<u32, Vec<u32>>, PlanError> {
    let refuse = |place: Range<usize>, message: String| Err(inputs.source.error(place, message).into());
    let model = &inputs.config.architecture;
    let count = if component.has_neurons() { model.d_mlp } else { component.heads().count(model) };
    let mut units: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for word in words.get_ref() {
        let text = word.get_ref();
        let parsed = text.split_once('.').and_then(|(layer, unit)| Some((layer.parse().ok()?, unit.parse().ok()?)));
        let Some((layer, unit)): Option<(u32, u32)> = parsed else {
            return refuse(
                word.span(),
                format!("`{text}` is no {one}: write layer and {one} with a point between, like `{example}`"),
            );
        };
        if layer >= model.layers || unit >= count {
            let (layers, last) = (model.layers - 1, count - 1);
            let message = format!("no {one} `{text}` of `{component}`: layers are 0 to {layers}, {key} 0 to {last}");
            return refuse(word.span(), message);
        }
        let of_layer = units.entry(layer).or_default();
        if of_layer.contains(&unit) {
            return refuse(word.span(), format!("`{key}` has {layer}.{unit} twice"));
        }
        of_layer.push(unit);
    }
    if units.is_empty() {
        return refuse(words.span(), format!("nothing would be written: name {key}, or leave the table out"));
    }
    for of_layer in units.values_mut() {
        of_layer.sort_unstable();
    }
    Ok(units)
}

pub(super) fn list(
    inputs: &Inputs<'_>,
    key: &str,
    given: &Spanned<Vec<i64>>,
    length: u32,
) -> Result<Vec<u32>, PlanError> {
    if given.get_ref().is_empty() {
        let message = format!("nothing would be written: give `{key}`, or leave the table out");
        return Err(inputs.source.error(given.span(), message).into());
    }
    ascending(key, given.get_ref(), length).map_err(|message| inputs.source.error(given.span(), message).into())
}
