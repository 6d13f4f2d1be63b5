//! Grids: components and axes by their `TransformerLens` names.

use patchsweep_proto::grid::{Axis, Component, Grid};

use super::{Inputs, PlanError, names};

pub(super) fn read(inputs: &Inputs<'_>) -> Result<Vec<Grid>, PlanError> {
    let source = inputs.source;
    let components: Vec<&str> = Component::ALL.iter().map(|component| component.name()).collect();
    let axis_names: Vec<&str> = Axis::ALL.iter().map(|axis| axis.name()).collect();
    let mut grids: Vec<Grid> = Vec::new();
    for grid in &inputs.spec.grid {
        let word = grid.component.get_ref();
        let component = Component::from_name(word).ok_or_else(|| {
            let message = format!("unknown component `{word}`");
            source.word_error(grid.component.span(), message, word, &components)
        })?;
        let known = |axis: &toml::Spanned<String>| {
            let word = axis.get_ref();
            Axis::from_name(word)
                .ok_or_else(|| source.word_error(axis.span(), format!("unknown axis `{word}`"), word, &axis_names))
        };
        let axes = grid.axes.iter().map(known).collect::<Result<Vec<_>, _>>()?;
        let name = grid.name.as_ref().unwrap_or(&grid.component);
        names::check(source, name)?;
        if grids.iter().any(|other| other.name == *name.get_ref()) {
            let message = format!("two grids are called `{}`; give one a `name`", name.get_ref());
            return Err(source.error(name.span(), message).into());
        }
        let place = match (grid.axes.first(), grid.axes.last()) {
            (Some(first), Some(last)) => first.span().start..last.span().end,
            _ => grid.component.span(),
        };
        let grid = Grid::new(name.get_ref().clone(), component, axes);
        grids.push(grid.map_err(|error| source.error(place, error.to_string()))?);
    }
    if grids.is_empty() {
        let message = "a sweep needs at least one `[[grid]]`".to_owned();
        return Err(source.error(inputs.spec.name.span(), message).into());
    }
    Ok(grids)
}
