//! Metrics of final residual streams; only the logits that they read are computed.

use patchsweep_core::metric::{Metric, MetricKind};
use tch::{Kind, Tensor};

use crate::torch::model::exec::Exec;
use crate::torch::numbers::length;
use crate::torch::score::vocabulary::{CleanDistribution, Distribution};

/// What some prompts are scored with at one read position.
pub(crate) struct Scorer<'a> {
    exec: &'a Exec<'a>,
    metrics: &'a [Metric],
    /// int64 \[prompts\]
    answers: Tensor,
    /// int64 \[prompts\]
    wrong_answers: Option<Tensor>,
    /// Of the clean run, for metrics that compare with it.
    clean: Option<CleanDistribution>,
}

impl<'a> Scorer<'a> {
    /// `answers`, `wrong_answers`: token ids \[prompts\]; `clean`: the clean run's last residual stream at the read position
    /// \[prompts, `d_model`\].
    pub(crate) fn new(
        exec: &'a Exec<'a>,
        metrics: &'a [Metric],
        answers: &[u32],
        wrong_answers: Option<&[u32]>,
        clean: &Tensor,
    ) -> Self {
        let ids = |ids: &[u32]| {
            let ids: Vec<i64> = ids.iter().map(|&id| id.into()).collect();
            Tensor::from_slice(&ids).to_device(exec.model.unembed.device())
        };
        let compares = metrics.iter().any(|metric| metric.kind == MetricKind::Kl);
        Self {
            exec,
            metrics,
            answers: ids(answers),
            wrong_answers: wrong_answers.map(ids),
            clean: compares.then(|| CleanDistribution::of(exec, &exec.final_norm(clean))),
        }
    }

    /// All metrics of runs \[metrics, cells, prompts\], float32.
    ///
    /// `resid`: the last residual stream at the read position \[cells, prompts, `d_model`\].
    pub(crate) fn score(&self, resid: &Tensor) -> Tensor {
        let (cells, prompts, _) = resid.size3().expect("cells, prompts and d_model");
        let normed = self.exec.final_norm(&resid.flatten(0, 1));
        let answers = self.answers.repeat([cells]);
        let reads_vocabulary = self.metrics.iter().any(|metric| metric.kind.reads_vocabulary());
        let distribution = reads_vocabulary.then(|| Distribution::of(self.exec, &normed, self.clean.as_ref()));
        let logit = |ids: &Tensor| {
            let columns = self.exec.model.unembed.index_select(0, ids).to_kind(Kind::Float);
            let product = (&normed * columns).sum_dim_intlist([-1].as_slice(), false, Kind::Float);
            self.exec.logits(product, self.bias_of(ids).as_ref())
        };
        let logprob = || match &distribution {
            Some(distribution) => logit(&answers) - &distribution.log_sum,
            None => unreachable!("computed for metrics that read the vocabulary"),
        };
        let score = |metric: &Metric| match &metric.kind {
            MetricKind::LogitDiffMax { candidates } => {
                let (others, is_answer) = self.candidates(&normed, candidates, &answers);
                logit(&answers) - others.masked_fill(&is_answer, f64::NEG_INFINITY).amax([-1], false)
            }
            MetricKind::LogitDiffMean { candidates } => {
                let (others, is_answer) = self.candidates(&normed, candidates, &answers);
                let sum = others.masked_fill(&is_answer, 0.0).sum_dim_intlist([-1].as_slice(), false, Kind::Float);
                let count = length(candidates.len()) - 1;
                logit(&answers) - sum / count
            }
            MetricKind::LogitDiff => match &self.wrong_answers {
                Some(wrong) => logit(&answers) - logit(&wrong.repeat([cells])),
                None => unreachable!("a context with this metric has wrong answers"),
            },
            MetricKind::Logprob => logprob(),
            MetricKind::Prob => logprob().exp(),
            MetricKind::Kl => match distribution.as_ref().and_then(|run| run.divergence.as_ref()) {
                Some(divergence) => divergence.shallow_clone(),
                None => unreachable!("compared for this metric"),
            },
        };
        let scores: Vec<Tensor> = self.metrics.iter().map(|metric| score(metric).view([cells, prompts])).collect();
        Tensor::stack(&scores, 0)
    }

    /// Of some tokens.
    fn bias_of(&self, ids: &Tensor) -> Option<Tensor> {
        self.exec.model.unembed_bias.as_ref().map(|bias| bias.index_select(0, ids))
    }

    /// Logits of the candidates, and which of them is the answer, each \[rows, candidates\].
    fn candidates(&self, normed: &Tensor, candidates: &[u32], answers: &Tensor) -> (Tensor, Tensor) {
        let ids: Vec<i64> = candidates.iter().map(|&id| id.into()).collect();
        let ids = Tensor::from_slice(&ids).to_device(normed.device());
        let columns = self.exec.model.unembed.index_select(0, &ids).to_kind(Kind::Float);
        let product = self.exec.product(normed, &columns.transpose(0, 1));
        let logits = self.exec.logits(product, self.bias_of(&ids).as_ref());
        (logits, ids.unsqueeze(0).eq_tensor(&answers.unsqueeze(1)))
    }
}
