//! A cell as a person names it.

use patchsweep_core::grid::{Axis, Grid};
use patchsweep_core::length;
use patchsweep_plan::Plan;

/// A cell of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellAddress {
    /// Index of the grid.
    pub grid: u32,
    /// Index of the iteration.
    pub iteration: u32,
    /// Row-major place in the grid.
    pub place: u32,
}

/// Words that name no cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// There is no such grid.
    #[error("no grid `{word}`; the sweep's grids are {}", list(.grids))]
    Grid {
        /// What was asked for.
        word: String,
        /// Those that there are.
        grids: Vec<String>,
    },
    /// There is no such iteration.
    #[error("no iteration `{word}`; give one of the labels {}, or its number from 0", list(.labels))]
    Iteration {
        /// What was asked for.
        word: String,
        /// Those that there are.
        labels: Vec<String>,
    },
    /// More or fewer indices than the grid has axes.
    #[error(
        "grid `{grid}` has the axes {}: give the iteration and one index for each, for instance `{example}`", list(.axes)
    )]
    Indices {
        /// The grid.
        grid: String,
        /// Its axes.
        axes: Vec<String>,
        /// Words that name a cell of it.
        example: String,
    },
    /// Not an index.
    #[error("`{word}` is no index; give a number, or AXIS=NUMBER with one of the axes {}", list(.axes))]
    Index {
        /// What was asked for.
        word: String,
        /// The grid's axes.
        axes: Vec<String>,
    },
    /// The grid has no such layer, head, neuron or position.
    #[error("grid `{grid}` has no {axis} {index}; it has {known}")]
    OutOfGrid {
        /// The grid.
        grid: String,
        /// The axis.
        axis: Axis,
        /// What was asked for.
        index: String,
        /// What there is along that axis.
        known: String,
    },
}

impl CellAddress {
    /// Finds `GRID ITERATION INDEX...`: the iteration by its label or number, and an index for each axis, in the grid's
    /// order or as `AXIS=NUMBER`; `8.11` stands for `8 11`.
    pub fn find(plan: &Plan, words: &[String]) -> Result<Self, CellError> {
        let grids = &plan.context.grids;
        let wanted = words.first().map_or("", String::as_str);
        let unknown =
            || CellError::Grid { word: wanted.to_owned(), grids: names(grids.iter().map(|grid| &*grid.name)) };
        let (number, grid) = (0..).zip(grids).find(|(_, grid)| grid.name == wanted).ok_or_else(unknown)?;
        let Some(iteration) = words.get(1) else { return Err(wrong_count(plan, grid)) };
        let iteration = find_iteration(plan, iteration)?;
        let place = find_place(plan, grid, words.get(2..).unwrap_or_default())?;
        Ok(Self { grid: number, iteration, place })
    }
}

fn find_iteration(plan: &Plan, word: &str) -> Result<u32, CellError> {
    let word = word.strip_prefix("iteration=").unwrap_or(word);
    let labels = &plan.iteration_labels;
    let by_label = || labels.iter().position(|label| label == word);
    let by_number = || word.parse().ok().filter(|&number: &usize| number < labels.len());
    let found = by_label().or_else(by_number).and_then(|found| u32::try_from(found).ok());
    found.ok_or_else(|| CellError::Iteration { word: word.to_owned(), labels: labels.clone() })
}

fn find_place(plan: &Plan, grid: &Grid, words: &[String]) -> Result<u32, CellError> {
    let mut indices: Vec<Option<&str>> = vec![None; grid.axes.len()];
    let mut unnamed = Vec::new();
    let no_index = |word: &str| CellError::Index { word: word.to_owned(), axes: axis_names(grid) };
    let is_name = |word: &str| grid.axes.iter().filter_map(|&axis| grid.names(axis)).flatten().any(|name| name == word);
    let is_index = |word: &str| word.parse::<u32>().is_ok() || is_name(word);
    for word in words {
        if let Some((axis, index)) = word.split_once('=') {
            let axis = Axis::from_name(axis).and_then(|axis| grid.axes.iter().position(|&own| own == axis));
            let slot = axis.map(|axis| &mut indices[axis]).ok_or_else(|| no_index(word))?;
            if !is_index(index) {
                return Err(no_index(word));
            }
            if slot.replace(index).is_some() {
                return Err(wrong_count(plan, grid));
            }
        } else {
            for index in word.split(['.', ',']).filter(|index| !index.is_empty()) {
                if !is_index(index) {
                    return Err(no_index(index));
                }
                unnamed.push(index);
            }
        }
    }
    let mut unnamed = unnamed.into_iter();
    for slot in indices.iter_mut().filter(|slot| slot.is_none()) {
        *slot = unnamed.next();
    }
    let indices: Option<Vec<&str>> = indices.into_iter().collect();
    let indices = indices.filter(|_| unnamed.next().is_none()).ok_or_else(|| wrong_count(plan, grid))?;
    let mut place = 0;
    for (&axis, index) in grid.axes.iter().zip(indices) {
        let known = Known::along(grid, axis);
        let out_of_grid =
            || CellError::OutOfGrid { grid: grid.name.clone(), axis, index: index.to_owned(), known: known.words() };
        let at = known.place_of(index).ok_or_else(out_of_grid)?;
        place = place * grid.indices(axis).len() + at;
    }
    Ok(length(place))
}

/// What places along an axis are known by.
enum Known<'a> {
    Names(Vec<&'a str>),
    Numbers(Vec<u32>),
}

impl<'a> Known<'a> {
    fn along(grid: &'a Grid, axis: Axis) -> Self {
        grid.names(axis).map_or_else(|| Self::Numbers(grid.coordinates(axis)), Self::Names)
    }

    fn place_of(&self, word: &str) -> Option<usize> {
        match self {
            Self::Names(names) => names.iter().position(|name| *name == word),
            Self::Numbers(numbers) => numbers.binary_search(&word.parse().ok()?).ok(),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Names(names) => list(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()),
            Self::Numbers(numbers) => ranges(numbers),
        }
    }

    fn first(&self) -> String {
        match self {
            Self::Names(names) => names.first().copied().unwrap_or_default().to_owned(),
            Self::Numbers(numbers) => numbers.first().copied().unwrap_or_default().to_string(),
        }
    }
}

fn wrong_count(plan: &Plan, grid: &Grid) -> CellError {
    let indices: Vec<String> = grid.axes.iter().map(|&axis| Known::along(grid, axis).first()).collect();
    let iteration = plan.iteration_labels.len().saturating_sub(1);
    let example = format!("{} {iteration} {}", grid.name, indices.join(" "));
    CellError::Indices { grid: grid.name.clone(), axes: axis_names(grid), example }
}

fn axis_names(grid: &Grid) -> Vec<String> {
    names(grid.axes.iter().map(|axis| axis.name()))
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.map(str::to_owned).collect()
}

/// Most names that an error lists.
const MOST_NAMES: usize = 20;

fn list(names: &[String]) -> String {
    let quoted = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => quoted,
        more => format!("{quoted} and {more} more"),
    }
}

/// Ascending numbers, with a dash where they follow each other.
fn ranges(numbers: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => parts.push((number, number)),
        }
    }
    let part = |&(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let shown: Vec<String> = parts.iter().take(MOST_NAMES).map(part).collect();
    if parts.len() > MOST_NAMES { format!("{}, ..", shown.join(", ")) } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use patchsweep_core::status::PlanOptions;
    use patchsweep_plan::fixtures;

    use super::*;

    /// Grid `z` over two layers, three positions and two heads, of which only head 1 is patched at positions 0 and 2.
    fn plan() -> Plan {
        let mut plan = fixtures::plan(PlanOptions::default());
        let context = Arc::make_mut(&mut plan.context);
        let grid = context.grids[0].clone().restricted(Axis::Head, vec![1]).expect("a head");
        context.grids[0] = grid.restricted(Axis::Pos, vec![0, 2]).expect("positions");
        plan
    }

    fn find(words: &[&str]) -> Result<CellAddress, CellError> {
        CellAddress::find(&plan(), &words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    fn refusal(words: &[&str]) -> String {
        find(words).expect_err("no such cell").to_string()
    }

    #[test]
    fn a_cell_is_found_by_its_indices_in_order_or_by_name() {
        let wanted = CellAddress { grid: 0, iteration: 1, place: 3 };
        for words in [
            &["z", "1", "1", "2", "1"][..],
            &["z", "Iteration 1", "1.2.1"],
            &["z", "iteration=1", "head=1", "pos=2", "layer=1"],
            &["z", "1", "pos=2", "1", "1"],
            &["z", "1", "1,2", "1"],
        ] {
            assert_eq!(find(words), Ok(wanted.clone()), "{words:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        assert_eq!(refusal(&["q", "0"]), "no grid `q`; the sweep's grids are `z`");
        assert_eq!(refusal(&[]), "no grid ``; the sweep's grids are `z`");
        let labels = "give one of the labels `Iteration 0`, `Iteration 1`, or its number from 0";
        for word in ["2", "first", "-1"] {
            assert_eq!(refusal(&["z", word, "0"]), format!("no iteration `{word}`; {labels}"));
        }
        assert_eq!(refusal(&["z", "0", "0", "1", "1"]), "grid `z` has no pos 1; it has 0, 2");
        assert_eq!(refusal(&["z", "0", "2.0.1"]), "grid `z` has no layer 2; it has 0-1");
        let axes = "`layer`, `pos`, `head`";
        assert_eq!(
            refusal(&["z", "0", "one"]),
            format!("`one` is no index; give a number, or AXIS=NUMBER with one of the axes {axes}")
        );
        assert!(refusal(&["z", "0", "depth=1"]).starts_with("`depth=1` is no index"));
    }

    #[test]
    fn too_many_or_too_few_indices_are_refused_with_an_example_that_works() {
        let wanted = "grid `z` has the axes `layer`, `pos`, `head`: give the iteration and one index for each, \
                      for instance `z 1 0 0 1`";
        for words in
            [&["z"][..], &["z", "0"], &["z", "0", "0", "0"], &["z", "0", "0.0.1.1"], &["z", "0", "pos=0", "pos=0"]]
        {
            assert_eq!(refusal(words), wanted, "{words:?}");
        }
        assert!(find(&["z", "1", "0", "0", "1"]).is_ok());
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..25).map(|number| format!("g{number}")).collect();
        assert!(list(&names).ends_with("`g19` and 5 more"));
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2, 5, 7-8");
    }
}
