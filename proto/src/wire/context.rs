//! `SweepContext` and what it holds.

use super::{WireError, required};
use crate::context::{Iteration, SweepContext};
use crate::grid::{Axis, Component, Grid};
use crate::metric::{Metric, MetricKind};
use crate::model::{Dtype, ModelRef, ModelShape};
use crate::tokens::TokenMatrix;
use crate::v1;

const CONTEXT: &str = "SweepContext";

impl From<&SweepContext> for v1::SweepContext {
    fn from(context: &SweepContext) -> Self {
        Self {
            model: Some((&context.model).into()),
            shape: Some(context.shape.into()),
            dtype: v1::Dtype::from(context.dtype).into(),
            clean: Some((&context.clean).into()),
            iterations: context.iterations.iter().map(Into::into).collect(),
            metrics: context.metrics.iter().map(Into::into).collect(),
            grids: context.grids.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::SweepContext> for SweepContext {
    type Error = WireError;

    fn try_from(wire: v1::SweepContext) -> Result<Self, WireError> {
        let shape = ModelShape::try_from(required(wire.shape, CONTEXT, "shape")?)?;
        let clean: TokenMatrix = required(wire.clean, CONTEXT, "clean")?.try_into()?;
        let iterations: Vec<Iteration> =
            wire.iterations.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        let metrics: Vec<Metric> = wire.metrics.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        let grids: Vec<Grid> = wire.grids.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        for (field, length) in [("iterations", iterations.len()), ("metrics", metrics.len()), ("grids", grids.len())] {
            if length == 0 {
                return Err(WireError::invalid(CONTEXT, field, "none given"));
            }
        }
        let context = Self {
            model: required(wire.model, CONTEXT, "model")?.try_into()?,
            dtype: v1::Dtype::try_from(wire.dtype)
                .map_err(|_| WireError::invalid(CONTEXT, "dtype", "unknown"))?
                .try_into()?,
            shape,
            clean,
            iterations,
            metrics,
            grids,
        };
        check_fit(&context)?;
        Ok(context)
    }
}

/// Parts that are valid alone must also fit each other.
fn check_fit(context: &SweepContext) -> Result<(), WireError> {
    let (prompts, positions) = (context.clean.prompts(), context.clean.positions());
    let refuse = |field, reason: &str| Err(WireError::invalid(CONTEXT, field, reason));
    if positions > context.shape.n_ctx {
        return refuse("clean", "more positions than the model has");
    }
    for iteration in &context.iterations {
        let corrupted = &iteration.corrupted;
        if corrupted.prompts() != prompts || corrupted.positions() != positions {
            return refuse("iterations", "corrupted prompts are not of the clean prompts' shape");
        }
        if iteration.answers.len() != prompts as usize {
            return refuse("iterations", "not one answer per prompt");
        }
        if iteration.read >= positions {
            return refuse("iterations", "read position out of range");
        }
    }
    if let Some(stray) = context.stray_answer() {
        return refuse("iterations", &stray.to_string());
    }
    let candidates = context.metrics.iter().flat_map(|metric| match &metric.kind {
        MetricKind::LogitDiffMax { candidates } => candidates,
    });
    let corrupted = context.iterations.iter().flat_map(|i| i.corrupted.ids().iter().chain(&i.answers));
    let mut ids = context.clean.ids().iter().chain(corrupted).chain(candidates);
    if ids.any(|&id| id >= context.shape.d_vocab) {
        return refuse("shape", "a token id is outside the vocabulary");
    }
    Ok(())
}

impl From<&ModelRef> for v1::ModelRef {
    fn from(model: &ModelRef) -> Self {
        use v1::model_ref::Source;
        let source = match model.clone() {
            ModelRef::Folder(name) => Source::Folder(name),
            ModelRef::Hub { repository, revision } => Source::Hub(v1::HubModel { repository, revision }),
        };
        Self { source: Some(source) }
    }
}

impl TryFrom<v1::ModelRef> for ModelRef {
    type Error = WireError;

    fn try_from(wire: v1::ModelRef) -> Result<Self, WireError> {
        use v1::model_ref::Source;
        let model = match required(wire.source, "ModelRef", "source")? {
            Source::Folder(name) => Self::folder(&name),
            Source::Hub(hub) => Self::hub(&hub.repository, &hub.revision),
        };
        model.map_err(|error| WireError::invalid("ModelRef", "source", error))
    }
}

impl From<ModelShape> for v1::ModelShape {
    fn from(shape: ModelShape) -> Self {
        let ModelShape { layers, heads, d_model, d_mlp, d_vocab, n_ctx } = shape;
        Self { layers, heads, d_model, d_mlp, d_vocab, n_ctx }
    }
}

impl TryFrom<v1::ModelShape> for ModelShape {
    type Error = WireError;

    fn try_from(wire: v1::ModelShape) -> Result<Self, WireError> {
        let v1::ModelShape { layers, heads, d_model, d_mlp, d_vocab, n_ctx } = wire;
        if [layers, heads, d_model, d_mlp, d_vocab, n_ctx].contains(&0) {
            return Err(WireError::invalid(CONTEXT, "shape", "a size is 0"));
        }
        Ok(Self { layers, heads, d_model, d_mlp, d_vocab, n_ctx })
    }
}

impl From<Dtype> for v1::Dtype {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Float32 => Self::Float32,
            Dtype::Bfloat16 => Self::Bfloat16,
            Dtype::Float16 => Self::Float16,
        }
    }
}

impl TryFrom<v1::Dtype> for Dtype {
    type Error = WireError;

    fn try_from(wire: v1::Dtype) -> Result<Self, WireError> {
        match wire {
            v1::Dtype::Unspecified => Err(WireError::Missing { message: CONTEXT, field: "dtype" }),
            v1::Dtype::Float32 => Ok(Self::Float32),
            v1::Dtype::Bfloat16 => Ok(Self::Bfloat16),
            v1::Dtype::Float16 => Ok(Self::Float16),
        }
    }
}

impl From<&TokenMatrix> for v1::TokenMatrix {
    fn from(tokens: &TokenMatrix) -> Self {
        Self { prompts: tokens.prompts(), positions: tokens.positions(), ids: tokens.ids().to_vec() }
    }
}

impl TryFrom<v1::TokenMatrix> for TokenMatrix {
    type Error = WireError;

    fn try_from(wire: v1::TokenMatrix) -> Result<Self, WireError> {
        Self::from_flat(wire.prompts, wire.positions, wire.ids)
            .map_err(|error| WireError::invalid("TokenMatrix", "ids", error))
    }
}

impl From<&Iteration> for v1::Iteration {
    fn from(iteration: &Iteration) -> Self {
        Self {
            corrupted: Some((&iteration.corrupted).into()),
            read: iteration.read,
            answers: iteration.answers.clone(),
        }
    }
}

impl TryFrom<v1::Iteration> for Iteration {
    type Error = WireError;

    fn try_from(wire: v1::Iteration) -> Result<Self, WireError> {
        let corrupted = required(wire.corrupted, "Iteration", "corrupted")?.try_into()?;
        Ok(Self { corrupted, read: wire.read, answers: wire.answers })
    }
}

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
                let distinct: std::collections::BTreeSet<_> = candidates.iter().collect();
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
