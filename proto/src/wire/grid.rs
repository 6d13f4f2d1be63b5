//! `Grid`.

use super::WireError;
use crate::v1;
use patchsweep_core::architecture::Architecture;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};

const GRID: &str = "Grid";

impl From<&Grid> for v1::Grid {
    fn from(grid: &Grid) -> Self {
        let selection =
            |&axis: &Axis| v1::Selection { axis: axis_to_wire(axis).into(), indices: grid.indices(axis).to_vec() };
        Self {
            name: grid.name.clone(),
            component: component_to_wire(grid.component).into(),
            axes: grid.axes.iter().map(|&axis| axis_to_wire(axis).into()).collect(),
            selections: grid.component.axes().iter().map(selection).collect(),
            value: match grid.value {
                PatchValue::Other => v1::PatchValue::Other.into(),
                PatchValue::Zero => v1::PatchValue::Zero.into(),
                PatchValue::Mean => v1::PatchValue::Mean.into(),
            },
        }
    }
}

/// A grid over such a model and prompts of this many positions.
pub(super) fn grid_from_wire(wire: v1::Grid, model: &Architecture, positions: u32) -> Result<Grid, WireError> {
    let component = component_from_wire(wire.component())?;
    let axes = wire.axes().map(axis_from_wire).collect::<Result<_, _>>()?;
    let value = match wire.value() {
        v1::PatchValue::Unspecified => return Err(WireError::Missing { message: GRID, field: "value" }),
        v1::PatchValue::Other => PatchValue::Other,
        v1::PatchValue::Zero => PatchValue::Zero,
        v1::PatchValue::Mean => PatchValue::Mean,
    };
    let refuse = |error| WireError::invalid(GRID, "axes", error);
    let mut grid = Grid::new(wire.name, component, axes, model, positions).map_err(refuse)?;
    for selection in wire.selections {
        let restricted = grid.restricted(axis_from_wire(selection.axis())?, selection.indices);
        grid = restricted.map_err(refuse)?;
    }
    grid.cell_count().map_err(refuse)?;
    Ok(grid.patched_with(value))
}

fn component_to_wire(component: Component) -> v1::Component {
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
        // No grid is over it.
        Component::MlpProjection => v1::Component::Unspecified,
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
        Axis::DestPos => v1::Axis::DestPos,
        Axis::SrcPos => v1::Axis::SrcPos,
    }
}

fn axis_from_wire(axis: v1::Axis) -> Result<Axis, WireError> {
    Ok(match axis {
        v1::Axis::Unspecified => return Err(WireError::invalid(GRID, "axes", "unknown axis")),
        v1::Axis::Layer => Axis::Layer,
        v1::Axis::Pos => Axis::Pos,
        v1::Axis::Head => Axis::Head,
        v1::Axis::Neuron => Axis::Neuron,
        v1::Axis::DestPos => Axis::DestPos,
        v1::Axis::SrcPos => Axis::SrcPos,
    })
}
