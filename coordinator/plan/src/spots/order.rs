//! A sweep's prompts group behind group.

use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::groups::Groups;
use patchsweep_core::metric::{Difference, Metric, MetricKind, ReducedSets};
use patchsweep_core::token_sets::TokenSets;
use patchsweep_core::tokens::TokenMatrix;

/// The same sweep with its prompts in the order of their groups.
pub(in super::super) fn in_groups(context: SweepContext, groups: Groups) -> SweepContext {
    let order = groups.numbers.as_slice();
    SweepContext {
        clean: rows(&context.clean, order),
        iterations: context.iterations.into_iter().map(|iteration| iteration_of(iteration, order)).collect(),
        metrics: context.metrics.into_iter().map(|metric| metric_of(metric, order)).collect(),
        groups,
        ..context
    }
}

fn rows(tokens: &TokenMatrix, order: &[u32]) -> TokenMatrix {
    let rows: Vec<Vec<u32>> = order.iter().map(|&prompt| tokens.row(prompt).to_vec()).collect();
    TokenMatrix::from_any_rows(&rows).expect("the same rows in another order")
}

fn iteration_of(iteration: Iteration, order: &[u32]) -> Iteration {
    let reads = iteration.reads.len();
    let of_prompts = |ids: &[u32]| -> Vec<u32> {
        let of_prompt = |&prompt: &u32| ids.iter().skip(prompt as usize * reads).take(reads);
        order.iter().flat_map(of_prompt).copied().collect()
    };
    Iteration {
        corrupted: rows(&iteration.corrupted, order),
        answers: of_prompts(&iteration.answers),
        wrong_answers: of_prompts(&iteration.wrong_answers),
        ..iteration
    }
}

fn metric_of(metric: Metric, order: &[u32]) -> Metric {
    let side = |ReducedSets { sets, reduce }: ReducedSets| {
        if sets.count() == 1 {
            return ReducedSets { sets, reduce };
        }
        let own = || order.iter().map(|&prompt| sets.of(prompt as usize));
        let ids = own().flatten().copied().collect();
        let sizes = own().map(|set| patchsweep_core::length(set.len()));
        ReducedSets { sets: TokenSets::new(ids, sizes).expect("the same sets in another order"), reduce }
    };
    let kind = match metric.kind {
        MetricKind::Difference(Difference { of, right, wrong }) => {
            MetricKind::Difference(Difference { of, right: side(right), wrong: wrong.map(side) })
        }
        other => other,
    };
    Metric { kind, ..metric }
}
