//! Grids: components and axes by their `TransformerLens` names.

use patchsweep_core::grid::{AxesError, Axis, Component, Grid, MAX_INDICES, PatchValue, index_count};

use super::{Inputs, PlanError, names, selection};
use crate::spec::Spanned;
use crate::spec::schema::{self, Ablation};

/// `positions`: tokens of each prompt.
pub(super) fn read(inputs: &Inputs<'_>, positions: u32) -> Result<Vec<Grid>, PlanError> {
    let source = inputs.source;
    let mut grids: Vec<Grid> = Vec::new();
    let mut indices = 0;
    for given in &inputs.spec.grid {
        let (component, layer) = component(inputs, &given.component)?;
        let (place, name) = match &given.name {
            Some(name) => (name.span(), name.get_ref().as_str()),
            None => (given.component.span(), component.name()),
        };
        names::refuse(source, place.clone(), name)?;
        if grids.iter().any(|other| other.name == name) {
            return Err(source.error(place, format!("two grids are called `{name}`; give one a `name`")).into());
        }
        let place = match (given.axes.first(), given.axes.last()) {
            (Some(first), Some(last)) => first.span().start..last.span().end,
            _ => given.component.span(),
        };
        indices += index_count(component, &inputs.config.architecture, positions);
        if indices > MAX_INDICES {
            let message =
                format!("the grids up to here have {indices} indices, more than the {MAX_INDICES} of a sweep");
            return Err(source.error(place, message).into());
        }
        let axes = given.axes.iter().map(|word| axis(inputs, word)).collect::<Result<Vec<_>, _>>()?;
        let grid =
            Grid::new(name.to_owned(), component, axes, &inputs.config.architecture, positions).map_err(|error| {
                let is_lacking = matches!(error, AxesError::NotInModel { .. });
                let place = if is_lacking { given.component.span() } else { place.clone() };
                source.error(place, error.to_string())
            })?;
        let grid = selection::restrict(inputs, given, grid, layer)?.patched_with(value(given));
        grid.cell_count().map_err(|error| source.error(place, error.to_string()))?;
        grids.push(grid);
    }
    if grids.is_empty() {
        let message = "a sweep needs at least one `[[grid]]`".to_owned();
        return Err(source.error(inputs.spec.name.span(), message).into());
    }
    Ok(grids)
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
    match name.strip_prefix("blocks.") {
        Some(rest) => {
            let layer = rest.split('.').next().and_then(|layer| layer.parse().ok()).unwrap_or(0);
            let hooks: Vec<String> = Component::ALL.iter().map(|component| component.hook_name(layer)).collect();
            Err(unknown("hook", &hooks.iter().map(String::as_str).collect::<Vec<_>>()))
        }
        None => Err(unknown("component", &Component::ALL.map(Component::name))),
    }
}

fn axis(inputs: &Inputs<'_>, word: &Spanned<String>) -> Result<Axis, PlanError> {
    let name = word.get_ref();
    Axis::from_name(name).ok_or_else(|| {
        let message = format!("unknown axis `{name}`");
        inputs.source.word_error(word.span(), message, name, &Axis::ALL.map(Axis::name)).into()
    })
}

fn value(given: &schema::Grid) -> PatchValue {
    match given.ablate {
        None => PatchValue::Other,
        Some(Ablation::Zero) => PatchValue::Zero,
        Some(Ablation::Mean) => PatchValue::Mean,
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::architecture::{ParallelNorms, Wiring};

    use super::super::example::{config, plan, refusal, spec};
    use super::*;
    use crate::spec::{Source, Spec};

    #[test]
    fn a_hook_name_means_one_layer() {
        let plan = plan(&[("\"z\"", "\"blocks.2.attn.hook_z\"")]);
        let grid = &plan.context.grids[0];
        assert_eq!(
            (grid.name.as_str(), grid.component, grid.indices(Axis::Layer)),
            ("z", Component::Z, [2].as_slice())
        );
    }

    #[test]
    fn neurons_have_hooks_of_their_own() {
        let plan = plan(&[("\"z\"", "\"blocks.1.mlp.hook_post\""), ("\"layer\", \"head\"", "\"layer\", \"neuron\"")]);
        let grid = &plan.context.grids[0];
        assert_eq!((grid.name.as_str(), grid.component), ("mlp_post", Component::MlpPost));
        assert_eq!(grid.indices(Axis::Layer), [1]);
        let refused = refusal(&[("\"z\"", "\"blocks.1.mlp.hook_pst\"")]);
        assert!(refused.contains("did you mean `blocks.1.mlp.hook_post`?"), "{refused}");
    }

    #[test]
    fn a_site_that_the_model_lacks_is_refused_where_it_is_named() {
        let source = Source::new(spec(&[("\"z\"", "\"resid_mid\""), ("\"layer\", \"head\"", "\"layer\"")]));
        let (parsed, mut config) = (Spec::parse(&source).expect("a spec"), config());
        config.architecture.wiring = Wiring::Parallel { norms: ParallelNorms::One };
        let inputs = Inputs { source: &source, spec: &parsed, dataset: "", config: &config, tokenizer: None };
        let refused = read(&inputs, 4).expect_err("is refused").to_string();
        assert!(refused.contains("line 17, column 13: this model has no `resid_mid`"), "{refused}");
    }

    #[test]
    fn an_unknown_hook_is_refused_with_the_nearest_one() {
        let refused = refusal(&[("\"z\"", "\"blocks.2.attn.hook_y\"")]);
        assert!(refused.contains("line 17, column 13: unknown hook `blocks.2.attn.hook_y`"), "{refused}");
        assert!(refused.contains("did you mean `blocks.2.attn.hook_z`?"), "{refused}");
        let refused = refusal(&[("\"z\"", "\"blocks.2.hook_attn_result\"")]);
        assert!(refused.contains("unknown hook `blocks.2.hook_attn_result`"), "{refused}");
        let beyond = refusal(&[("\"z\"", "\"blocks.3.attn.hook_z\"")]);
        assert!(beyond.contains("index 3 along `layer` is out of range: there are 3"), "{beyond}");
    }

    #[test]
    fn ablations_are_patch_values() {
        for (ablate, value) in [("zero", PatchValue::Zero), ("mean", PatchValue::Mean)] {
            let plan = plan(&[("axes", &format!("ablate = \"{ablate}\"\naxes"))]);
            assert_eq!(plan.context.grids[0].value, value);
        }
        let refused = refusal(&[("axes", "ablate = \"maen\"\naxes")]);
        assert!(refused.contains("`maen`") && refused.contains("did you mean `mean`?"), "{refused}");
    }
}
