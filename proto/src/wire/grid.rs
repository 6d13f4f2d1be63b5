//! `Grid`.

mod paths;

use super::WireError;
use super::dictionary::dictionary_from_wire;
use crate::v1;
use std::sync::Arc;

use patchsweep_core::also::{Also, MOST_ALSO};
use patchsweep_core::architecture::Architecture;
use patchsweep_core::estimate::{Estimate, Gradients, Verify};
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};

const GRID: &str = "Grid";
const ALSO: &str = "Also";

impl From<&Grid> for v1::Grid {
    fn from(grid: &Grid) -> Self {
        let selection =
            |&axis: &Axis| v1::Selection { axis: axis_to_wire(axis).into(), indices: grid.indices(axis).to_vec() };
        Self {
            name: grid.name.clone(),
            component: component_to_wire(grid.component).into(),
            axes: own_axes(grid).map(|&axis| axis_to_wire(axis).into()).collect(),
            selections: grid.site_axes().iter().map(selection).collect(),
            value: value_to_wire(grid.value).into(),
            others: grid.components().skip(1).map(|component| component_to_wire(component).into()).collect(),
            // Left out where there is none, so that such a grid keeps the digest that it always had.
            window: if grid.window() > 1 { grid.window() } else { 0 },
            also: grid.also().iter().map(v1::Also::from).collect(),
            dictionary: grid.dictionary().map(|dictionary| v1::Dictionary::from(&**dictionary)),
            to: grid.to().map(v1::Receivers::from),
            estimate: grid.estimate.map(Into::into),
            only_active: grid.chooses_features(),
        }
    }
}

/// Those of what is written, without those of receivers.
fn own_axes(grid: &Grid) -> impl Iterator<Item = &Axis> {
    grid.axes.iter().filter(|axis| grid.site_axes().contains(axis))
}

impl From<Estimate> for v1::Estimate {
    fn from(Estimate { gradients, recompute_pattern, verify }: Estimate) -> Self {
        let steps = match gradients {
            Gradients::AtBase => 0,
            Gradients::Integrated { steps } => steps,
        };
        let verify = verify.map(|Verify { top, sample, seed }| v1::Verify { top, sample, seed });
        Self { steps, recompute_pattern, verify }
    }
}

impl From<v1::Estimate> for Estimate {
    fn from(v1::Estimate { steps, recompute_pattern, verify }: v1::Estimate) -> Self {
        let gradients = if steps == 0 { Gradients::AtBase } else { Gradients::Integrated { steps } };
        let verify = verify.map(|v1::Verify { top, sample, seed }| Verify { top, sample, seed });
        Self { gradients, recompute_pattern, verify }
    }
}

impl From<&Also> for v1::Also {
    fn from(also: &Also) -> Self {
        Self {
            component: component_to_wire(also.component).into(),
            layer: also.layer,
            heads: also.heads.clone(),
            positions: also.positions.clone(),
            value: value_to_wire(also.value).into(),
            neurons: also.neurons.to_vec(),
        }
    }
}

/// Of prompts of this many positions.
fn also_from_wire(wire: v1::Also, positions: u32) -> Result<Also, WireError> {
    let component = component_from_wire(wire.component())?;
    let value = value_from_wire(wire.value(), ALSO)?;
    let sources = if component == Component::Pattern { (0..positions).collect() } else { Vec::new() };
    let v1::Also { layer, heads, neurons, positions, .. } = wire;
    Ok(Also { component, layer, heads, neurons: neurons.into(), positions, sources, value })
}

pub(super) use paths::index_count as receivers_index_count;

/// How many indices it lists, of prompts of so many positions.
pub(super) fn also_index_count(wire: &v1::Also, positions: u32) -> u64 {
    (wire.heads.len() + wire.neurons.len() + wire.positions.len()) as u64 + u64::from(positions)
}

fn value_to_wire(value: PatchValue) -> v1::PatchValue {
    match value {
        PatchValue::Other => v1::PatchValue::Other,
        PatchValue::Zero => v1::PatchValue::Zero,
        PatchValue::Mean => v1::PatchValue::Mean,
        PatchValue::Knockout => v1::PatchValue::Knockout,
    }
}

fn value_from_wire(value: v1::PatchValue, message: &'static str) -> Result<PatchValue, WireError> {
    match value {
        v1::PatchValue::Unspecified => Err(WireError::Missing { message, field: "value" }),
        v1::PatchValue::Other => Ok(PatchValue::Other),
        v1::PatchValue::Zero => Ok(PatchValue::Zero),
        v1::PatchValue::Mean => Ok(PatchValue::Mean),
        v1::PatchValue::Knockout => Ok(PatchValue::Knockout),
    }
}

/// A grid over such a model and prompts of this many positions.
pub(super) fn grid_from_wire(wire: v1::Grid, model: &Architecture, positions: u32) -> Result<Grid, WireError> {
    let component = component_from_wire(wire.component())?;
    let axes = wire.axes().map(axis_from_wire).collect::<Result<_, _>>()?;
    let value = value_from_wire(wire.value(), GRID)?;
    let others = wire.others().map(component_from_wire).collect::<Result<Vec<_>, _>>()?;
    let refuse = |error| WireError::invalid(GRID, "axes", error);
    let grid = match wire.dictionary {
        Some(dictionary) => {
            let dictionary = dictionary_from_wire(dictionary, model)?;
            if dictionary.component != component {
                return Err(WireError::invalid(GRID, "component", "not the one that the dictionary reads"));
            }
            Grid::over_features(wire.name, Arc::new(dictionary), axes, model, positions)
        }
        None => Grid::new(wire.name, component, axes, model, positions),
    };
    let mut grid = grid.map_err(refuse)?;
    for selection in wire.selections {
        let restricted = grid.restricted(axis_from_wire(selection.axis())?, selection.indices);
        grid = restricted.map_err(refuse)?;
    }
    grid = grid.together_with(others, model).map_err(|error| WireError::invalid(GRID, "others", error))?;
    grid = grid.with_window(wire.window.max(1)).map_err(refuse)?;
    if wire.also.len() > MOST_ALSO {
        return Err(WireError::invalid(GRID, "also", "more than a grid may have"));
    }
    for also in wire.also {
        let with = grid.with_also(also_from_wire(also, positions)?, model, positions);
        grid = with.map_err(|error| WireError::invalid(GRID, "also", error))?;
    }
    if let Some(to) = wire.to {
        let paths = grid.with_paths_to(paths::from_wire(to)?, model, positions);
        grid = paths.map_err(|error| WireError::invalid(GRID, "to", error))?;
    }
    grid.cell_count().map_err(refuse)?;
    grid = grid.patched_with(value);
    grid.refuse_value().map_err(|error| WireError::invalid(GRID, "value", error))?;
    if wire.only_active {
        grid = grid.of_active_features().map_err(|error| WireError::invalid(GRID, "only_active", error))?;
    }
    match wire.estimate {
        Some(estimate) => {
            let estimated = grid.estimated(estimate.into(), model);
            estimated.map_err(|error| WireError::invalid(GRID, "estimate", error))
        }
        None => Ok(grid),
    }
}

pub(super) fn component_to_wire(component: Component) -> v1::Component {
    match component {
        Component::ResidPre => v1::Component::ResidPre,
        Component::ResidMid => v1::Component::ResidMid,
        Component::ResidPost => v1::Component::ResidPost,
        Component::AttnOut => v1::Component::AttnOut,
        Component::MlpOut => v1::Component::MlpOut,
        Component::Z => v1::Component::Z,
        Component::Q => v1::Component::Q,
        Component::K => v1::Component::K,
        Component::V => v1::Component::V,
        Component::Pattern => v1::Component::Pattern,
        Component::MlpPre => v1::Component::MlpPre,
        Component::MlpPost => v1::Component::MlpPost,
        // No grid is over them.
        Component::MlpProjection | Component::MlpIn => v1::Component::Unspecified,
    }
}

pub(super) fn component_from_wire(component: v1::Component) -> Result<Component, WireError> {
    Ok(match component {
        v1::Component::Unspecified => return Err(WireError::Missing { message: GRID, field: "component" }),
        v1::Component::ResidPre => Component::ResidPre,
        v1::Component::ResidMid => Component::ResidMid,
        v1::Component::ResidPost => Component::ResidPost,
        v1::Component::AttnOut => Component::AttnOut,
        v1::Component::MlpOut => Component::MlpOut,
        v1::Component::Z => Component::Z,
        v1::Component::Q => Component::Q,
        v1::Component::K => Component::K,
        v1::Component::V => Component::V,
        v1::Component::Pattern => Component::Pattern,
        v1::Component::MlpPre => Component::MlpPre,
        v1::Component::MlpPost => Component::MlpPost,
    })
}

fn axis_to_wire(axis: Axis) -> v1::Axis {
    match axis {
        Axis::Layer => v1::Axis::Layer,
        Axis::Pos => v1::Axis::Pos,
        Axis::Head => v1::Axis::Head,
        Axis::Neuron => v1::Axis::Neuron,
        Axis::Feature => v1::Axis::Feature,
        Axis::DestPos => v1::Axis::DestPos,
        Axis::SrcPos => v1::Axis::SrcPos,
        // No component has them.
        Axis::ToLayer | Axis::ToHead => v1::Axis::Unspecified,
    }
}

fn axis_from_wire(axis: v1::Axis) -> Result<Axis, WireError> {
    Ok(match axis {
        v1::Axis::Unspecified => return Err(WireError::invalid(GRID, "axes", "unknown axis")),
        v1::Axis::Layer => Axis::Layer,
        v1::Axis::Pos => Axis::Pos,
        v1::Axis::Head => Axis::Head,
        v1::Axis::Neuron => Axis::Neuron,
        v1::Axis::Feature => Axis::Feature,
        v1::Axis::DestPos => Axis::DestPos,
        v1::Axis::SrcPos => Axis::SrcPos,
    })
}
