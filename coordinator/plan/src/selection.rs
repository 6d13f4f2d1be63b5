//! Which layers, heads, neurons, features and positions of a grid are patched.

use patchsweep_core::grid::{AxesError, Axis, Grid};
use patchsweep_core::length;
use patchsweep_core::tokens::TokenMatrix;

use super::positions::{from_either_end, number, repeated};
use super::spots::Places;
use super::{Inputs, PlanError};
use crate::spec::Spanned;
use crate::spec::schema::{self, Position};

/// Of features: those that are active in a run.
const ACTIVE: &str = "active";

/// A list of indices as the spec gives it.
struct Given<'a> {
    key: &'static str,
    axis: Axis,
    indices: Option<&'a Spanned<Vec<i64>>>,
}

/// The same grid over the indices that the spec gives; `layer`: that of a full hook name.
pub(super) fn restrict(
    inputs: &Inputs<'_>,
    given: &schema::Grid,
    mut grid: Grid,
    layer: Option<u32>,
    places: &Places,
    clean: &TokenMatrix,
) -> Result<Grid, PlanError> {
    let source = inputs.source;
    if let (Some(layer), Some(site)) = (layer, given.site()) {
        if let Some(layers) = &given.layers {
            let (hook, component) = (site.get_ref(), grid.component);
            let message =
                format!("`{hook}` names its layer: leave `layers` out, or write `component = \"{component}\"`");
            return Err(source.error(layers.span(), message).into());
        }
        let one_layer = grid.restricted(Axis::Layer, vec![layer]);
        grid = one_layer.map_err(|error| source.error(site.span(), error.to_string()))?;
    }
    let lists = [
        Given { key: "layers", axis: Axis::Layer, indices: given.layers.as_ref() },
        Given { key: "heads", axis: Axis::Head, indices: given.heads.as_ref() },
        Given { key: "neurons", axis: Axis::Neuron, indices: given.neurons.as_ref() },
    ];
    for Given { key, axis, indices } in lists {
        let Some(indices) = indices else { continue };
        let refuse = |message: String| PlanError::from(source.error(indices.span(), message));
        if !grid.site_axes().contains(&axis) {
            return Err(refuse(no_such_axis(&grid, axis, key)));
        }
        let extent = length(grid.indices(axis).len());
        let ascending = ascending(key, indices.get_ref(), extent).map_err(refuse)?;
        grid = grid.restricted(axis, ascending).map_err(|error| refuse(error.to_string()))?;
    }
    let grid = of_positions(inputs, given, grid, places, clean)?;
    match &given.features {
        Some(features) => restrict_features(inputs, features, grid),
        None => Ok(grid),
    }
}

/// The same grid over the positions that the spec gives, or their spots.
fn of_positions(
    inputs: &Inputs<'_>,
    given: &schema::Grid,
    mut grid: Grid,
    places: &Places,
    clean: &TokenMatrix,
) -> Result<Grid, PlanError> {
    let lists = [
        ("positions", Axis::Pos, &given.positions),
        ("dest_positions", Axis::DestPos, &given.dest_positions),
        ("src_positions", Axis::SrcPos, &given.src_positions),
    ];
    for (key, axis, list) in lists {
        let place = list.as_ref().map_or_else(|| given.place(), Spanned::span);
        let refuse = |message: String| PlanError::from(inputs.source.error(place.clone(), message));
        let is_there = grid.component.axes().contains(&axis);
        let wanted = match list {
            Some(_) if !is_there => return Err(refuse(no_such_axis(&grid, axis, key))),
            Some(list) => positions(inputs, key, list, places, clean, &format!("patched: leave `{key}` out for all"))?,
            None => match places.of_all(clean, grid.axes.contains(&axis)).filter(|_| is_there) {
                Some(all) => all,
                None => continue,
            },
        };
        grid = grid.restricted(axis, wanted).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(grid)
}

/// Positions, or their spots, ascending; at least one, and none twice.
///
/// `otherwise`: behind "nothing would be", what would not, and the next step.
pub(super) fn positions(
    inputs: &Inputs<'_>,
    key: &str,
    given: &Spanned<Vec<Position>>,
    places: &Places,
    clean: &TokenMatrix,
    otherwise: &str,
) -> Result<Vec<u32>, PlanError> {
    let refuse = |message: String| PlanError::from(inputs.source.error(given.span(), message));
    let list = given.get_ref();
    if list.is_empty() {
        return Err(refuse(format!("nothing would be {otherwise}")));
    }
    let Some(spots) = places.of_list(inputs, given.span(), list, clean)? else {
        let numbers: Vec<i64> = list.iter().filter_map(number).collect();
        return ascending(key, &numbers, clean.positions()).map_err(refuse);
    };
    let twice = list.iter().enumerate().find(|(place, position)| list[..*place].contains(position));
    match twice {
        Some((_, position)) => Err(refuse(format!("`{key}` has {position} twice"))),
        None => Ok(spots.into_iter().map(|(spot, _)| spot).collect()),
    }
}

/// A grid over a dictionary, over the features that the spec gives.
fn restrict_features(inputs: &Inputs<'_>, given: &Spanned<schema::Features>, grid: Grid) -> Result<Grid, PlanError> {
    let refuse = |message: String| PlanError::from(inputs.source.error(given.span(), message));
    if grid.dictionary().is_none() {
        let component = grid.component;
        let message = format!(
            "`{component}` has no features: give a `[[dictionary]]`, and its name as `component`, or leave `features` out"
        );
        return Err(refuse(message));
    }
    match given.get_ref() {
        schema::Features::List(features) => {
            let extent = length(grid.indices(Axis::Feature).len());
            let ascending = ascending("features", features, extent).map_err(refuse)?;
            grid.restricted(Axis::Feature, ascending).map_err(|error| refuse(error.to_string()))
        }
        schema::Features::Word(word) if word == ACTIVE => {
            grid.of_active_features().map_err(|error| refuse(error.to_string()))
        }
        schema::Features::Word(word) => {
            let message = format!("`{word}` is no list of features: give their numbers, or \"{ACTIVE}\"");
            Err(inputs.source.word_error(given.span(), message, word, &[ACTIVE]).into())
        }
    }
}

fn no_such_axis(grid: &Grid, axis: Axis, key: &str) -> String {
    let component = grid.component;
    if let Some(dictionary) = grid.dictionary() {
        return AxesError::NotOfDictionary { dictionary: dictionary.name.clone(), axis }.to_string();
    }
    match axis {
        Axis::Pos => format!("`{component}` has no `{key}`: restrict it with `dest_positions` or `src_positions`"),
        Axis::DestPos | Axis::SrcPos => format!("`{component}` has no `{key}`: restrict it with `positions`"),
        Axis::Layer | Axis::Head | Axis::Neuron | Axis::Feature | Axis::ToLayer | Axis::ToHead => {
            AxesError::NotOfComponent { component, axis }.to_string()
        }
    }
}

/// `length`: how many indices there are.
pub(super) fn ascending(key: &str, given: &[i64], length: u32) -> Result<Vec<u32>, String> {
    let mut indices = Vec::new();
    for &index in given {
        indices.push(from_either_end(index, length).ok_or_else(|| {
            format!("{index} is out of range of `{key}`: there are {length} (0 to {}, or -{length} to -1)", length - 1)
        })?);
    }
    indices.sort_unstable();
    if let Some(twice) = repeated(&indices) {
        return Err(format!("`{key}` has {twice} twice"));
    }
    if indices.is_empty() {
        return Err(format!("nothing would be patched: leave `{key}` out for all"));
    }
    Ok(indices)
}

#[cfg(test)]
mod tests {
    use super::super::example::{plan, refusal};
    use super::*;

    #[test]
    fn indices_ascend_and_negative_ones_count_from_the_end() {
        let plan = plan(&[("axes", "layers = [2, 0]\nheads = [1]\npositions = [-1, 1]\naxes")]);
        let grid = &plan.context.grids[0];
        assert_eq!((grid.indices(Axis::Layer), grid.indices(Axis::Head)), ([0, 2].as_slice(), [1].as_slice()));
        assert_eq!((grid.indices(Axis::Pos), grid.extents()), ([1, 3].as_slice(), vec![2, 1]));
    }

    #[test]
    fn attention_patterns_have_two_axes_of_positions() {
        let pattern =
            ("\"z\"\naxes = [\"layer\", \"head\"]", "\"pattern\"\naxes = [\"layer\", \"dest_pos\", \"src_pos\"]");
        let plan = plan(&[pattern, ("axes", "dest_positions = [3]\nsrc_positions = [1, 2]\naxes")]);
        assert_eq!(plan.context.grids[0].extents(), [3, 1, 2]);
        let refused = refusal(&[pattern, ("axes", "positions = [1]\naxes")]);
        assert!(refused.contains("restrict it with `dest_positions` or `src_positions`"), "{refused}");
        let refused = refusal(&[("axes", "src_positions = [1]\naxes")]);
        assert!(
            refused.contains("line 18, column 17: `z` has no `src_positions`: restrict it with `positions`"),
            "{refused}"
        );
    }

    #[test]
    fn neurons_are_restricted_as_heads_are() {
        let post = ("\"z\"\naxes = [\"layer\", \"head\"]", "\"mlp_post\"\naxes = [\"layer\", \"neuron\"]");
        let some = plan(&[post, ("axes", "neurons = [-1, 2]\naxes")]);
        let grid = &some.context.grids[0];
        let width = some.context.architecture.d_mlp;
        assert_eq!((grid.indices(Axis::Neuron), grid.extents()), ([2, width - 1].as_slice(), vec![3, 2]));
        assert_eq!(plan(&[post]).context.grids[0].extents(), [3, width]);
        let together = plan(&[("\"z\"\naxes = [\"layer\", \"head\"]", "\"mlp_pre\"\naxes = [\"layer\"]")]);
        let grid = &together.context.grids[0];
        assert_eq!((grid.extents(), grid.indices(Axis::Neuron).len()), (vec![3], width as usize));
        let beyond = refusal(&[post, ("axes", &format!("neurons = [{width}]\naxes"))]);
        assert!(
            beyond.contains(&format!("{width} is out of range of `neurons`: there are {width} (0 to ")),
            "{beyond}"
        );
        let of_heads = refusal(&[("axes", "neurons = [0]\naxes")]);
        assert!(of_heads.contains("`z` has no axis `neuron`; its axes are `layer`, `pos`, `head`"), "{of_heads}");
        let of_neurons = refusal(&[post, ("axes", "heads = [0]\naxes")]);
        assert!(
            of_neurons.contains("`mlp_post` has no axis `head`; its axes are `layer`, `pos`, `neuron`"),
            "{of_neurons}"
        );
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let with = |line: &str| refusal(&[("axes", &format!("{line}\naxes"))]);
        assert!(with("layers = [3]").contains("3 is out of range of `layers`: there are 3 (0 to 2, or -3 to -1)"));
        assert!(with("positions = [-5]").contains("-5 is out of range of `positions`: there are 4"));
        assert!(with("positions = [3, -1]").contains("line 18, column 13: `positions` has 3 twice"));
        assert!(with("heads = []").contains("leave `heads` out for all"));
        let resid = [("\"z\"", "\"resid_pre\""), ("\"layer\", \"head\"", "\"layer\""), ("axes", "heads = [0]\naxes")];
        assert!(refusal(&resid).contains("`resid_pre` has no axis `head`; its axes are `layer`, `pos`"));
        let twice = refusal(&[("\"z\"", "\"blocks.1.attn.hook_z\""), ("axes", "layers = [1]\naxes")]);
        assert!(twice.contains("names its layer: leave `layers` out, or write `component = \"z\"`"), "{twice}");
    }
}
