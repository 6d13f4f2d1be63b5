//! `SweepContext` and what it holds.

use super::{WireError, required};
use crate::context::{Iteration, SweepContext};
use crate::grid::Grid;
use crate::metric::{Metric, MetricKind};
use crate::model::ModelShape;
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

#[cfg(test)]
mod tests {
    use super::super::{decode_context, encode_context};
    use super::*;
    use crate::grid::{Axis, Component, Grid};
    use crate::metric::{Metric, MetricKind};
    use crate::model::{Dtype, ModelRef};

    fn context() -> SweepContext {
        let tokens = |ids: &[u32]| TokenMatrix::from_flat(2, 3, ids.to_vec()).expect("a matrix");
        let kind = MetricKind::LogitDiffMax { candidates: vec![7, 8] };
        let axes = vec![Axis::Layer, Axis::Pos, Axis::Head];
        SweepContext {
            model: ModelRef::Hub { repository: "openai-community/gpt2".into(), revision: "main".into() },
            shape: ModelShape { layers: 2, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 3 },
            dtype: Dtype::Bfloat16,
            clean: tokens(&[1, 2, 3, 4, 5, 6]),
            iterations: vec![Iteration { corrupted: tokens(&[1, 9, 3, 4, 9, 6]), read: 2, answers: vec![7, 8] }],
            metrics: vec![Metric { name: "m".into(), kind }],
            grids: vec![Grid::new("g".into(), Component::K, axes).expect("a grid")],
        }
    }

    #[test]
    fn a_context_comes_back_as_it_was_and_its_digest_tells_it_from_others() {
        let sent = context();
        assert_eq!(decode_context(&encode_context(&sent)), Ok(sent.clone()));
        let mut other = context();
        other.iterations[0].read = 1;
        assert_ne!(other.digest(), sent.digest());
    }

    #[test]
    fn parts_that_do_not_fit_each_other_are_refused() {
        let refusal = |change: fn(&mut SweepContext)| {
            let mut context = context();
            change(&mut context);
            decode_context(&encode_context(&context)).expect_err("is refused").to_string()
        };
        assert!(refusal(|c| c.iterations[0].read = 3).contains("read position out of range"));
        assert!(refusal(|c| c.iterations[0].answers = vec![7]).contains("not one answer per prompt"));
        assert!(refusal(|c| c.iterations[0].answers = vec![7, 9]).contains("not among the candidates"));
        assert!(refusal(|c| c.shape.d_vocab = 9).contains("outside the vocabulary"));
        assert!(refusal(|c| c.shape.n_ctx = 2).contains("more positions than the model has"));
        assert!(refusal(|c| c.grids.clear()).contains("`grids`: none given"));
        assert!(refusal(|c| c.model = ModelRef::Folder("../up".into())).contains("`../up`"));
    }
}
