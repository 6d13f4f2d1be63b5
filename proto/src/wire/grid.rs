//! `Grid` and `Metric`.

use std::collections::BTreeSet;

use super::{WireError, required};
use crate::grid::{Axis, Component, Grid};
use crate::metric::{Metric, MetricKind};
use crate::v1;

impl From<&Metric> for v1::Metric {
    fn from(metric: &Metric) -> Self {
        use v1::metric::Kind;
        let kind = match metric.kind.clone() {
            MetricKind::LogitDiffMax { candidates } => Kind::LogitDiffMax(v1::LogitDiffMax { candidates }),
        };
        Self { name: metric.name.clone(), kind: Some(kind) }
    }
}

impl TryFrom<v1::Metric> for Metric {
    type Error = WireError;

    fn try_from(wire: v1::Metric) -> Result<Self, WireError> {
        use v1::metric::Kind;
        let kind = match required(wire.kind, "Metric", "kind")? {
            Kind::LogitDiffMax(v1::LogitDiffMax { candidates }) => {
                let distinct: BTreeSet<_> = candidates.iter().collect();
                if distinct.len() < 2 || distinct.len() < candidates.len() {
                    let reason = "fewer than two candidates, or one of them twice";
                    return Err(WireError::invalid("LogitDiffMax", "candidates", reason));
                }
                MetricKind::LogitDiffMax { candidates }
            }
        };
        Ok(Self { name: wire.name, kind })
    }
}

impl From<&Grid> for v1::Grid {
    fn from(grid: &Grid) -> Self {
        let component = match grid.component {
            Component::ResidPre => v1::Component::ResidPre,
            Component::ResidMid => v1::Component::ResidMid,
            Component::ResidPost => v1::Component::ResidPost,
            Component::AttnOut => v1::Component::AttnOut,
            Component::MlpOut => v1::Component::MlpOut,
            Component::Z => v1::Component::Z,
            Component::Q => v1::Component::Q,
            Component::K => v1::Component::K,
            Component::V => v1::Component::V,
        };
        let axis = |axis: &Axis| match axis {
            Axis::Layer => v1::Axis::Layer,
            Axis::Pos => v1::Axis::Pos,
            Axis::Head => v1::Axis::Head,
        };
        Self {
            name: grid.name.clone(),
            component: component.into(),
            axes: grid.axes.iter().map(|a| axis(a).into()).collect(),
        }
    }
}

impl TryFrom<v1::Grid> for Grid {
    type Error = WireError;

    fn try_from(wire: v1::Grid) -> Result<Self, WireError> {
        let component = match wire.component() {
            v1::Component::Unspecified => {
                return Err(WireError::Missing { message: "Grid", field: "component" });
            }
            v1::Component::ResidPre => Component::ResidPre,
            v1::Component::ResidMid => Component::ResidMid,
            v1::Component::ResidPost => Component::ResidPost,
            v1::Component::AttnOut => Component::AttnOut,
            v1::Component::MlpOut => Component::MlpOut,
            v1::Component::Z => Component::Z,
            v1::Component::Q => Component::Q,
            v1::Component::K => Component::K,
            v1::Component::V => Component::V,
        };
        let known = |axis| match axis {
            v1::Axis::Unspecified => Err(WireError::invalid("Grid", "axes", "unknown axis")),
            v1::Axis::Layer => Ok(Axis::Layer),
            v1::Axis::Pos => Ok(Axis::Pos),
            v1::Axis::Head => Ok(Axis::Head),
        };
        let axes = wire.axes().map(known).collect::<Result<_, _>>()?;
        Self::new(wire.name, component, axes).map_err(|error| WireError::invalid("Grid", "axes", error))
    }
}
