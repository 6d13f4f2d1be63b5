//! `Metric`.

use std::collections::BTreeSet;

use super::{WireError, required};
use crate::v1;
use patchsweep_core::metric::{Metric, MetricKind};

impl From<&Metric> for v1::Metric {
    fn from(metric: &Metric) -> Self {
        use v1::metric::Kind;
        let kind = match metric.kind.clone() {
            MetricKind::LogitDiffMax { candidates } => Kind::LogitDiffMax(v1::Candidates { ids: candidates }),
            MetricKind::LogitDiffMean { candidates } => Kind::LogitDiffMean(v1::Candidates { ids: candidates }),
            MetricKind::LogitDiff => Kind::LogitDiff(v1::LogitDiff {}),
            MetricKind::Logprob => Kind::Logprob(v1::Logprob {}),
            MetricKind::Prob => Kind::Prob(v1::Prob {}),
            MetricKind::Kl => Kind::Kl(v1::Kl {}),
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
