//! Names of dimensions. A dataset has one size for each, so grids over other layers get dimensions of their own.

use std::collections::BTreeMap;

use patchsweep_core::results::{GridScores, SweepResults};

use super::super::labels::token_name;
use super::super::tensors::Tensor;

const ITERATION: &str = "iteration";
const PROMPT: &str = "prompt";
const LINE: &str = "line";

/// What stands along a dimension.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    /// Layers, heads, neurons, features, positions.
    Numbers(Vec<i64>),
    /// Labels, and positions that may be others in each prompt.
    Words(Vec<String>),
}

/// A named list along a dimension.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Coordinate {
    /// The dimension's for its indices; another for what stands beside them.
    pub(super) name: String,
    pub(super) dimension: String,
    pub(super) values: Values,
}

/// The dimensions of all tensors.
#[derive(Debug)]
pub(super) struct Dimensions<'a> {
    results: &'a SweepResults,
    /// By the dimension's name; all but iterations and prompts.
    along: BTreeMap<String, Along<'a>>,
    /// Of each grid's axes, by the grid's name.
    of_grids: BTreeMap<&'a str, Vec<String>>,
}

#[derive(Clone, Copy, Debug)]
struct Along<'a> {
    axis: &'a str,
    places: Places<'a>,
}

/// What tells dimensions of an axis from each other.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Places<'a> {
    indices: &'a [u32],
    /// None where places have no names.
    names: &'a [String],
}

impl<'a> Dimensions<'a> {
    pub(super) fn of(results: &'a SweepResults) -> Self {
        let widest = widest(&results.grids);
        let mut along = BTreeMap::new();
        let mut of_grids = BTreeMap::new();
        for grid in &results.grids {
            let names = axes(grid).map(|here| {
                let plain = widest.get(here.axis) == Some(&here.places);
                let name = if plain { here.axis.to_owned() } else { format!("{}.{}", grid.grid, here.axis) };
                along.insert(name.clone(), here);
                name
            });
            of_grids.insert(grid.grid.as_str(), names.collect());
        }
        Self { results, along, of_grids }
    }

    /// Of a tensor, in its order.
    pub(super) fn of_tensor(&self, tensor: &Tensor<'_>) -> Vec<String> {
        let axes = tensor.grid.and_then(|grid| self.of_grids.get(grid)).map_or(&[][..], Vec::as_slice);
        let mut names = vec![ITERATION.to_owned()];
        names.extend_from_slice(axes);
        if tensor.shape.len() > names.len() {
            names.push(PROMPT.to_owned());
        }
        names
    }

    /// What stands along each dimension but that of prompts, which have no names.
    pub(super) fn indices(&self) -> Vec<Coordinate> {
        let own = |name: &str, values| Coordinate { name: name.to_owned(), dimension: name.to_owned(), values };
        let mut list = vec![own(ITERATION, Values::Words(self.results.iteration_labels.clone()))];
        list.extend(self.along.iter().map(|(dimension, along)| {
            let Places { indices, names } = along.places;
            let numbers = || Values::Numbers(indices.iter().map(|&index| index.into()).collect());
            own(dimension, if names.is_empty() { numbers() } else { Values::Words(names.to_vec()) })
        }));
        list
    }

    /// What stands beside indices: the tokens of the first prompt beside the positions, and the lines of the dataset beside the
    /// prompts.
    pub(super) fn beside(&self) -> Vec<Coordinate> {
        let has_lines = self.results.kept_prompts() > 0 && !self.results.lines.is_empty();
        let lines = has_lines.then(|| Coordinate {
            name: LINE.to_owned(),
            dimension: PROMPT.to_owned(),
            values: Values::Numbers(self.results.lines.iter().map(|&line| line.into()).collect()),
        });
        self.tokens().into_iter().chain(lines).collect()
    }

    fn tokens(&self) -> Vec<Coordinate> {
        let token = |&index: &u32| self.results.token_labels.get(index as usize).cloned().unwrap_or_default();
        let beside = |(dimension, along): (&String, &Along<'_>)| {
            // Where a position is another one in each prompt, it has no token of its own.
            if !along.places.names.is_empty() {
                return None;
            }
            let grid = dimension.strip_suffix(along.axis).unwrap_or_default();
            Some(Coordinate {
                name: format!("{grid}{}", token_name(along.axis)?),
                dimension: dimension.clone(),
                values: Values::Words(along.places.indices.iter().map(token).collect()),
            })
        };
        self.along.iter().filter_map(beside).collect()
    }
}

/// The longest list of indices along each axis, which gets the axis' plain name; the first of equally long ones.
fn widest(grids: &[GridScores]) -> BTreeMap<&str, Places<'_>> {
    let mut widest = BTreeMap::new();
    for Along { axis, places } in grids.iter().flat_map(axes) {
        let longest = widest.entry(axis).or_insert(places);
        if places.indices.len() > longest.indices.len() {
            *longest = places;
        }
    }
    widest
}

fn axes(grid: &GridScores) -> impl Iterator<Item = Along<'_>> {
    grid.axes
        .iter()
        .zip(&grid.indices)
        .enumerate()
        .map(|(number, (axis, indices))| Along { axis, places: Places { indices, names: grid.names_along(number) } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, grid};
    use crate::tensors::tensors;

    /// Dimensions of the tensor with this name.
    fn of(results: &SweepResults, name: &str) -> Vec<String> {
        let list = tensors(results).expect("consistent");
        let tensor = list.iter().find(|tensor| tensor.name == name).expect("a tensor");
        Dimensions::of(results).of_tensor(tensor)
    }

    fn numbers(results: &SweepResults, name: &str) -> Option<Vec<i64>> {
        let coordinates = Dimensions::of(results).indices();
        let found = coordinates.into_iter().find(|coordinate| coordinate.name == name && coordinate.dimension == name);
        found.map(|coordinate| match coordinate.values {
            Values::Numbers(numbers) => numbers,
            Values::Words(words) => panic!("words: {words:?}"),
        })
    }

    /// The grid under both metrics, first in the list.
    fn with_first(scores: &GridScores) -> SweepResults {
        let mut results = example();
        let both = [0, 1].map(|metric| GridScores { metric, ..scores.clone() });
        results.grids.splice(..0, both);
        results
    }

    #[test]
    fn grids_share_the_dimensions_that_they_agree_on() {
        let results = example();
        assert_eq!(of(&results, "clean@prob"), ["iteration"]);
        assert_eq!(of(&results, "resid_pre"), ["iteration", "layer", "pos"]);
        assert_eq!(of(&results, "z@prob.stderr"), ["iteration", "layer", "head"]);
        assert_eq!(numbers(&results, "layer"), Some(vec![0, 1, 2, 3]));
        let iterations = &Dimensions::of(&results).indices()[0];
        assert_eq!(
            (iterations.name.as_str(), &iterations.values),
            ("iteration", &Values::Words(results.iteration_labels))
        );
    }

    #[test]
    fn a_grid_over_fewer_layers_has_a_dimension_of_its_own_even_if_it_comes_first() {
        let mut entries = grid("entries", &["layer", "head"], &[2, 4]);
        entries.indices[0] = vec![1, 3];
        let results = with_first(&entries);
        assert_eq!(of(&results, "entries@prob.value"), ["iteration", "entries.layer", "head"]);
        assert_eq!(of(&results, "z"), ["iteration", "layer", "head"]);
        assert_eq!(numbers(&results, "entries.layer"), Some(vec![1, 3]));
        assert_eq!(numbers(&results, "layer"), Some(vec![0, 1, 2, 3]));
    }

    #[test]
    fn of_equally_long_axes_the_first_keeps_the_plain_name() {
        let mut late = grid("late", &["layer", "head"], &[4, 4]);
        late.indices[0] = vec![4, 5, 6, 7];
        let results = with_first(&late);
        assert_eq!(of(&results, "late"), ["iteration", "layer", "head"]);
        assert_eq!(of(&results, "resid_pre"), ["iteration", "resid_pre.layer", "pos"]);
        assert_eq!(of(&results, "z"), ["iteration", "z.layer", "head"]);
    }

    #[test]
    fn tokens_stand_beside_the_positions_that_a_grid_has() {
        let mut pattern = grid("entries", &["layer", "dest_pos", "src_pos", "pos"], &[4, 8, 2, 2]);
        (pattern.indices[2], pattern.indices[3]) = (vec![5, 1], vec![4, 99]);
        let results = with_first(&pattern);
        let tokens = Dimensions::of(&results).tokens();
        let named: Vec<_> = tokens.iter().map(|token| (token.name.as_str(), token.dimension.as_str())).collect();
        let expected =
            [("dest_token", "dest_pos"), ("entries.token", "entries.pos"), ("token", "pos"), ("src_token", "src_pos")];
        assert_eq!(named, expected);
        let words = |place: usize| match &tokens[place].values {
            Values::Words(words) => words.clone(),
            Values::Numbers(numbers) => panic!("numbers: {numbers:?}"),
        };
        assert_eq!(words(0), results.token_labels);
        assert_eq!(words(1), [" Officer", ""], "a position without a token has an empty one");
        assert_eq!(words(3), [" (", "The"]);
    }

    #[test]
    fn names_of_positions_are_coordinates_without_tokens() {
        let mut named = grid("named", &["layer", "pos"], &[4, 2]);
        named.names = vec![Vec::new(), vec!["subject".to_owned(), "end".to_owned()]];
        let mut others = grid("others", &["layer", "pos"], &[4, 2]);
        others.names = vec![Vec::new(), vec!["end".to_owned(), "subject".to_owned()]];
        let mut results = with_first(&named);
        results.grids.push(others);
        let dimensions = Dimensions::of(&results);
        let words = |name: &str| {
            let found = dimensions.indices().into_iter().find(|coordinate| coordinate.name == name);
            found.map(|coordinate| coordinate.values)
        };
        let list = |names: [&str; 2]| Some(Values::Words(names.map(str::to_owned).to_vec()));
        assert_eq!((words("named.pos"), words("others.pos")), (list(["subject", "end"]), list(["end", "subject"])));
        assert!(dimensions.tokens().iter().all(|token| token.dimension == "pos"), "only numbers have tokens");
    }

    #[test]
    fn effects_on_prompts_have_a_last_dimension() {
        let mut results = example();
        results.grids[1].per_prompt = results.grids[1].effect.repeat(5);
        assert_eq!(of(&results, "z.prompts"), ["iteration", "layer", "head", "prompt"]);
        assert_eq!(numbers(&results, "prompt"), None);
    }
}
