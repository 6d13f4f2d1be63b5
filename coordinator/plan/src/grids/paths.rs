//! Where the paths of a grid end.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::grid::{AxesError, Component, Grid};
use patchsweep_core::paths::{Mlps, Norms, PathError, Receivers};
use patchsweep_core::sites::Heads;

use super::super::{Inputs, PlanError};
use super::also::{HEADS, list, units};
use crate::spec::Spanned;
use crate::spec::schema::{self, RECEIVERS, To};

/// The receivers of a grid; of prompts of so many positions.
pub(super) fn read(inputs: &Inputs<'_>, grid: &schema::Grid, positions: u32) -> Result<Option<Receivers>, PlanError> {
    let Some(to) = &grid.to else { return Ok(None) };
    let to = to.get_ref();
    let component = component(inputs, &to.component)?;
    let places = match component {
        None => none(inputs, to)?,
        Some(component) if to.axes.is_some() => all(inputs, to, component)?,
        Some(component) => some(inputs, to, component)?,
    };
    let positions = match &to.positions {
        None => (0..positions).collect(),
        Some(given) => list(inputs, "positions", given, positions)?,
    };
    let mlps = one_of(inputs, "MLPs", to.mlps.as_ref(), [Mlps::Live, Mlps::Frozen], Mlps::name)?;
    let norms = one_of(inputs, "norms", to.norm.as_ref(), [Norms::Recomputed, Norms::Frozen], Norms::name)?;
    Ok(Some(Receivers { component, places, positions, mlps, norms, apart: to.axes.is_some() }))
}

/// The grid with its receivers; what does not fit is refused where it stands.
pub(super) fn with(
    inputs: &Inputs<'_>,
    given: &schema::Grid,
    grid: Grid,
    to: Receivers,
    positions: u32,
) -> Result<Grid, PlanError> {
    grid.with_paths_to(to, &inputs.config.architecture, positions).map_err(|error| {
        let several = || match &error {
            AxesError::Path(PathError::SeveralSenders { key: "window" }) => given.window.as_ref().map(Spanned::span),
            AxesError::Path(PathError::SeveralSenders { key: "components" }) => {
                given.components.as_ref().map(Spanned::span)
            }
            AxesError::Path(PathError::SeveralSenders { .. }) => given.also.first().map(|also| also.component.span()),
            _ => None,
        };
        inputs.source.error(several().unwrap_or_else(|| given.place()), error.to_string()).into()
    })
}

/// `None`: the logits.
fn component(inputs: &Inputs<'_>, word: &Spanned<String>) -> Result<Option<Component>, PlanError> {
    Ok(match word.get_ref().as_str() {
        "q" => Some(Component::Q),
        "k" => Some(Component::K),
        "v" => Some(Component::V),
        "mlp_in" => Some(Component::MlpIn),
        "logits" => None,
        name => {
            let message = format!(
                "`{name}` receives no paths: receivers are `q`, `k` and `v` of heads, `mlp_in` of layers, and `logits`"
            );
            return Err(inputs.source.word_error(word.span(), message, name, &RECEIVERS).into());
        }
    })
}

/// The logits are one receiver.
fn none(inputs: &Inputs<'_>, to: &To) -> Result<BTreeMap<u32, Vec<u32>>, PlanError> {
    let heads = to.heads.as_ref().map(|heads| (heads.span(), "heads"));
    let layers = || to.layers.as_ref().map(|layers| (layers.span(), "layers"));
    let axes = || to.axes.as_ref().map(|axes| (axes.span(), "axes"));
    let positions = || to.positions.as_ref().map(|positions| (positions.span(), "positions"));
    match heads.or_else(layers).or_else(axes).or_else(positions) {
        None => Ok(BTreeMap::new()),
        Some((place, key)) => {
            refuse(inputs, place, format!("`logits` are one receiver, wherever they are read: leave `{key}` out"))
        }
    }
}

/// Every receiver of the model.
fn all(inputs: &Inputs<'_>, to: &To, component: Component) -> Result<BTreeMap<u32, Vec<u32>>, PlanError> {
    let model = &inputs.config.architecture;
    let axes = to.axes.as_ref().expect("axes are given");
    let heads = to.heads.as_ref().map(|heads| (heads.span(), "heads"));
    if let Some((place, key)) = heads.or_else(|| to.layers.as_ref().map(|layers| (layers.span(), "layers"))) {
        return refuse(
            inputs,
            place,
            format!("with `axes` every receiver is a cell: leave `{key}` out, or leave `axes` out"),
        );
    }
    let wanted: &[&str] = if component.heads() == Heads::None { &["layer"] } else { &["layer", "head"] };
    if axes.get_ref().iter().map(|axis| axis.get_ref().as_str()).ne(wanted.iter().copied()) {
        let named: Vec<String> = wanted.iter().map(|axis| format!("\"{axis}\"")).collect();
        let message = format!("the axes of receivers `{component}` are [{}]", named.join(", "));
        return refuse(inputs, axes.span(), message);
    }
    let heads: Vec<u32> = (0..component.heads().count(model)).collect();
    Ok((0..model.layers).map(|layer| (layer, heads.clone())).collect())
}

/// Those that are named; without a list all MLPs.
fn some(inputs: &Inputs<'_>, to: &To, component: Component) -> Result<BTreeMap<u32, Vec<u32>>, PlanError> {
    let model = &inputs.config.architecture;
    let has_heads = component.heads() != Heads::None;
    match (&to.heads, &to.layers) {
        (Some(words), None) if has_heads => units(inputs, words, component, HEADS),
        (_, Some(layers)) if has_heads => {
            let message =
                format!("`{component}` has heads: name them in `heads`, like `[\"1.0\"]`, and leave `layers` out");
            refuse(inputs, layers.span(), message)
        }
        _ if has_heads => {
            let message = format!(
                "which `{component}`? Name heads in `heads`, like `[\"1.0\"]` for head 0 of layer 1, or give \
                 `axes = [\"layer\", \"head\"]` for every head alone"
            );
            refuse(inputs, to.component.span(), message)
        }
        (Some(words), _) => refuse(inputs, words.span(), format!("`{component}` has no heads: give `layers`")),
        (None, Some(layers)) => {
            let layers = list(inputs, "layers", layers, model.layers)?;
            Ok(layers.into_iter().map(|layer| (layer, Vec::new())).collect())
        }
        (None, None) => Ok((0..model.layers).map(|layer| (layer, Vec::new())).collect()),
    }
}

/// Which of two a word of the spec means; the first where there is none.
fn one_of<T: Copy>(
    inputs: &Inputs<'_>,
    what: &str,
    word: Option<&Spanned<String>>,
    all: [T; 2],
    name: fn(T) -> &'static str,
) -> Result<T, PlanError> {
    let Some(word) = word else { return Ok(all[0]) };
    let found = all.into_iter().find(|&one| name(one) == word.get_ref());
    found.ok_or_else(|| {
        let names = all.map(name);
        let message = format!("{what} are `{}` or `{}`, not `{}`", names[0], names[1], word.get_ref());
        inputs.source.word_error(word.span(), message, word.get_ref(), &names).into()
    })
}

fn refuse<T>(inputs: &Inputs<'_>, place: Range<usize>, message: String) -> Result<T, PlanError> {
    Err(inputs.source.error(place, message).into())
}

#[cfg(test)]
mod tests;
