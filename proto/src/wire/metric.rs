//! `Metric`.

use std::collections::BTreeSet;

use super::{WireError, required};
use crate::v1;
use patchsweep_core::length;
use patchsweep_core::metric::{Difference, Metric, MetricKind, Reduce, ReducedSets, TokenScore};
use patchsweep_core::token_sets::TokenSets;

impl From<&Metric> for v1::Metric {
    fn from(metric: &Metric) -> Self {
        use v1::metric::Kind;
        let candidates = |ids: &[u32]| v1::Candidates { ids: ids.to_vec() };
        let kind = match &metric.kind {
            MetricKind::LogitDiffMax { candidates: ids } => Kind::LogitDiffMax(candidates(ids)),
            MetricKind::LogitDiffMean { candidates: ids } => Kind::LogitDiffMean(candidates(ids)),
            MetricKind::LogitDiff => Kind::LogitDiff(v1::LogitDiff {}),
            MetricKind::Logprob => Kind::Logprob(v1::Logprob {}),
            MetricKind::Prob => Kind::Prob(v1::Prob {}),
            MetricKind::Kl => Kind::Kl(v1::Kl {}),
            MetricKind::Difference(difference) => Kind::Difference(difference.into()),
        };
        Self { name: metric.name.clone(), kind: Some(kind), normalize: metric.normalize }
    }
}

impl TryFrom<v1::Metric> for Metric {
    type Error = WireError;

    fn try_from(wire: v1::Metric) -> Result<Self, WireError> {
        use v1::metric::Kind;
        let kind = match required(wire.kind, "Metric", "kind")? {
            Kind::LogitDiffMax(candidates) => MetricKind::LogitDiffMax { candidates: ids(candidates)? },
            Kind::LogitDiffMean(candidates) => MetricKind::LogitDiffMean { candidates: ids(candidates)? },
            Kind::LogitDiff(v1::LogitDiff {}) => MetricKind::LogitDiff,
            Kind::Logprob(v1::Logprob {}) => MetricKind::Logprob,
            Kind::Prob(v1::Prob {}) => MetricKind::Prob,
            Kind::Kl(v1::Kl {}) => MetricKind::Kl,
            Kind::Difference(difference) => MetricKind::Difference(difference.try_into()?),
        };
        Ok(Self { name: wire.name, kind, normalize: wire.normalize })
    }
}

fn ids(candidates: v1::Candidates) -> Result<Vec<u32>, WireError> {
    let distinct: BTreeSet<_> = candidates.ids.iter().collect();
    if distinct.len() < 2 || distinct.len() < candidates.ids.len() {
        return Err(WireError::invalid("Candidates", "ids", "fewer than two candidates, or one of them twice"));
    }
    Ok(candidates.ids)
}

impl From<&Difference> for v1::Difference {
    fn from(difference: &Difference) -> Self {
        let of = match difference.of {
            TokenScore::Logit => v1::TokenScore::Logit,
            TokenScore::Logprob => v1::TokenScore::Logprob,
            TokenScore::Prob => v1::TokenScore::Prob,
        };
        Self {
            of: of.into(),
            right: Some((&difference.right).into()),
            wrong: difference.wrong.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<v1::Difference> for Difference {
    type Error = WireError;

    fn try_from(wire: v1::Difference) -> Result<Self, WireError> {
        let of = match wire.of() {
            v1::TokenScore::Unspecified => return Err(WireError::Missing { message: "Difference", field: "of" }),
            v1::TokenScore::Logit => TokenScore::Logit,
            v1::TokenScore::Logprob => TokenScore::Logprob,
            v1::TokenScore::Prob => TokenScore::Prob,
        };
        let right = required(wire.right, "Difference", "right")?.try_into()?;
        let difference = Self { of, right, wrong: wire.wrong.map(TryInto::try_into).transpose()? };
        match difference.shared_token() {
            Some(_) => Err(WireError::invalid("Difference", "wrong", "a prompt has a token in both sets")),
            None => Ok(difference),
        }
    }
}

impl From<&ReducedSets> for v1::ReducedSets {
    fn from(side: &ReducedSets) -> Self {
        let reduce = match side.reduce {
            Reduce::Sum => v1::Reduce::Sum,
            Reduce::Mean => v1::Reduce::Mean,
            Reduce::Max => v1::Reduce::Max,
            Reduce::Logsumexp => v1::Reduce::Logsumexp,
        };
        let sizes = side.sets.iter().map(|set| length(set.len())).collect();
        Self { ids: side.sets.ids().to_vec(), sizes, reduce: reduce.into() }
    }
}

impl TryFrom<v1::ReducedSets> for ReducedSets {
    type Error = WireError;

    fn try_from(wire: v1::ReducedSets) -> Result<Self, WireError> {
        let reduce = match wire.reduce() {
            v1::Reduce::Unspecified => return Err(WireError::Missing { message: "ReducedSets", field: "reduce" }),
            v1::Reduce::Sum => Reduce::Sum,
            v1::Reduce::Mean => Reduce::Mean,
            v1::Reduce::Max => Reduce::Max,
            v1::Reduce::Logsumexp => Reduce::Logsumexp,
        };
        let sets =
            TokenSets::new(wire.ids, wire.sizes).map_err(|error| WireError::invalid("ReducedSets", "ids", error))?;
        Ok(Self { sets, reduce })
    }
}
